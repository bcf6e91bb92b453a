"""The cluster query language: expressions over container instances, compiled to predicates. Pure.

Grammar (ECS Developer Guide, cluster query language): `subject operator [argument]`, joined by and (&&), or
(||), not (!), grouped by parentheses; `and` binds tighter than `or`. Subjects: agentConnected, agentVersion,
attribute:NAME, ec2InstanceId, registeredAt, runningTasksCount, task:group. Numbers compare as numbers where
both sides are numbers, versions part by part, everything else as text. Patterns (=~, !~) match the whole
value; AWS takes Java's, here they are RE2's, which have no look-around (docs/decisions/0020).

>>> compile("attribute:stack == prod and not agentConnected == false")(Subject({"stack": "prod"}))
True
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

from windlass.kernel import linear_regex
from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.faults import Fault

EXPRESSION_LENGTH_MAX = 2_000
"""Characters; ECS API reference, PlacementConstraint, expression."""
NESTING_MAX = 50
"""Parentheses and negations inside each other: our choice."""


def _no_task(group: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Subject:
    """A container instance as expressions see it."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    agent_connected: bool = True
    agent_version: str = ""
    machine_id: str = ""
    registered_at: Instant = 0
    running_tasks: int = 0
    has_group: Callable[[str], bool] = _no_task
    """Whether a task of that group is on it."""
    zone: str = ""
    """The zone in which its tasks' network interfaces must be, "" for any; no expression asks for it."""
    provider: str = ""
    """Its capacity provider, "" for none; no expression asks for it."""


Predicate: TypeAlias = Callable[[Subject], bool]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression, and what of an instance it looks at."""

    matches: Predicate
    attributes: frozenset[str]
    """Names of the attributes that it reads."""
    of_instance: bool
    """Whether it reads anything else, so that two instances with equal attributes may differ."""

    def __call__(self, subject: Subject) -> bool:
        return self.matches(subject)


Read: TypeAlias = Callable[[Subject], "str | None"]
Compare: TypeAlias = Callable[[str, str], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>&&|\|\||==|!=|>=|<=|=~|!~|[><!()\[\],])|"(?P<double>[^"]*)"|'(?P<single>[^']*)'"""
    r"""|(?P<word>[^\s()\[\],=!<>&|"']+))""",
    re.ASCII,
)
_WORDS = {
    "equals": "==",
    "not_equals": "!=",
    "greater_than": ">",
    "greater_than_equal": ">=",
    "less_than": "<",
    "less_than_equal": "<=",
    "matches": "=~",
    "not_matches": "!~",
    "and": "&&",
    "or": "||",
    "not": "!",
}
_SUBJECTS: Mapping[str, Read] = {
    "agentConnected": lambda subject: str(subject.agent_connected).lower(),
    "agentVersion": lambda subject: subject.agent_version or None,
    "ec2InstanceId": lambda subject: subject.machine_id or None,
    "registeredAt": lambda subject: str(subject.registered_at),
    "runningTasksCount": lambda subject: str(subject.running_tasks),
}


def compile(expression: str) -> Expression:
    """What says of an instance whether it matches. Raises InvalidParameterException."""
    if len(expression) > EXPRESSION_LENGTH_MAX:
        raise _invalid(f"An expression can have at most {EXPRESSION_LENGTH_MAX} characters.")
    return _Parser(_tokens(expression), expression).whole()


def _tokens(expression: str) -> list[str]:
    """Marks as they are, words after a "w" and quoted text after a "q", so that none is taken for another."""
    found: list[str] = []
    text, at = expression.rstrip(), 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _bad(expression)
        at = token.end()
        if token["mark"]:
            found.append(token["mark"])
        elif token["word"]:
            found.append(_WORDS.get(token["word"].lower(), "w" + token["word"]))
        else:
            found.append("q" + (token["double"] or token["single"] or ""))
    return found


