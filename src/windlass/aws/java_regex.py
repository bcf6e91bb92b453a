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
_SEPARATORS = r" \xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
"""The category Z, which is the same in every Unicode since 6.3."""

_PROPERTY = re.compile(r"\\(?P<negation>[pP])(?:\{(?:Is|In)?(?P<name>\w+)\}|(?P<short>[A-Z]))")
_TOKEN = re.compile(
    r"\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"  # a surrogate pair
    r"|\\x\{(?P<code>[0-9a-fA-F]+)\}"
    r"|(?P<property>\\[pP](?:\{\w+\}|[A-Z]))"
    r"|\(\?<(?P<group>[a-zA-Z]\w*)>"
    r"|\\.|\[|\]|-",
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
    inside: list[str] | None = None
    at = 0
    for found in _TOKEN.finditer(pattern):
        text = found.group()
        (out if inside is None else inside).append(pattern[at : found.start()])
        at = found.end()
        if inside is None and text == "[":
            inside = []
        elif inside is None:
            out.append(_outside(found))
        elif text == "]":
            out.append(_class(inside))
            inside = None
        elif text == "-" and _is_set("".join(inside[-2:])):
            inside.append(r"\-")
        else:
            inside.append(_escaped(found))
    if inside is not None:
        raise re.error("unterminated character class")
    return "".join([*out, pattern[at:]])


def _outside(found: re.Match[str]) -> str:
    """A token that stands in no character class."""
    if found["property"]:
        return _class([found.group()])
    if found["group"]:
        return f"(?P<{found['group']}>"
    return r"\Z" if found.group() == r"\z" else _escaped(found)


def _escaped(found: re.Match[str]) -> str:
    """A token that means the same inside a class and outside; properties stay for `_class`."""
    if found["high"]:
        return (
            f"\\U{0x10000 + ((int(found['high'], 16) - 0xD800) << 10) + int(found['low'], 16) - 0xDC00:08x}"
        )
    if found["code"]:
        return f"\\U{int(found['code'], 16):08x}"
    return r"\[" if found.group() == "[" else found.group()


def _is_set(text: str) -> bool:
    """Whether a hyphen after it stands for itself, because it is a set: `\\w-`, `\\p{L}-`."""
    return re.search(r"\\[wdsWDSpP](\{\^?\w+\}|[A-Z])?$", text) is not None


def _class(inside: list[str]) -> str:
    """A character class from its pieces, properties among them.

    All letters, all numbers and the underscore together are Python's own Unicode `\\w`: the one mixture that
    AWS's models have, and much cheaper than hundreds of ranges.
    """
    names = [_PROPERTY.fullmatch(piece) for piece in inside]
    plain = [piece for piece, name in zip(inside, names, strict=True) if name is None]
    wanted = [(m["name"] or m["short"], m["negation"] == "P") for m in names if m is not None]
    unicode_word = {("L", False), ("N", False)} <= set(wanted) and "_" in "".join(plain)
    if unicode_word:
        wanted = [one for one in wanted if one not in (("L", False), ("N", False))]
        plain.append(r"\w")
    content = "".join([*plain, *(_property(name, negated) for name, negated in wanted)])
    return f"(?u:[{content}])" if unicode_word else f"[{content}]"


def _property(name: str, negated: bool) -> str:
    """The inside of a character class for `\\p{name}`. Raises re.error for one that we do not know."""
    if name in _POSIX or name == "Z":
        if negated:
            raise re.error(f"\\P{{{name}}} is not translated")
        return _SEPARATORS if name == "Z" else _POSIX[name]
    ranges = [r for category, r in _categories() if category.startswith(name)]
    if not ranges:
        raise re.error(f"unknown property {name}")
    return _listed(_gaps(ranges) if negated else ranges)


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


def _listed(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
