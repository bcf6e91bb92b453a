"""Revisions of configurations and connectors: which number comes next, and which are listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from windlass.aws.calls import Call, Params
from windlass.services.apprunner import find
from windlass.services.apprunner.configuration_model import Revision
from windlass.services.apprunner.faults import too_many

R = TypeVar("R", bound=Revision)


def following(call: Call, rows: Sequence[Revision], name: str, quota: str, most: int, noun: str) -> int:
    """The number of that name's next revision; `rows` are all of the scope. No number comes back.

    Raises ServiceQuotaExceededException for one name too many (`quota`), or one revision of it (`most`).
    """
    active = [row for row in rows if row.status == "ACTIVE"]
    names = {row.name for row in active}
    if name not in names:
        find.check_quota(call, quota, len(names - {find.DEFAULT_NAME}), f"{noun} names")
    if sum(row.name == name for row in active) >= most:
        raise too_many(f"active revisions of an {noun}", most)
    return max((row.revision for row in rows if row.name == name), default=0) + 1


def listed(params: Params, rows: Sequence[R], name: str | None) -> list[R]:
    """Active ones, of that name only if it is one, by name and number; with LatestOnly the newest of each."""
    chosen = [
        row
        for row in sorted(rows, key=lambda row: row.key)
        if row.status == "ACTIVE" and name in (None, row.name)
    ]
    return list({row.name: row for row in chosen}.values()) if params.get("LatestOnly", True) else chosen
