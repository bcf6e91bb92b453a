"""Which messages of a batch are done with after an invocation, and which stay in the queue. Pure.

Messages that stay become visible again when their timeout is over; the queue's redrive policy decides how
often. Source: Lambda Developer Guide, "Reporting batch item failures for Lambda functions with an Amazon SQS
trigger", success and failure conditions; that reporting functions are not slowed down by errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from windlass.services.lambda_.sources.batch import Record


@dataclass(frozen=True, slots=True)
class Outcome:
    """`done` is deleted, `left` is not touched. `why` says what went wrong; empty when nothing did."""

    done: tuple[Record, ...]
    left: tuple[Record, ...] = ()
    why: str = ""
    failed: bool = False
    """Whether the mapping is to slow down: an error of a function that reports no batch item failures."""


def decide(records: Sequence[Record], error: str, payload: bytes, item_failures: bool) -> Outcome:
    """`error` is the invocation's FunctionError, `payload` what the function returned.

    With ReportBatchItemFailures and {"batchItemFailures": [{"itemIdentifier": "m2"}]}: all done but m2.
    """
    everything = tuple(records)
    if error:
        return Outcome((), everything, "Function call failed", failed=not item_failures)
    if not item_failures:
        return Outcome(everything)
    failed = failed_ids(payload)
    if failed is None or not failed <= {record.message_id for record in records}:
        return Outcome((), everything, "The function's batch response is not valid")
    left = tuple(record for record in records if record.message_id in failed)
    done = tuple(record for record in records if record.message_id not in failed)
    return Outcome(done, left, "The function reported batch item failures" if left else "")


def failed_ids(payload: bytes) -> frozenset[str] | None:
    """The messages that the response reports; None when it is wrong, which fails the whole batch.

    null, {}, {"batchItemFailures": null} and {"batchItemFailures": []} report nothing.
    """
    try:
        response = msgspec.json.decode(payload or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if response is None:
        return frozenset()
    if not isinstance(response, dict):
        return None
    items = response.get("batchItemFailures")
    if items is None:
        return frozenset()
    if not isinstance(items, list):
        return None
    found = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in items]
    named = [one for one in found if isinstance(one, str) and one]
    return frozenset(named) if len(named) == len(found) else None


def unblocked(rest: Sequence[Record], outcome: Outcome) -> tuple[Record, ...]:
    """What was received behind a batch and may still go: no message of a group that has one left.

    On a standard queue everything; on a FIFO queue order would be lost otherwise.
    """
    groups = {record.group for record in outcome.left if record.group}
    return tuple(record for record in rest if record.group not in groups)
