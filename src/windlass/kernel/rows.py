"""Rows that change all the time: frozen structs, because a copy with a change must cost next to nothing.

A frozen slots dataclass is the usual row. Its `dataclasses.replace` walks all fields in Python, which takes
10 to 30 µs for a task of 31 fields, and that nine times in a task's life; a frozen struct does it in C in
0.3 µs, and compares and decodes as fast. Everything else about the two is the same (docs/decisions/0009).
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import msgspec

R = TypeVar("R")


class Row(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of the rows that each change of a task, a unit or a node copies.

    The log leaves out columns that have their default, which makes most rows half as long: a default that
    changes is a change of what is stored, and needs another column. The garbage collector does not look at
    rows: made of values alone, they are in no cycle.
    """


def replace(row: R, **changes: Any) -> R:
    """The row with other values in these columns; for both kinds of rows."""
    if isinstance(row, msgspec.Struct):
        return msgspec.structs.replace(row, **changes)
    return dataclasses.replace(row, **changes)  # type: ignore[type-var]
