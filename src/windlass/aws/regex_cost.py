"""Whether a regular expression could take exponential time on hostile input. Pure.

`(a+)+` explodes on "aaaa…!", for nothing tells its turns apart; `([a-z]+-)*` does not, for each turn ends
with a hyphen that nothing else in it matches. The rule here errs on the safe side: a repeat that holds
another is accepted only when each turn must begin or end with characters found nowhere else in the turn.
Reads the parse tree of Python's own `re`, which is why this file needs to know its opcodes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, TypeAlias

Node: TypeAlias = "Sequence[tuple[Any, Any]]"

OTHER = 128
"""Stands for every character past ASCII."""
ANY = frozenset(range(OTHER + 1))
FEW_TURNS = 3
"""A repeat of at most so many turns cannot explode."""

_CATEGORIES = {
    op.CATEGORY_DIGIT: re.compile(r"\d", re.ASCII),
    op.CATEGORY_NOT_DIGIT: re.compile(r"\D", re.ASCII),
    op.CATEGORY_SPACE: re.compile(r"\s", re.ASCII),
    op.CATEGORY_NOT_SPACE: re.compile(r"\S", re.ASCII),
    op.CATEGORY_WORD: re.compile(r"\w", re.ASCII),
    op.CATEGORY_NOT_WORD: re.compile(r"\W", re.ASCII),
}
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)


def explosive(pattern: str) -> bool:
    """Whether to keep away from it. Raises re.error for what is no pattern.

    >>> explosive("(a+)+"), explosive("(/[a-z]+)*")
    (True, False)
    """
    return _explodes(parser.parse(pattern, re.ASCII))


def _explodes(node: Node) -> bool:
    for code, argument in node:
        if code in _REPEATS and argument[1] > FEW_TURNS:
            turn = _without_groups(argument[2])
            if _repeats(turn) and not _turns_stand_apart(turn):
                return True
        if any(_explodes(part) for part in _parts(code, argument)):
            return True
    return False


def _repeats(node: Node) -> bool:
    """Whether a longer repeat, of no fixed number of turns, stands somewhere in it."""
    return any(
        (code in _REPEATS and argument[1] > FEW_TURNS and argument[0] != argument[1])
        or any(map(_repeats, _parts(code, argument)))
        for code, argument in node
    )


def _without_groups(body: Node) -> Node:
    while len(body) == 1 and body[0][0] is op.SUBPATTERN:
        body = body[0][1][3]
    return body


def _turns_stand_apart(turn: Node) -> bool:
    first, last = turn[:1], turn[-1:]
    return _marks(first, turn[1:]) or _marks(last, turn[:-1])


def _marks(mark: Node, rest: Node) -> bool:
    """`mark` is always there and shares no character with the rest, which is there."""
    if not rest or _may_be_empty(mark):
        return False
    if any(
        _repeats(part) for code, argument in mark if code not in _REPEATS for part in _parts(code, argument)
    ):
        return False
    return not (_characters(mark) & _characters(rest))


def _may_be_empty(node: Node) -> bool:
    return bool(parser.SubPattern(parser.State(), list(node)).getwidth()[0] == 0)


def _characters(node: Node) -> frozenset[int]:
    """Every character that can be matched somewhere in it."""
    found: frozenset[int] = frozenset()
    for code, argument in node:
        if code is op.LITERAL:
            found |= {min(argument, OTHER)}
        elif code is op.IN:
            found |= _in_class(argument)
        elif code in (op.AT, op.ASSERT, op.ASSERT_NOT):
            continue
        elif parts := _parts(code, argument):
            found = found.union(*map(_characters, parts))
        else:
            return ANY
    return found


def _in_class(items: Node) -> frozenset[int]:
    found: set[int] = set()
    for code, argument in items:
        if code is op.LITERAL:
            found.add(min(argument, OTHER))
        elif code is op.RANGE:
            found.update(range(min(argument[0], OTHER), min(argument[1], OTHER) + 1))
        elif code is op.CATEGORY and argument in _CATEGORIES:
            found.update(n for n in ANY if n == OTHER or _CATEGORIES[argument].match(chr(n)))
        elif code is not op.NEGATE:
            return ANY
    negated = bool(items) and items[0][0] is op.NEGATE
    return frozenset((ANY - found) | {OTHER} if negated else found)


def _parts(code: Any, argument: Any) -> list[Node]:
    """The patterns inside a repeat, a group, a branch, an assertion."""
    if code in _REPEATS:
        return [argument[2]]
    if code is op.SUBPATTERN:
        return [argument[3]]
    if code is op.BRANCH:
        return list(argument[1])
    if code in (op.ASSERT, op.ASSERT_NOT):
        return [argument[1]]
    return []
