"""Filter patterns of FilterLogEvents and StartLiveTail: which messages are wanted. Pure.

Three grammars, told apart by the first character (CloudWatch Logs User Guide, "Filter pattern syntax"):
terms (`ERROR "out of memory" -debug`, `?a ?b`), JSON (`{ $.status >= 500 && $.path = "/api*" }`) and
space-delimited (`[ip, ..., status = 4*, bytes > 1000]`). A compiled filter is a function of the message.

Known gaps: regular expressions (`%...%`) are refused, because the plane has one thread and a pattern must
not be able to hold it; numbers take no wildcards in JSON patterns. Terms match anywhere in a message.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from windlass.aws.glob import glob

Matches: TypeAlias = Callable[[str], bool]
Check: TypeAlias = Callable[[Any], bool]

_TERM = re.compile(r'\s*(?P<sign>[-?]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"]+))')
_BARE = re.compile(r"\w+")
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")
    |(?P<selector>\$(?:\.[\w\-]+|\.\*|\[\d+\]|\[\*\]|\['[^']*'\]|\["[^"]*"\])+)
    |(?P<sign>&&|\|\||!=|<=|>=|=|<|>|\(|\)|,|\.\.\.)
    |(?P<word>[^\s()=<>!&|",]+))""",
    re.VERBOSE,
)
_STEP = re.compile(r"""\.([\w\-]+|\*)|\[(\d+|\*)\]|\['([^']*)'\]|\["([^"]*)"\]""")
_FIELD = re.compile(r'"((?:[^"\\]|\\.)*)"|\[([^\]]*)\]|(\S+)')
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_DEPTH_MAX = 32  # nested parentheses; ours


class InvalidPattern(ValueError):
    """The filter pattern is wrong; the message says how."""


def compile_filter(pattern: str) -> Matches:
    """Read a filter pattern; an empty one wants everything. Raises InvalidPattern.

    >>> compile_filter('?ERROR ?WARN')("WARN: low disk")
    True
    """
    text = pattern.strip()
    if not text:
        return lambda message: True
    if text.startswith("{"):
        return _json_filter(_inside(text, "}"))
    if text.startswith("["):
        return _fields_filter(_inside(text, "]"))
    return _terms_filter(text)


def _inside(text: str, end: str) -> str:
    if not text.endswith(end):
        raise InvalidPattern("Invalid filter pattern")
    return text[1:-1]


# terms


def _terms_filter(text: str) -> Matches:
    """All plain terms, none of the excluded; `?` terms count only when there is nothing else."""
    terms: dict[str, list[str]] = {"": [], "-": [], "?": []}
    place = 0
    while place < len(text):
        found = _TERM.match(text, place)
        if found is None:
            raise InvalidPattern("Invalid filter pattern")
        terms[found["sign"]].append(_term(found["quoted"], found["bare"]))
        place = found.end()
    wanted, refused, any_of = terms[""], terms["-"], terms["?"]
    if not wanted and not refused:
        return lambda message: any(term in message for term in any_of)
    return lambda message: (
        all(term in message for term in wanted) and not any(term in message for term in refused)
    )


def _term(quoted: str | None, bare: str | None) -> str:
    if quoted is not None:
        return _unescaped(quoted)
    assert bare is not None
    if bare.startswith("%"):
        raise _no_regex()
    if not _BARE.fullmatch(bare):
        raise InvalidPattern(f"Invalid character(s) in term '{bare}'")
    return bare


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _no_regex() -> InvalidPattern:
    return InvalidPattern("Regular expressions in filter patterns are not supported by Windlass")


# JSON and space-delimited: one expression grammar, two kinds of leaves


