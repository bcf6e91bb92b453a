"""Which rule of a frontend takes a request. Pure.

A frontend's rules are compiled once. Conditions on hosts and paths are looked up by the literal text that
they begin (paths) or end (hosts) with, regular expressions are looked for in one pass, so that of a hundred
rules a request meets only the few that may be its own, in their order; those are then asked in full. AND
between a rule's conditions, OR inside each (ALB guide, "Condition types for listener rules").

Names of hosts, values of headers and of queries are compared without case, paths and methods with it. A
host's port does not count for wildcards; an expression may match with it or without. Queries are compared
decoded, and a backslash makes `*` and `?` ordinary there.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import TypeAlias
from urllib.parse import unquote

from windlass.fleet.proxy_messages import Match, Rule
from windlass.kernel.faults import Bug
from windlass.kernel.linear_regex import Expressions, Search, searcher


def _none(name: str) -> Iterable[str]:
    return ()


Headers: TypeAlias = Callable[[str], Iterable[str]]
"""The values of the header of that lower-case name; asked only if a rule has a condition on it."""


class Question:
    """A request, as far as rules look at it. `host` is the Host header in lower case, with its port;

    `query` is without the question mark; `source` is the address of the client's connection.
    """

    __slots__ = ("_address", "_pairs", "headers", "host", "method", "name", "path", "query", "source")

    def __init__(
        self, method: str, host: str, path: str, query: str = "", source: str = "", headers: Headers = _none
    ) -> None:
        self.method = method
        self.host = host
        self.path = path
        self.query = query
        self.source = source
        self.headers = headers
        head, colon, tail = host.rpartition(":")
        self.name = head if colon and tail.isdigit() else host
        """The host without a port."""
        self._pairs: list[tuple[str, str]] | None = None
        self._address: tuple[int, int] | None = None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Of the query, decoded and in lower case. "A=1&b" → [("a", "1"), ("b", "")]"""
        if self._pairs is None:
            items = [item.partition("=") for item in self.query.split("&") if item]
            self._pairs = [(unquote(key).lower(), unquote(value).lower()) for key, _, value in items]
        return self._pairs

    @property
    def address(self) -> tuple[int, int]:
        """(version, number) of `source`; of an IPv4 address in IPv6's clothes its own; (0, 0): it is none."""
        if self._address is None:
            try:
                found = ip_address(self.source)
            except ValueError:
                self._address = (0, 0)
            else:
                found = getattr(found, "ipv4_mapped", None) or found
                self._address = (found.version, int(found))
        return self._address


Test: TypeAlias = Callable[[Question], bool]


