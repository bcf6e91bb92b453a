"""CSV files of a scenario: when requests came, and how long something took. Errors name file and line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from windlass.planner.playing.changes import CannotPlay

ROWS_MAX = 5_000_000
"""Of one file; ours."""


class BadTrace(CannotPlay):
    """Why a file is no trace: one line for people, with file and line number."""


def arrivals(path: Path) -> list[tuple[float, int]]:
    """(seconds, requests then), in order: columns at_s and, perhaps, count. Raises BadTrace."""
    found: list[tuple[float, int]] = []
    for line, row in _rows(path, "at_s"):
        at, count = _number(path, line, row, "at_s"), 1
        if row.get("count") is not None:
            many = _number(path, line, row, "count")
            if not many.is_integer():
                raise BadTrace(f"{path}:{line}: {row['count']!r} is no count")
            count = int(many)
        if found and at < found[-1][0]:
            raise BadTrace(f"{path}:{line}: {at:g} s comes before the line above it")
        found.append((at, count))
    return found


def times(path: Path) -> list[float]:
    """Seconds: a column of that name. Raises BadTrace."""
    return [_number(path, line, row, "seconds") for line, row in _rows(path, "seconds")]


def _rows(path: Path, column: str) -> Iterator[tuple[int, dict[str, str]]]:
    count = 0
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            if column not in (reader.fieldnames or ()):
                raise BadTrace(f"{path}:1: there is no column {column}")
            for row in reader:
                count += 1
                if count > ROWS_MAX:
                    raise BadTrace(f"{path}: a trace has at most {ROWS_MAX} lines")
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadTrace(f"{path}: {error}") from error
    if not count:
        raise BadTrace(f"{path}: there are no lines below the heading")


def _number(path: Path, line: int, row: dict[str, str], column: str) -> float:
    try:
        found = float(row[column])
    except (TypeError, ValueError):
        found = math.nan
    if not 0 <= found < math.inf:
        raise BadTrace(f"{path}:{line}: {row[column]!r} is no {column}")
    return found