class _Tokens:
    """The tokens of a pattern, read from left to right: (kind, text)."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._place = 0
        self.depth = 0
        end = 0
        text = text.rstrip()
        while end < len(text):
            found = _TOKEN.match(text, end)
            if found is None or found.lastgroup is None:
                raise InvalidPattern("Invalid filter pattern")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            end = found.end()

    def peek(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self._place += 1
        return token

    def ahead(self) -> tuple[str, str]:
        """The token after the next."""
        return self._tokens[self._place + 1] if self._place + 1 < len(self._tokens) else ("end", "")

    def accept(self, *texts: str) -> str | None:
        """Take the next token if it is one of these signs or words (in capitals)."""
        kind, text = self.peek()
        if kind not in ("sign", "word") or text.upper() not in texts:
            return None
        return self.take()[1].upper()


def _any_of(tokens: _Tokens, leaf: Callable[[_Tokens], Check]) -> Check:
    checks = [_all_of(tokens, leaf)]
    while tokens.accept("||"):
        checks.append(_all_of(tokens, leaf))
    return checks[0] if len(checks) == 1 else lambda value: any(check(value) for check in checks)


def _all_of(tokens: _Tokens, leaf: Callable[[_Tokens], Check]) -> Check:
    checks = [_one(tokens, leaf)]
    while tokens.accept("&&"):
        checks.append(_one(tokens, leaf))
    return checks[0] if len(checks) == 1 else lambda value: all(check(value) for check in checks)


def _one(tokens: _Tokens, leaf: Callable[[_Tokens], Check]) -> Check:
    if not tokens.accept("("):
        return leaf(tokens)
    tokens.depth += 1
    if tokens.depth > _DEPTH_MAX:
        raise InvalidPattern("Invalid filter pattern: too deeply nested")
    check = _any_of(tokens, leaf)
    if not tokens.accept(")"):
        raise InvalidPattern("Invalid filter pattern: ')' expected")
    tokens.depth -= 1
    return check


def _json_filter(text: str) -> Matches:
    tokens = _Tokens(text)
    check = _any_of(tokens, _json_condition)
    _at_end(tokens)

    def matches(message: str) -> bool:
        if not message.lstrip().startswith("{"):
            return False
        try:
            event = json.loads(message)
        except (ValueError, RecursionError):
            return False
        return check(event)

    return matches


def _json_condition(tokens: _Tokens) -> Check:
    """`$.a = 1`, `$.a IS NULL`, `$.a NOT EXISTS`; a selector with `*` asks for any of the values."""
    kind, selector = tokens.take()
    if kind != "selector":
        raise InvalidPattern("Invalid filter pattern: a selector such as $.name expected")
    steps = [next(part for part in step if part) for step in _STEP.findall(selector)]
    if tokens.accept("NOT"):
        if not tokens.accept("EXISTS"):
            raise InvalidPattern("Invalid filter pattern: NOT EXISTS expected")
        return lambda event: not _select(event, steps)
    if tokens.accept("IS"):
        literals = {"NULL": None, "TRUE": True, "FALSE": False}
        word = tokens.accept(*literals)
        if word is None:
            raise InvalidPattern("Invalid filter pattern: NULL, TRUE or FALSE expected")
        wanted = literals[word]
        return lambda event: any(value is wanted for value in _select(event, steps))
    compare = _comparison(tokens, _json_number)
    return lambda event: any(compare(value) for value in _select(event, steps))


def _select(event: Any, steps: Sequence[str]) -> list[Any]:
    found = [event]
    for step in steps:
        found = [value for one in found for value in _children(one, step)]
    return found


def _children(value: Any, step: str) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) if step == "*" else [value[step]] if step in value else []
    if isinstance(value, list):
        if step == "*":
            return value
        return [value[int(step)]] if step.isdecimal() and int(step) < len(value) else []
    return []


def _comparison(tokens: _Tokens, number_of: Callable[[Any], float | None]) -> Check:
    """An operator and a value: a number compares numbers, a text with `*` compares text."""
    sign = tokens.accept(*_COMPARE)
    kind, text = tokens.take()
    if sign is None or kind not in ("quoted", "word"):
        raise InvalidPattern("Invalid filter pattern: a comparison expected")
    if kind == "word" and text.startswith("%"):
        raise _no_regex()
    number = _number(text) if kind == "word" else None
    if number is not None:
        compare, limit = _COMPARE[sign], number
        return lambda value: (found := number_of(value)) is not None and compare(found, limit)
    if sign not in ("=", "!="):
        raise InvalidPattern(f"Invalid filter pattern: {sign} needs a number")
    matches = glob((_unescaped(text[1:-1]) if kind == "quoted" else text).split("*"))
    equal = sign == "="
    return lambda value: isinstance(value, str) and matches(value) is equal


def _number(text: str) -> float | None:
    """The number that a word of the pattern or a field of a space-delimited event is."""
    return float(text) if _NUMBER.fullmatch(text) else None


def _json_number(value: Any) -> float | None:
    """A JSON number; texts are none, whatever they say."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _fields_filter(text: str) -> Matches:
    """Fields by their place; one `...` stands for any number of them."""
    tokens = _Tokens(text)
    checks: list[Check] = []
    gap: int | None = None
    while True:
        if tokens.accept("..."):
            if gap is not None:
                raise InvalidPattern("Invalid filter pattern: only one ... is possible")
            gap = len(checks)
        else:
            checks.append(_field(tokens))
        if not tokens.accept(","):
            break
    _at_end(tokens)

    def matches(message: str) -> bool:
        fields = split_fields(message)
        if len(fields) < len(checks) or (gap is None and len(fields) != len(checks)):
            return False
        head = len(checks) if gap is None else gap
        chosen = [*fields[:head], *fields[len(fields) - (len(checks) - head) :]]
        return all(check(field) for check, field in zip(checks, chosen, strict=True))

    return matches


def split_fields(message: str) -> list[str]:
    """Words, "quoted" and [bracketed] parts of a message.

    >>> split_fields('127.0.0.1 - [10/Oct] "GET /" 200')
    ['127.0.0.1', '-', '10/Oct', 'GET /', '200']
    """
    return ["".join(parts) for parts in _FIELD.findall(message)]


def _field(tokens: _Tokens) -> Check:
    """A name, or conditions on it: `status = 4* && status != 404`."""
    if tokens.peek()[0] == "word" and tokens.ahead() in (("sign", ","), ("end", "")):
        tokens.take()
        return lambda value: True
    return _any_of(tokens, _field_condition)


def _field_condition(tokens: _Tokens) -> Check:
    if tokens.take()[0] != "word":
        raise InvalidPattern("Invalid filter pattern: a field name expected")
    return _comparison(tokens, _number)


def _at_end(tokens: _Tokens) -> None:
    if tokens.peek()[0] != "end":
        raise InvalidPattern(f"Invalid filter pattern: {tokens.peek()[1]!r} not expected")