class Rules:
    """The rules of one frontend, compiled. Raises BadRegex."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        if not rules or rules[-1].matches:
            raise Bug("a frontend has no default rule", rules)
        self._rules = rules
        self._tests = [tuple(_test(match) for match in rule.matches) for rule in rules]
        self._last = len(rules) - 1
        chosen, self._always = _chosen_keys([rule.matches for rule in rules[:-1]])
        self._indexes = [_INDEXES[kind](name, pairs) for (kind, name), pairs in chosen.items()]

    def choose(self, question: Question) -> Rule:
        """The first rule, by priority, all of whose conditions hold; the last one has none."""
        numbers = [*self._always]
        for find in self._indexes:
            numbers += find(question)
        numbers.sort()
        for number in numbers:
            for test in self._tests[number]:
                if not test(question):
                    break
            else:
                return self._rules[number]
        return self._rules[self._last]


class Prefixes:
    """Numbers by texts: `of(text)` gives those whose text `text` begins with, in O(log n).

    In a sorted list the longest prefix of a text is the greatest entry that is not greater, or one that this
    entry itself begins with; so each entry knows the next shorter one.
    """

    def __init__(self, entries: Iterable[tuple[str, int]]) -> None:
        by_text: dict[str, set[int]] = {}
        for text, number in entries:
            by_text.setdefault(text, set()).add(number)
        self._texts = sorted(by_text)
        self._shorter: list[int] = []
        self._numbers: list[tuple[int, ...]] = []
        for place, text in enumerate(self._texts):
            shorter = place - 1
            while shorter >= 0 and not text.startswith(self._texts[shorter]):
                shorter = self._shorter[shorter]
            inherited = self._numbers[shorter] if shorter >= 0 else ()
            self._shorter.append(shorter)
            self._numbers.append(tuple(sorted({*by_text[text], *inherited})))

    def of(self, text: str) -> tuple[int, ...]:
        place = bisect_right(self._texts, text) - 1
        while place >= 0:
            if text.startswith(self._texts[place]):
                return self._numbers[place]
            place = self._shorter[place]
        return ()


# looking up

Place: TypeAlias = tuple[str, str]
"""Where texts are looked up: (kind, name of the header or key of the query)."""
Pairs: TypeAlias = list[tuple[str, int]]
"""Texts, and which rule each is of."""
Find: TypeAlias = Callable[[Question], Iterable[int]]
"""Numbers of rules that may hold, each once."""


def _chosen_keys(rules: Sequence[Sequence[Match]]) -> tuple[dict[Place, Pairs], list[int]]:
    """Under which one of its conditions each rule is looked up, and which rules cannot be.

    It is the one whose texts the fewest rules share: "/api/*" of each of 50 hosts is looked up by host.
    """
    keys = [[key for match in matches for key in _keys(match)] for matches in rules]
    shared = Counter((place, text) for found in keys for place, texts in found for text in texts)
    chosen: dict[Place, Pairs] = {}
    always = []
    for number, found in enumerate(keys):
        if not found:
            always.append(number)
            continue
        place, texts = min(found, key=lambda key: max(shared[key[0], text] for text in key[1]))
        chosen.setdefault(place, []).extend((text, number) for text in texts)
    return chosen, always


Key: TypeAlias = tuple[Place, list[str]]


def _keys(match: Match) -> list[Key]:
    """What a condition may be looked up by: literal beginnings, which is cheaper, or expressions."""
    match match.field:
        case "path":
            expressions = [*map(_expression, match.values), *match.regexes]
            return [*_literals("path", match, match.values), (("path expression", ""), expressions)]
        case "host":
            values = [value.lower() for value in match.values]
            expressions = [*map(_expression, values), *_without_case(match.regexes)]
            backwards = [value[::-1] for value in values]
            return [*_literals("host", match, backwards), (("host expression", ""), expressions)]
        case "source-ip":
            networks = [ip_network(value, strict=False) for value in match.values]
            bits = [_bits(net.version, int(net[0]))[: 1 + net.prefixlen] for net in networks]
            return [(("source", ""), bits)]
        case "header":
            values = [f"(?i:{_expression(value)})" for value in match.values]
            return [(("header", match.name.lower()), [*values, *match.regexes])]
        case "query" if len({key for key, _ in match.pairs}) == 1:
            key = match.pairs[0][0].lower()
            values = [_expression(value.lower(), escaped=True) for _, value in match.pairs]
            return [(("query", key), values)] if key and not re.search(r"[*?\\]", key) else []
    return []


def _literals(kind: str, match: Match, values: Sequence[str]) -> list[Key]:
    """Up to the first wildcard; impossible if one of the values has nothing there, or with expressions."""
    found = [re.split(r"[*?]", value, maxsplit=1)[0] for value in values]
    return [((kind, ""), found)] if all(found) and not match.regexes else []


def _bits(version: int, address: int) -> str:
    """Networks are beginnings of addresses: "4" and 32 bits, "6" and 128."""
    return f"4{address:032b}" if version == 4 else f"6{address:0128b}"


def _by_path(_: str, pairs: Pairs) -> Find:
    of = Prefixes(pairs).of
    return lambda question: of(question.path)


def _by_host(_: str, pairs: Pairs) -> Find:
    of = Prefixes(pairs).of
    return lambda question: of(question.name[::-1])


def _by_source(_: str, pairs: Pairs) -> Find:
    of = Prefixes(pairs).of
    return lambda question: of(_bits(*question.address))


def _by_path_expression(_: str, pairs: Pairs) -> Find:
    of = _by_expression(pairs)
    return lambda question: of((question.path,))


def _by_host_expression(_: str, pairs: Pairs) -> Find:
    of = _by_expression(pairs)
    return lambda question: of({question.name, question.host})


def _by_header(name: str, pairs: Pairs) -> Find:
    of = _by_expression(pairs)
    return lambda question: of(question.headers(name))


def _by_query(key: str, pairs: Pairs) -> Find:
    of = _by_expression(pairs)
    return lambda question: of([value for name, value in question.pairs if name == key])


_INDEXES: dict[str, Callable[[str, Pairs], Find]] = {
    "path": _by_path,
    "host": _by_host,
    "source": _by_source,
    "path expression": _by_path_expression,
    "host expression": _by_host_expression,
    "header": _by_header,
    "query": _by_query,
}


def _by_expression(pairs: Pairs) -> Callable[[Iterable[str]], Iterable[int]]:
    """Of the expressions that may be found in one of the texts."""
    numbers = [number for _, number in pairs]
    found = Expressions([expression for expression, _ in pairs]).found
    return lambda texts: {numbers[place] for text in texts for place in found(text)}


# conditions


def _test(match: Match) -> Test:
    return _TESTS[match.field](match)


def _host(match: Match) -> Test:
    value, regex = one_of([value.lower() for value in match.values]), _any(_without_case(match.regexes))
    if regex is None:
        return lambda question: value(question.name)
    return lambda question: value(question.name) or regex(question.name) or regex(question.host)


def _path(match: Match) -> Test:
    value, regex = one_of(match.values), _any(match.regexes)
    if regex is None:
        return lambda question: value(question.path)
    return lambda question: value(question.path) or regex(question.path)


def _method(match: Match) -> Test:
    methods = frozenset(match.values)
    return lambda question: question.method in methods


def _source(match: Match) -> Test:
    networks = [ip_network(value, strict=False) for value in match.values]
    ranges = [((net.version, int(net[0])), (net.version, int(net[-1]))) for net in networks]
    return lambda question: any(first <= question.address <= last for first, last in ranges)


def _header(match: Match) -> Test:
    """Each header of that name is asked, in their order."""
    name = match.name.lower()
    value, regex = one_of([value.lower() for value in match.values]), _any(match.regexes)
    return lambda question: any(
        value(one.lower()) or (regex is not None and regex(one)) for one in question.headers(name)
    )


def _query(match: Match) -> Test:
    """A pair without a key is looked for among the values, and among keys that have none."""
    tests = [
        (one_of([key.lower()], escaped=True) if key else None, one_of([value.lower()], escaped=True))
        for key, value in match.pairs
    ]

    def holds(question: Question) -> bool:
        return any(
            value(found) or (not found and value(name)) if key is None else key(name) and value(found)
            for name, found in question.pairs
            for key, value in tests
        )

    return holds


_TESTS: dict[str, Callable[[Match], Test]] = {
    "host": _host,
    "path": _path,
    "method": _method,
    "source-ip": _source,
    "header": _header,
    "query": _query,
}


def _without_case(expressions: Iterable[str]) -> list[str]:
    return [f"(?i:{expression})" for expression in expressions]


def _any(expressions: Sequence[str]) -> Search | None:
    """Whether one of them is found in a text; None: there are none."""
    searches = [searcher(expression) for expression in expressions]
    if len(searches) < 2:
        return searches[0] if searches else None
    return lambda text: any(search(text) for search in searches)


# wildcards


def one_of(values: Sequence[str], *, escaped: bool = False) -> Search:
    """Whether a text is one of these, in which `*` is any text and `?` any one character.

    `escaped`: a backslash before one of them (or before itself) makes it ordinary.

    >>> matches = one_of(["/img/*", "/?.css"])
    >>> matches("/img/a/b"), matches("/a.css"), matches("/ab.css")
    (True, True, False)
    """
    exact: set[str] = set()
    beginnings: list[str] = []
    expressions: list[str] = []
    for value in values:
        pieces = _pieces(value, escaped)
        wild = sum(special for _, special in pieces)
        if not wild:
            exact.add("".join(text for text, _ in pieces))
        elif wild == 1 and pieces[-1] == ("*", True):
            beginnings.append("".join(text for text, _ in pieces[:-1]))
        else:
            expressions.append(_expression(value, escaped=escaped))
    begin, regex = tuple(beginnings), _any(expressions)
    if regex is not None:
        return lambda text: text in exact or text.startswith(begin) or regex(text)
    if not begin:
        return exact.__contains__
    return lambda text: text in exact or text.startswith(begin)


def _expression(value: str, *, escaped: bool = False) -> str:
    """The regular expression of a text with wildcards."""
    pieces = [
        {"*": ".*", "?": "."}[text] if special else re.escape(text)
        for text, special in _pieces(value, escaped)
    ]
    return rf"\A(?s:{''.join(pieces)})\z"


_PLAIN = re.compile(r"[*?]|[^*?]+")
_ESCAPED = re.compile(r"\\[*?\\]|[*?]|[^*?\\]+|\\")


def _pieces(value: str, escaped: bool) -> list[tuple[str, bool]]:
    """Texts, and whether each is a wildcard. "a*" → [("a", False), ("*", True)]"""
    if not escaped:
        return [(piece, piece in ("*", "?")) for piece in _PLAIN.findall(value)]
    return [
        (piece[1:], False) if len(piece) == 2 and piece[0] == "\\" else (piece, piece in ("*", "?"))
        for piece in _ESCAPED.findall(value)
    ]
