"""Batches: what fails the whole call, and what only one entry. Pure.

A fault of one entry becomes a line in `Failed`; the entries around it go on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from windlass.kernel.faults import Fault
from windlass.services.sqs import errors
from windlass.services.sqs.limits import BATCH_ENTRIES_MAX, BATCH_ID_MAX

_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{BATCH_ID_MAX}}}")

Entries = Sequence[Mapping[str, Any]]


def check(entries: Entries, operation: str) -> None:
    """1 to 10 entries with well-formed ids, no id twice. `operation` is for the text: "SendMessageBatch"."""
    if not entries:
        raise errors.empty_batch(operation)
    if len(entries) > BATCH_ENTRIES_MAX:
        raise errors.too_many_entries(len(entries), BATCH_ENTRIES_MAX)
    seen: set[str] = set()
    for entry in entries:
        entry_id = entry["Id"]
        if _ID.fullmatch(entry_id) is None:
            raise errors.invalid_entry_id()
        if entry_id in seen:
            raise errors.repeated_id(entry_id)
        seen.add(entry_id)


def each(entries: Entries, act: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]) -> dict[str, Any]:
    """Do every entry; `act` gives the further members of its `Successful` line, or raises a Fault."""
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            successful.append({"Id": entry["Id"], **(act(entry) or {})})
        except Fault as fault:
            failed.append(failure(entry["Id"], fault))
    return {"Successful": successful, "Failed": failed}


def failure(entry_id: str, fault: Fault) -> dict[str, Any]:
    code = fault.query_code or fault.code
    return {"Id": entry_id, "SenderFault": True, "Code": code, "Message": fault.message}
