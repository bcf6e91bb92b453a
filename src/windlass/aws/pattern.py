"""Event patterns: which events a rule (EventBridge) or an event source mapping (Lambda) wants.

Compiles a pattern once into plain tests, then matches parsed JSON events. Keys are joined by AND, the
values of an array by OR; an event's array matches when one of its elements does. Operators and their limits:
EventBridge User Guide, "Comparison operators for use in event patterns". Knows nothing of buses or rules.

Numbers are compared by value (300 matches 300.0), as aws/event-ruler does. Known gap: the error's reason
does not name the line and column as AWS's does.
"""

from __future__ import annotations

import ipaddress
import json
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from windlass.aws.glob import glob

PATTERN_CHARS_MAX = 4096  # characters; EventBridge API reference, PutRule, EventPattern
NUMBER_MAX = 5.0e9  # EventBridge User Guide, numeric matching: values between -5.0e9 and +5.0e9

Test: TypeAlias = Callable[[Any], bool]
"""Takes one leaf value of an event: str, int, float, bool or None."""
Event: TypeAlias = Mapping[str, Any]


class InvalidPattern(ValueError):
    """The pattern is wrong; the message is AWS's, for InvalidEventPatternException."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Event pattern is not valid. Reason: {reason}")


@dataclass(frozen=True, slots=True)
class Leaf:
    """Alternatives for one key: literal strings are looked up, everything else is a test."""

    strings: frozenset[str]
    tests: tuple[Test, ...]
    absent: bool
    """Whether the key may also be missing: {"exists": false}."""

    def matches(self, value: Any, present: bool) -> bool:
        found = False
        if present:
            for leaf in leaves(value):
                found = True
                if leaf.__class__ is str and leaf in self.strings:
                    return True
                if any(test(leaf) for test in self.tests):
                    return True
        return self.absent and not found


@dataclass(frozen=True, slots=True)
class Branch:
    """An object of the pattern: every field, and one of each group of `$or`."""

    fields: tuple[tuple[str, Leaf | Branch], ...]
    choices: tuple[tuple[Branch, ...], ...] = ()

    def matches(self, value: Any, present: bool) -> bool:
        if isinstance(value, list):
            return any(self.matches(item, True) for item in value)
        event = value if isinstance(value, dict) else {}
        for key, wanted in self.fields:
            if not wanted.matches(event.get(key), key in event):
                return False
        return all(any(one.matches(value, present) for one in group) for group in self.choices)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern. `matches` takes an event as json.loads gives it."""

    root: Branch

    def matches(self, event: Event) -> bool:
        return self.root.matches(event, True)

    def only(self, key: str) -> frozenset[str] | None:
        """The literal values that a top-level key must have; None when it is not that simple.

        For indexes: a rule whose `only("source")` is {"my.app"} need not be tried for other sources.
        """
        for name, wanted in self.root.fields:
            if name == key and isinstance(wanted, Leaf) and not wanted.tests and not wanted.absent:
                return wanted.strings
        return None


def compile_pattern(text: str) -> Pattern:
    """Read a pattern. Raises InvalidPattern with AWS's sentence.

    >>> compile_pattern('{"source": [{"prefix": "my."}]}').matches({"source": "my.app"})
    True
    """
    if len(text) > PATTERN_CHARS_MAX:
        raise InvalidPattern("Event pattern is too long")
    try:
        read = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except InvalidPattern:
        raise
    except (ValueError, RecursionError):
        raise InvalidPattern("Filter is not a valid JSON") from None
    if not isinstance(read, dict):
        raise InvalidPattern("Filter is not an object")
    return Pattern(_branch(read))


def leaves(value: Any) -> Iterator[Any]:
    """The scalars of a value: itself, or those of an array, however nested. Objects have none."""
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif not isinstance(value, dict):
        yield value


def _no_constant(name: str) -> None:
    raise InvalidPattern(f"Non-standard token '{name}'")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidPattern("Path has a duplicate field")
    return found


