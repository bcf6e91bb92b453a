"""Filters of Describe operations: wildcards, several values, tags, and names that do not exist."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.ec2 import limits
from windlass.services.ec2.filters import Values, pattern, read, values_of

Row = dict[str, Any]
NAMES: dict[str, Values[Row]] = {"name": lambda row: (row["name"],), "group": lambda row: row["groups"]}


def passes(row: Row, *filters: Row) -> bool:
    return read(filters, NAMES, lambda one: one["tags"])(row)


def a_filter(name: str, *values: str) -> Row:
    return {"Name": name, "Values": list(values)}


WEB: Row = {"name": "web-1", "groups": ("a", "b"), "tags": {"Env": "prod"}}


@pytest.mark.parametrize(
    ("filters", "passed"),
    [
        ([], True),
        ([a_filter("name", "web-1")], True),
        ([a_filter("name", "WEB-1")], False),
        ([a_filter("name", "x", "web-?")], True),
        ([a_filter("name", "web")], False),
        ([a_filter("group", "b")], True),
        ([a_filter("group", "c")], False),
        ([a_filter("name", "web-1"), a_filter("group", "c")], False),
        ([a_filter("tag:Env", "p*")], True),
        ([a_filter("tag:env", "p*")], False),
        ([a_filter("tag:None", "*")], False),
        ([a_filter("tag-key", "E?v")], True),
    ],
)
def test_all_filters_and_any_value(filters: list[Row], passed: bool) -> None:
    assert passes(WEB, *filters) is passed


@pytest.mark.parametrize(
    "filters",
    [
        [a_filter("colour", "red")],
        [{"Name": "name"}],
        [{"Name": "name", "Values": []}],
        [{"Values": ["x"]}],
        [a_filter("name", "x")] * (limits.FILTERS_MAX + 1),
        [a_filter("name", *["x"] * (limits.FILTER_VALUES_MAX + 1))],
    ],
)
def test_filters_that_are_refused(filters: list[Row]) -> None:
    with pytest.raises(Fault):
        passes(WEB, *filters)


def test_an_index_serves_plain_values_only() -> None:
    assert values_of([a_filter("vpc-id", "vpc-1")], "vpc-id") == ["vpc-1"]
    assert values_of([a_filter("vpc-id", "vpc-*")], "vpc-id") == []
    assert values_of([a_filter("other", "vpc-1")], "vpc-id") == []


LETTERS = st.text("ab*?\\", max_size=8)


@given(written=LETTERS, tried=st.text("ab*?\\", max_size=8))
def test_wildcards_are_those_of_a_regular_expression(written: str, tried: str) -> None:
    parts, quoted = "", False
    for letter in written:
        if quoted or letter not in "*?\\":
            parts, quoted = parts + re.escape(letter), False
        elif letter == "\\":
            quoted = True
        else:
            parts += ".*" if letter == "*" else "."
    assert pattern(written)(tried) == bool(re.fullmatch(parts, tried, re.DOTALL))


def test_many_stars_cost_little() -> None:
    """A regular expression would take for ever here."""
    assert not pattern("*a" * 60 + "b")("a" * 255)