class _Parser:
    """One token of foresight is enough."""

    def __init__(self, tokens: list[str], expression: str) -> None:
        self._tokens = tokens
        self._expression = expression
        self._at = 0
        self._depth = 0
        self._attributes: set[str] = set()
        self._of_instance = False

    def whole(self) -> Expression:
        found = self._either()
        if self._at != len(self._tokens):
            raise _bad(self._expression)
        return Expression(found, frozenset(self._attributes), self._of_instance)

    def _either(self) -> Predicate:
        sides = [self._both()]
        while self._take("||"):
            sides.append(self._both())
        return sides[0] if len(sides) == 1 else lambda subject: any(side(subject) for side in sides)

    def _both(self) -> Predicate:
        sides = [self._one()]
        while self._take("&&"):
            sides.append(self._one())
        return sides[0] if len(sides) == 1 else lambda subject: all(side(subject) for side in sides)

    def _one(self) -> Predicate:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise _invalid(f"An expression can be nested {NESTING_MAX} times at most.")
        try:
            if self._take("!"):
                inner = self._one()
                return lambda subject: not inner(subject)
            if self._take("("):
                inner = self._either()
                self._expect(")")
                return inner
            return self._term()
        finally:
            self._depth -= 1

    def _term(self) -> Predicate:
        name = self._word()
        operator = self._operator()
        if name == "task:group":
            self._of_instance = True
            return self._task_group(operator)
        read = self._subject(name)
        if operator in ("exists", "!exists"):
            return lambda subject: (read(subject) is not None) == (operator == "exists")
        if operator in ("=~", "!~"):
            matches = self._pattern()
            return lambda subject: (
                ((value := read(subject)) is not None and matches(value)) == (operator == "=~")
            )
        if operator in ("in", "!in"):
            choices = self._list()
            return lambda subject: (read(subject) in choices) == (operator == "in")
        compare, argument = _COMPARE[operator], self._argument(name)
        if operator == "!=":  # also where there is nothing to compare with
            return lambda subject: (value := read(subject)) is None or compare(value, argument)
        return lambda subject: (value := read(subject)) is not None and compare(value, argument)

    def _task_group(self, operator: str) -> Predicate:
        """`==` and `in` only: which of several groups comes first means nothing."""
        if operator in ("in", "!in"):
            groups = sorted(self._list())
        elif operator in ("==", "!="):
            groups = [self._word()]
        else:
            raise _bad(self._expression)
        wanted = operator in ("in", "==")
        return lambda subject: any(map(subject.has_group, groups)) == wanted

    def _subject(self, name: str) -> Read:
        kind, colon, rest = name.partition(":")
        if kind == "attribute" and colon and rest:
            self._attributes.add(rest)
            return lambda subject: subject.attributes.get(rest)
        found = _SUBJECTS.get(name)
        if found is None:
            raise _bad(self._expression)
        self._of_instance = True
        return found

    def _operator(self) -> str:
        token = self._next()
        negated = token == "!"
        if negated:
            token = self._next()
        if token in ("=~", "!~") and not negated:
            return token
        named = token[1:].lower() if token.startswith("w") else ""
        if named.startswith("not_") and not negated:
            negated, named = True, named.removeprefix("not_")
        if named in ("in", "exists"):
            return f"!{named}" if negated else named
        if token not in _COMPARE or negated:
            raise _bad(self._expression)
        return token

    def _argument(self, name: str) -> str:
        text = self._word()
        if name == "agentConnected" and text.lower() not in ("true", "false"):
            raise _bad(self._expression)
        if name == "agentConnected":
            return text.lower()
        return self._instant(text) if name == "registeredAt" else text

    def _instant(self, text: str) -> str:
        """A date, or a date and time, UTC unless it says otherwise."""
        try:
            read = datetime.fromisoformat(text)
        except ValueError:
            raise _bad(self._expression) from None
        aware = read if read.tzinfo else read.replace(tzinfo=UTC)
        return str(round(aware.timestamp()) * SECOND)

    def _pattern(self) -> Callable[[str], bool]:
        """A regular expression over the whole value."""
        try:
            return linear_regex.searcher(rf"\A(?:{self._word()})\z")
        except linear_regex.BadRegex:
            raise _bad(self._expression) from None

    def _list(self) -> frozenset[str]:
        self._expect("[")
        found = [self._word()]
        while self._take(","):
            found.append(self._word())
        self._expect("]")
        return frozenset(found)

    def _word(self) -> str:
        token = self._next()
        if token[0] not in "wq":
            raise _bad(self._expression)
        return token[1:]

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise _bad(self._expression)
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, token: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == token:
            self._at += 1
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise _bad(self._expression)


def _order(one: str, other: str) -> int:
    """-1, 0 or 1. Numbers and versions by value, so that 1.10.0 comes after 1.9.0; all else as text."""
    left, right = _numbers(one), _numbers(other)
    if left is not None and right is not None:
        return (left > right) - (left < right)
    return (one > other) - (one < other)


def _numbers(text: str) -> tuple[int, ...] | None:
    parts = text.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) <= 30 for part in parts):
        return None
    return tuple(map(int, parts))


_COMPARE: Mapping[str, Compare] = {
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    ">": lambda one, other: _order(one, other) > 0,
    ">=": lambda one, other: _order(one, other) >= 0,
    "<": lambda one, other: _order(one, other) < 0,
    "<=": lambda one, other: _order(one, other) <= 0,
}


def _bad(expression: str) -> Fault:
    return _invalid(f"Invalid cluster query expression: {expression}")


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
