"""What the rule of a composite alarm says: which alarms it names, and whether it is true. Pure.

A rule is states of alarms (`ALARM("cpu")`, `OK(arn:…)`, `INSUFFICIENT_DATA(disk)`), TRUE and FALSE, joined by
NOT, AND, OR and parentheses, NOT before AND before OR (CloudWatch API reference, PutCompositeAlarm,
AlarmRule). Known gap: AT_LEAST is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from windlass.kernel.faults import Fault
from windlass.services.cloudwatch.evaluate import State
from windlass.services.cloudwatch.limits import RULE_ALARMS_MAX, RULE_DEPTH_MAX, RULE_ELEMENTS_MAX

States = Mapping[str, State]
"""The name of an alarm → its state; one that is missing is in none."""
_STATES: Mapping[str, State] = {"ALARM": "ALARM", "OK": "OK", "INSUFFICIENT_DATA": "INSUFFICIENT_DATA"}
_TOKEN = re.compile(
    r"\s*(?:(?P<paren>[()])"
    r"|(?P<word>TRUE|FALSE|AND|OR|NOT)(?![\w(])|(?P<not>NOT)(?=\s*\()"
    r'|(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>(?:[^"\\]|\\.)+)"|(?P<plain>[^\s"()]+))\s*\)'
    r"|(?P<end>\Z))"
)


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """A rule that was read: the alarms it names, in order, and what it comes to."""

    names: tuple[str, ...]
    holds: Callable[[States], bool]


def read(text: str, name_of: Callable[[str], str]) -> AlarmRule:
    """The rule; `name_of` gives an alarm's name from what stands in it, a name or an ARN. Raises Fault."""
    reader = _Reader(text, name_of)
    holds = reader.either(0)
    if reader.kind != "end":
        raise reader.wrong()
    return AlarmRule(tuple(dict.fromkeys(reader.names)), holds)


class _Reader:
    """Reads from left to right; `kind` and `value` are the element that comes next."""

    def __init__(self, text: str, name_of: Callable[[str], str]) -> None:
        self.names: list[str] = []
        self._text = text
        self._name_of = name_of
        self._at = 0
        self._elements = 0
        self._next()

    def either(self, depth: int) -> Callable[[States], bool]:
        """`a OR b OR …`"""
        parts = [self._both(depth)]
        while (self.kind, self.value) == ("word", "OR"):
            self._next()
            parts.append(self._both(depth))
        return parts[0] if len(parts) == 1 else lambda states: any(part(states) for part in parts)

    def wrong(self) -> Fault:
        return _wrong(f"at position {self._from}: {self._text[self._from :][:20]!r} was not expected there")

    def _both(self, depth: int) -> Callable[[States], bool]:
        parts = [self._one(depth)]
        while (self.kind, self.value) == ("word", "AND"):
            self._next()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else lambda states: all(part(states) for part in parts)

    def _one(self, depth: int) -> Callable[[States], bool]:
        if depth > RULE_DEPTH_MAX:
            raise _wrong(f"more than {RULE_DEPTH_MAX} levels of parentheses and NOT")
        kind, value = self.kind, self.value
        if kind == "state":
            state, named = _STATES[value], self._name_of(self._alarm)
            self.names.append(named)
            self._next()
            return lambda states: states.get(named) == state
        if (kind, value) == ("word", "NOT"):
            self._next()
            negated = self._one(depth + 1)
            return lambda states: not negated(states)
        if kind == "word" and value in ("TRUE", "FALSE"):
            self._next()
            return lambda states: value == "TRUE"
        if (kind, value) != ("paren", "("):
            raise self.wrong()
        self._next()
        inner = self.either(depth + 1)
        if (self.kind, self.value) != ("paren", ")"):
            raise self.wrong()
        self._next()
        return inner

    def _next(self) -> None:
        self._from = self._at
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise self.wrong()
        self.kind, self.value = found.lastgroup or "end", ""
        if found["state"] is not None:
            self.kind, self.value = "state", found["state"]
            self._alarm = found["plain"] or found["quoted"].replace('\\"', '"')
        elif self.kind in ("word", "not"):
            self.kind, self.value = "word", found["word"] or found["not"]
        elif self.kind == "paren":
            self.value = found["paren"]
        self._at = found.end()
        self._elements += self.kind != "paren"
        if self._elements > RULE_ELEMENTS_MAX:
            raise _wrong(f"more than {RULE_ELEMENTS_MAX} elements")
        if len(set(self.names)) > RULE_ALARMS_MAX:
            raise _wrong(f"more than {RULE_ALARMS_MAX} alarms")


def _wrong(why: str) -> Fault:
    return Fault("ValidationError", f"AlarmRule is not valid: {why}.")
