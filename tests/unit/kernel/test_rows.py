"""Copies of rows with a change, of both kinds."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from windlass.kernel.rows import Row, replace


class Struct(Row, frozen=True):
    name: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class Plain:
    name: str
    count: int = 0


@pytest.mark.parametrize("kind", [Struct, Plain])
def test_a_copy_with_a_change(kind: type[Struct] | type[Plain]) -> None:
    """The copy has the new value, the row keeps its own; rows of equal values are equal and hash alike."""
    row = kind("a")
    copy = replace(row, count=2)
    assert (copy.name, copy.count, row.count) == ("a", 2, 0)
    assert copy == kind("a", 2) and {copy: "found"}[kind("a", 2)] == "found"
    with pytest.raises((AttributeError, TypeError)):
        row.count = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        replace(row, no_column=1)
