"""The models' regular expressions, which are Java's, as Python's. Pure.

AWS's services match with `Pattern.matches`: the whole string. Java's `\\w`, `\\d` and `\\s` are ASCII.
Decides nothing about strings; see check.py. Known gaps: class intersection (`&&`) and nested classes are
not translated; a pattern that Python cannot compile, or whose nested repeats could take exponential time,
gives None, and tests/unit/aws/test_java_regex.py lists those of the services that we serve.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from itertools import groupby

from windlass.aws.regex_cost import explosive

UNICODE_END = 0x32400
"""Letters, numbers and separators all lie below: plane 3 ends its assignments here (Unicode 15)."""

_POSIX = {
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Upper": "A-Z",
    "Lower": "a-z",
    "ASCII": r"\x00-\x7F",
    "Graph": r"\x21-\x7E",
    "Print": r"\x20-\x7E",
    "Punct": r"!-/:-@\[-`{-~",
    "Space": r" \t\n\x0b\f\r",
    "Blank": r" \t",
    "XDigit": "0-9a-fA-F",
    "Cntrl": r"\x00-\x1F\x7F",
}

_TOKEN = re.compile(
    r"\\[uU]([dD][89abAB][0-9a-fA-F]{2})\\[uU]([dD][c-fC-F][0-9a-fA-F]{2})"  # a surrogate pair
    r"|\\x\{([0-9a-fA-F]+)\}"
    r"|\\([pP])(?:\{\^?(?:Is|In)?(\w+)\}|([A-Z]))"
    r"|\(\?<([a-zA-Z]\w*)>"
    r"|\\.|\[|\]|-|\\z",
    re.DOTALL,
)


@cache
def compiled(pattern: str) -> Callable[[str], bool] | None:
    """`matches(text)` for the whole text; None for a pattern that is not to be run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            translated = translate(pattern)
            if explosive(translated):
                return None
            match = re.compile(translated, re.ASCII).fullmatch
    except (re.error, RecursionError, OverflowError):
        return None
    return lambda text: match(text) is not None


def translate(pattern: str) -> str:
    """Java's notation in Python's: `[\\w-_\\p{Z}]` → `[\\w\\-_ …]`."""
    out: list[str] = []
    in_class = False
    at = 0
    after_set = False
    for found in _TOKEN.finditer(pattern):
        literal = pattern[at : found.start()]
        after_set = after_set and not literal
        out.append(literal)
        at = found.end()
        text = found.group()
        if text == "[" and not in_class:
            in_class, after_set = True, False
            out.append(text)
            continue
        if text == "]" and in_class:
            in_class = False
            out.append(text)
            continue
        if text == "-" and in_class and after_set:
            out.append(r"\-")
            continue
        out.append(_piece(found, in_class))
        after_set = text[:2] in (r"\w", r"\d", r"\s", r"\W", r"\D", r"\S", r"\p", r"\P")
    return "".join([*out, pattern[at:]])


def _piece(found: re.Match[str], in_class: bool) -> str:
    high, low, code, kind, name, short, group = found.groups()
    text = found.group()
    if high:
        return f"\\U{0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00:08x}"
    if code:
        return f"\\U{int(code, 16):08x}"
    if kind:
        negated = kind == "P"
        inner = _property(name or short, negated)
        return inner if in_class else f"[{inner}]"
    if group:
        return f"(?P<{group}>"
    if text == "[" and in_class:
        return r"\["
    return r"\Z" if text == r"\z" else text


def _property(name: str, negated: bool) -> str:
    """The inside of a character class for `\\p{name}`. Raises re.error for one that we do not know."""
    if name in _POSIX:
        if negated:
            raise re.error(f"\\P{{{name}}} is not translated")
        return _POSIX[name]
    ranges = [r for category, r in _categories() if category.startswith(name)]
    if not ranges:
        raise re.error(f"unknown property {name}")
    return _class(_gaps(ranges) if negated else ranges)


@cache
def _categories() -> tuple[tuple[str, tuple[int, int]], ...]:
    """(general category, (first, last)) for every run of code points, in their order."""
    runs = groupby(range(UNICODE_END), key=lambda point: unicodedata.category(chr(point)))
    found = []
    for category, points in runs:
        first = next(points)
        last = first
        for last in points:  # noqa: B007 (the last one is what is wanted)
            pass
        found.append((category, (first, last)))
    return tuple(found)


def _gaps(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """What lies between those ranges, to the last code point."""
    found = []
    start = 0
    for first, last in ranges:
        if first > start:
            found.append((start, first - 1))
        start = last + 1
    return [*found, (start, 0x10FFFF)]


def _class(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
