"""Filters of Describe operations: which rows a call asks for. Pure.

All filters must match; one matches when any of its values does. `*` is any text, `?` any one character, a
backslash takes their meaning away; case counts (EC2 User Guide, "List and filter using the CLI and API").
Each operation hands in what its rows have for each name; a name that AWS does not list is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from windlass.kernel.faults import Fault
from windlass.services.ec2 import limits

R = TypeVar("R")
Values: TypeAlias = "Callable[[R], Iterable[str]]"
"""What a row has for one filter's name; a row may have several values, or none."""
Tags: TypeAlias = "Callable[[R], Mapping[str, str]]"


def read(
    filters: Sequence[Mapping[str, Any]], names: Mapping[str, Values[R]], tags: Tags[R] | None
) -> Callable[[R], bool]:
    """Whether a row passes all of these. Raises InvalidParameterValue for names that do not exist."""
    if len(filters) > limits.FILTERS_MAX:
        raise _too_many("FilterLimitExceeded", f"At most {limits.FILTERS_MAX} filters can be given.")
    if sum(len(one.get("Values", ())) for one in filters) > limits.FILTER_VALUES_MAX:
        raise _too_many(
            "FilterLimitExceeded",
            f"The maximum number of filter values specified on a single call is {limits.FILTER_VALUES_MAX}.",
        )
    tests = [_one(str(one.get("Name", "")), one.get("Values"), names, tags) for one in filters]
    return lambda row: all(test(row) for test in tests)


def values_of(filters: Sequence[Mapping[str, Any]], name: str) -> list[str]:
    """The plain values that some filter of that name wants; [] when there is none, or one with wildcards."""
    for one in filters:
        values = one.get("Values") or []
        if one.get("Name") == name and values and not any(set(value) & set("*?\\") for value in values):
            return list(values)
    return []


def _one(
    name: str, values: Sequence[str] | None, names: Mapping[str, Values[R]], tags: Tags[R] | None
) -> Callable[[R], bool]:
    if not values:
        raise Fault("InvalidParameterValue", f"The filter '{name}' needs at least one value.")
    matches = _any_of(values)
    if tags is not None and name == "tag-key":
        return lambda row: any(map(matches, tags(row)))
    if tags is not None and name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda row: (value := tags(row).get(key)) is not None and matches(value)
    found = names.get(name)
    if found is None:
        raise Fault("InvalidParameterValue", f"The filter '{name}' is invalid")
    return lambda row: any(map(matches, found(row)))


def _any_of(values: Sequence[str]) -> Callable[[str], bool]:
    plain = {value for value in values if not set(value) & set("*?\\")}
    wild = [pattern(value[: limits.FILTER_LENGTH_MAX]) for value in values if value not in plain]
    return lambda text: text in plain or any(matches(text) for matches in wild)


_ANY, _ONE = object(), object()


def pattern(written: str) -> Callable[[str], bool]:
    """Whether a text is what a value with wildcards describes; linear in both for each star.

    >>> [pattern("web-?*")(text) for text in ("web-", "web-1", "web-12")]
    [False, True, True]
    >>> pattern("a\\\\*")("a*"), pattern("a\\\\*")("ab")
    (True, False)
    """
    parts = _parts(written)

    def matches(text: str) -> bool:
        at = place = 0
        star = resume = -1
        while place < len(text):
            if at < len(parts) and parts[at] is _ANY:
                star, resume = at, place
                at += 1
            elif at < len(parts) and (parts[at] is _ONE or parts[at] == text[place]):
                at, place = at + 1, place + 1
            elif star >= 0:
                resume += 1
                at, place = star + 1, resume
            else:
                return False
        return all(part is _ANY for part in parts[at:])

    return matches


def _parts(written: str) -> list[object]:
    parts: list[object] = []
    quoted = False
    for letter in written:
        if quoted or letter not in "*?\\":
            parts.append(letter)
            quoted = False
        elif letter == "\\":
            quoted = True
        else:
            parts.append(_ANY if letter == "*" else _ONE)
    return parts


def _too_many(code: str, message: str) -> Fault:
    return Fault(code, message)