def _branch(read: Mapping[str, Any]) -> Branch:
    if not read:
        raise InvalidPattern("Empty objects are not allowed")
    fields: list[tuple[str, Leaf | Branch]] = []
    choices: list[tuple[Branch, ...]] = []
    for key, value in read.items():
        if key == "$or" and _is_choice(value):
            choices.append(tuple(_branch(one) for one in value))
        elif isinstance(value, dict):
            fields.append((key, _branch(value)))
        elif isinstance(value, list):
            fields.append((key, _leaf(value)))
        else:
            raise InvalidPattern(f'"{key}" must be an object or an array')
    return Branch(tuple(fields), tuple(choices))


def _is_choice(value: Any) -> bool:
    """`$or` is the operator with two or more objects that are not themselves operators, else a field."""
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(isinstance(one, dict) and not (one.keys() & _OPERATORS.keys()) for one in value)
    )


def _leaf(values: list[Any]) -> Leaf:
    if not values:
        raise InvalidPattern("Empty arrays are not allowed")
    strings: set[str] = set()
    tests: list[Test] = []
    absent = False
    for value in values:
        if isinstance(value, str):
            strings.add(value)
        elif isinstance(value, list):
            raise InvalidPattern("Match value must be String, number, true, false, or null")
        elif not isinstance(value, dict):
            tests.append(_literal(value))
        elif value == {"exists": False}:
            absent = True
        else:
            tests.append(_operator(value))
    return Leaf(frozenset(strings), tuple(tests), absent)


def _literal(value: Any) -> Test:
    """A number, true, false, null or string; types must agree, so 1 is not true."""
    if value is None or isinstance(value, bool):
        return lambda leaf: leaf is value
    if isinstance(value, str):
        return lambda leaf: leaf.__class__ is str and leaf == value
    return lambda leaf: _is_number(leaf) and leaf == value


def _operator(value: Mapping[str, Any]) -> Test:
    if len(value) != 1:
        raise InvalidPattern("Only one key allowed in match expression")
    ((name, argument),) = value.items()
    make = _OPERATORS.get(name)
    if make is None:
        raise InvalidPattern(f"Unrecognized match type {name}")
    return make(argument)


def _prefix(argument: Any) -> Test:
    wanted, fold = _affix("prefix", argument)
    return lambda leaf: isinstance(leaf, str) and fold(leaf).startswith(wanted)


def _suffix(argument: Any) -> Test:
    wanted, fold = _affix("suffix", argument)
    return lambda leaf: isinstance(leaf, str) and fold(leaf).endswith(wanted)


def _affix(name: str, argument: Any) -> tuple[str, Callable[[str], str]]:
    """The text to look for, and how to fold a leaf before: {"prefix": {"equals-ignore-case": "x"}}."""
    if isinstance(argument, dict):
        if list(argument) != ["equals-ignore-case"]:
            raise InvalidPattern(f"Unsupported {name} pattern: {next(iter(argument), '')}")
        return _text(f"{name}|equals-ignore-case", argument["equals-ignore-case"]).lower(), str.lower
    return _text(name, argument), str


def _equals_ignore_case(argument: Any) -> Test:
    wanted = _text("equals-ignore-case", argument).lower()
    return lambda leaf: isinstance(leaf, str) and leaf.lower() == wanted


def _wildcard(argument: Any) -> Test:
    """`*` stands for any characters; `\\*` and `\\\\` for themselves."""
    matches = glob(_wildcard_parts(_text("wildcard", argument)))
    return lambda leaf: isinstance(leaf, str) and matches(leaf)


