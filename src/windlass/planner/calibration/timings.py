"""Observed timings of tasks, from CSV or from what `aws ecs describe-tasks` prints. Pure.

Columns and members are DescribeTasks' own (`createdAt`, `pullStartedAt`, …), and what it does not tell:
`image_mb`, `assignPublicIp`, `networkMode`. What cannot be read is refused with its line. An empty cell is
something that never happened.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

STAMPS = ("createdAt", "pullStartedAt", "pullStoppedAt", "startedAt")
"""In the order in which they happen."""
WORDS: Mapping[str, tuple[str, ...]] = {
    "launchType": ("FARGATE", "EC2"),
    "assignPublicIp": ("ENABLED", "DISABLED"),
    "networkMode": ("awsvpc", "bridge", "host", "none"),
}
COLUMNS = (*STAMPS, *WORDS, "capacityProviderName", "image_mb")
SPOT = "FARGATE_SPOT"
SECONDS_MAX = 1e11
"""Numbers above it are no seconds since 1970, but milliseconds."""
ROWS_MAX = 1_000_000
"""Ours."""


class BadTimings(Exception):
    """Why something is no list of timings: one line for people, with file and line number."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Of one task; times in seconds since 1970, None for what was not."""

    created_s: float
    pull_started_s: float | None = None
    pull_stopped_s: float | None = None
    started_s: float | None = None
    fargate: bool = True
    spot: bool = False
    public: bool | None = None
    """Whether it has a public address; None: not told."""
    interface: bool = True
    """Whether it has one of its own."""
    image_mb: float | None = None
    """Compressed, of all its images together."""

    @property
    def provision_s(self) -> float | None:
        """From its row to its first pull."""
        return _between(self.created_s, self.pull_started_s)

    @property
    def pull_s(self) -> float | None:
        return _between(self.pull_started_s, self.pull_stopped_s)

    @property
    def start_s(self) -> float | None:
        """From the last pull to RUNNING."""
        return _between(self.pull_stopped_s, self.started_s)


def read(text: str, name: str) -> list[Timing]:
    """The timings in a file's text, which is JSON or CSV. Raises BadTimings."""
    found: list[Timing] = []
    rows = _json_rows(text, name) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text, name)
    for where, row in rows:
        if len(found) == ROWS_MAX:
            raise BadTimings(f"{where}: a file has at most {ROWS_MAX:,} timings")
        try:
            found.append(_timing(row))
        except ValueError as error:
            raise BadTimings(f"{where}: {error}") from error
    return found


def _csv_rows(text: str, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(where, row) of each line below the first, which names the columns."""
    lines = csv.reader(io.StringIO(text), strict=True)
    try:
        columns = [column.strip() for column in next(lines, [])]
        _check_columns(columns, name)
        for cells in lines:
            where = f"{name}:{lines.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                raise BadTimings(f"{where}: {len(cells)} cells; the first line names {len(columns)} columns")
            yield where, dict(zip(columns, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        raise BadTimings(f"{name}:{lines.line_num}: {error}") from error


def _check_columns(columns: Sequence[str], name: str) -> None:
    for column in columns:
        if column in COLUMNS:
            if columns.count(column) > 1:
                raise BadTimings(f"{name}:1: there are two columns {column!r}")
            continue
        folded = {known.lower(): known for known in COLUMNS}
        if close := difflib.get_close_matches(column.lower(), folded, 1, 0.75):
            raise BadTimings(f"{name}:1: unknown column {column!r}: did you mean {folded[close[0]]}?")
    missing = [column for column in ("createdAt",) if column not in columns]
    if not {"launchType", "capacityProviderName"} & set(columns):
        missing.append("launchType (FARGATE or EC2)")
    if not set(STAMPS[1:]) & set(columns):
        missing.append(f"one of {', '.join(STAMPS[1:])}")
    if missing:
        raise BadTimings(
            f"{name}:1: the first line names the columns; there is no {' and no '.join(missing)}"
        )


def _json_rows(text: str, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(where, task) of each answer of describe-tasks; there may be several, one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        line = text.count("\n", 0, at) + 1
        try:
            answer, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise BadTimings(f"{name}:{error.lineno}: {error.msg}") from error
        except RecursionError as error:
            raise BadTimings(f"{name}:{line}: this is nested too deeply") from error
        tasks = answer.get("tasks") if isinstance(answer, dict) else answer
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise BadTimings(f"{name}:{line}: no `tasks`, as aws ecs describe-tasks prints them")
        for place, task in enumerate(tasks):
            yield f"{name}:{line}: tasks[{place}]", _row(task)


def _row(task: Mapping[str, Any]) -> Mapping[str, Any]:
    """A task of DescribeTasks as a line of CSV would say it."""
    attached = task.get("attachments")
    interfaces = [
        one
        for one in (attached if isinstance(attached, list) else ())
        if isinstance(one, dict) and one.get("type") == "ElasticNetworkInterface"
    ]
    return {"networkMode": "awsvpc" if interfaces else "bridge", **task}


def _timing(row: Mapping[str, Any]) -> Timing:
    stamps = [_seconds(name, row.get(name)) for name in STAMPS]
    created, pull_started, pull_stopped, started = stamps
    if created is None:
        raise ValueError("createdAt is missing")
    known = [(name, at) for name, at in zip(STAMPS, stamps, strict=True) if at is not None]
    for (before, earlier), (after, later) in pairwise(known):
        if later < earlier:
            raise ValueError(f"{after} is {earlier - later:g} s before {before}")
    launch_type, provider = _word("launchType", row), row.get("capacityProviderName") or ""
    if not launch_type and not provider:
        raise ValueError("launchType is missing: FARGATE or EC2")
    fargate = launch_type == "FARGATE" or str(provider).startswith("FARGATE")
    public = _word("assignPublicIp", row)
    return Timing(
        created,
        pull_started,
        pull_stopped,
        started,
        fargate=fargate,
        spot=provider == SPOT,
        public=public == "ENABLED" if public else None,
        interface=fargate or _word("networkMode", row) in ("", "awsvpc"),
        image_mb=_megabytes(row.get("image_mb")),
    )


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else end - begin


def _word(name: str, row: Mapping[str, Any]) -> str:
    given = row.get(name) or ""
    if given and given not in WORDS[name]:
        raise ValueError(f"{name} is {given!r}: it is one of {', '.join(WORDS[name])}")
    return str(given)


def _seconds(name: str, given: Any) -> float | None:
    """Since 1970, of ISO 8601 (without an offset UTC) or a number."""
    if given is None or given == "":
        return None
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = None
    if number is not None:
        if not 0 <= number < SECONDS_MAX:
            raise ValueError(f"{name} is {given}: a number is of seconds since 1970")
        return number
    try:
        at = datetime.fromisoformat(str(given))
    except ValueError:
        raise ValueError(
            f"{name} is {given!r}: write 2026-11-22T10:00:00.123Z, or seconds since 1970"
        ) from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()


def _megabytes(given: Any) -> float | None:
    if given is None or given == "":
        return None
    try:
        size = float(given)
    except (TypeError, ValueError):
        size = -1.0
    if not 0 < size < SECONDS_MAX:
        raise ValueError(f"image_mb is {given!r}: it is a number of megabytes, compressed")
    return size