def _wildcard_parts(text: str) -> list[str]:
    """The literal texts between the stars."""
    parts = [""]
    signs = iter(text)
    starred = False
    for sign in signs:
        if sign == "*":
            if starred:
                raise InvalidPattern("Consecutive wildcard characters are not allowed")
            parts.append("")
        elif sign == "\\":
            escaped = next(signs, "")
            if escaped not in ("*", "\\"):
                raise InvalidPattern("Invalid escape character")
            parts[-1] += escaped
        else:
            parts[-1] += sign
        starred = sign == "*"
    return parts


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _numeric(argument: Any) -> Test:
    """["=", 3], [">", 0] or a range [">=", 0, "<", 5]: the lower bound comes first."""
    if not isinstance(argument, list) or not argument:
        raise InvalidPattern("Value of numeric must be an array.")
    if len(argument) not in (2, 4):
        raise InvalidPattern(
            "Too many elements in numeric expression"
            if len(argument) > 4
            else "Value of numeric must be an array of operators and numbers"
        )
    first = _bound(argument[0], argument[1])
    if len(argument) == 2:
        return lambda leaf: _is_number(leaf) and first(leaf)
    if argument[0] not in (">", ">=") or argument[2] not in ("<", "<="):
        raise InvalidPattern(f"Bad numeric range operator: {argument[2]}")
    second = _bound(argument[2], argument[3])
    if argument[1] >= argument[3]:
        raise InvalidPattern("Bottom must be less than top")
    return lambda leaf: _is_number(leaf) and first(leaf) and second(leaf)


def _bound(sign: Any, limit: Any) -> Test:
    compare = _COMPARE.get(sign) if isinstance(sign, str) else None
    if compare is None:
        raise InvalidPattern(f"Unrecognized numeric range operator: {sign}")
    if not _is_number(limit):
        raise InvalidPattern(f"Value of {sign} must be numeric")
    if not -NUMBER_MAX <= limit <= NUMBER_MAX:
        raise InvalidPattern(f"Value must be between {-NUMBER_MAX} and {NUMBER_MAX}, inclusive")
    return lambda leaf: compare(leaf, limit)


def _exists(argument: Any) -> Test:
    """{"exists": true}: any leaf will do. False never comes here: see _leaf."""
    if argument is not True:
        raise InvalidPattern("Value of exists must be true or false")
    return lambda leaf: True


def _cidr(argument: Any) -> Test:
    try:
        network = ipaddress.ip_network(_text("cidr", argument), strict=False)
    except ValueError:
        raise InvalidPattern(f"Malformed CIDR, one '/' required: {argument}") from None
    if "/" not in argument:
        raise InvalidPattern("Malformed CIDR, one '/' required")

    def test(leaf: Any) -> bool:
        if not isinstance(leaf, str):
            return False
        try:
            return ipaddress.ip_address(leaf) in network
        except ValueError:
            return False

    return test


_BUT: Mapping[str, Callable[[Any], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
}


def _anything_but(argument: Any) -> Test:
    """A value, several, or one of four operators on one or several strings."""
    if isinstance(argument, dict):
        if len(argument) != 1 or (name := next(iter(argument))) not in _BUT:
            raise InvalidPattern(f"Unsupported anything-but pattern: {next(iter(argument), '')}")
        refused = [_BUT[name](_text(f"anything-but|{name}", one)) for one in _several(argument[name])]
    else:
        refused = [_literal(_scalar(one)) for one in _several(argument)]
    return lambda leaf: not any(test(leaf) for test in refused)


def _several(argument: Any) -> list[Any]:
    if argument == []:
        raise InvalidPattern("Empty arrays are not allowed")
    return argument if isinstance(argument, list) else [argument]


def _scalar(value: Any) -> Any:
    if not isinstance(value, str) and not _is_number(value):
        raise InvalidPattern("Value of anything-but must be an array or single string/number value.")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidPattern(f"{name} match pattern must be a string")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_OPERATORS: Mapping[str, Callable[[Any], Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
    "wildcard": _wildcard,
    "numeric": _numeric,
    "exists": _exists,
    "cidr": _cidr,
    "anything-but": _anything_but,
}
