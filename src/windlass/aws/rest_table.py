"""The paths of a REST service's operations as a tree, and finding the operation of a request in it.

Paths are split before they are decoded, so an ARN with `%2F` in it stays one label. Where several operations
share a path, the one wins that states more: literal segments, literals of the query string (`?acl`), then
required arguments and headers that are there (S3's PutObject, UploadPart and CopyObject), then the newer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from botocore.model import OperationModel, ServiceModel

from windlass.aws.protocols.shapes import location, members_of, wire_name
from windlass.aws.wire import Request

FOUND_MAX, FOUND_CHARS_MAX = 1_024, 256
"""Matches that a table remembers, and the longest path and query of one: a few hundred KB."""


@dataclass(frozen=True, slots=True)
class Match:
    """The operation that was found, and its labels as they stand in the path, still encoded."""

    operation: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One operation's `requestUri`, taken apart."""

    operation: str
    segments: tuple[str, ...]
    """`functions`, `{FunctionName}`, `{Key+}`."""
    literals: Mapping[str, str | None]
    """What the query string must have: name → value, or None for any."""
    arguments: frozenset[str]
    headers: frozenset[str]
    """Required members of the query string and of the headers, by wire name."""
    deprecated: bool

    def weight(self, names: frozenset[str], headers: Mapping[str, str]) -> tuple[int, int, bool, int, bool]:
        """How well it fits a request whose path and literals fit; the greatest wins."""
        missing = len(self.arguments - names) + sum(name not in headers for name in self.headers)
        stated = sum(not is_label(segment) for segment in self.segments)
        present = len(self.arguments) + len(self.headers) - missing
        return (stated, len(self.literals), not missing, present, not self.deprecated)


def is_label(segment: str) -> bool:
    return segment.startswith("{")


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    label: _Node | None = None
    ends: dict[str, list[Pattern]] = field(default_factory=dict)
    greedy: dict[str, list[Pattern]] = field(default_factory=dict)
    """Patterns by HTTP method: those that end here, and those whose last label takes all that follows."""


class RestTable:
    """All operations of one REST service."""

    def __init__(self, operations: Iterator[OperationModel]) -> None:
        self._root = _Node()
        self._found: dict[tuple[str, str, str], Match] = {}
        """Matches of requests made lately, where headers have no say: one path is invoked again and again."""
        for operation in operations:
            self._add(operation.http["method"], pattern_of(operation))

    def _add(self, method: str, pattern: Pattern) -> None:
        node = self._root
        for segment in pattern.segments:
            if segment.endswith("+}"):
                node.greedy.setdefault(method, []).append(pattern)
                return
            if is_label(segment):
                node.label = node.label or _Node()
                node = node.label
            else:
                node = node.literals.setdefault(segment, _Node())
        node.ends.setdefault(method, []).append(pattern)

    def match(self, request: Request) -> Match | None:
        """The operation for a request's method, path, query string and headers."""
        asked = (request.method, request.path, request.query)
        known = self._found.get(asked)
        if known is not None:
            return known
        segments = request.path.lstrip("/").split("/")
        pairs = dict(pair.partition("=")[::2] for pair in request.query.split("&") if pair)
        names = frozenset(pairs)
        fitting = [
            pattern
            for pattern in _walk(self._root, segments, 0, request.method)
            if all(name in pairs and value in (None, pairs[name]) for name, value in pattern.literals.items())
        ]
        if not fitting:
            return None
        best = max(fitting, key=lambda pattern: pattern.weight(names, request.headers))
        match = Match(best.operation, _labels(best, segments))
        if len(fitting) == 1 and len(request.path) + len(request.query) <= FOUND_CHARS_MAX:
            if len(self._found) >= FOUND_MAX:
                self._found.clear()
            self._found[asked] = match
        return match


def _walk(node: _Node, segments: list[str], at: int, method: str) -> Iterator[Pattern]:
    """Every pattern that fits from here on. One empty segment may end a path: the trailing slash."""
    rest = segments[at:]
    if rest in ([], [""]):
        yield from node.ends.get(method, ())
    elif node.greedy and any(rest):
        yield from node.greedy.get(method, ())
    if not rest:
        return
    inner = node.literals.get(rest[0])
    if inner is not None:
        yield from _walk(inner, segments, at + 1, method)
    if node.label is not None and rest[0]:
        yield from _walk(node.label, segments, at + 1, method)


def _labels(pattern: Pattern, segments: list[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for at, segment in enumerate(pattern.segments):
        if segment.endswith("+}"):
            labels[segment[1:-2]] = "/".join(segments[at:])
        elif is_label(segment):
            labels[segment[1:-1]] = segments[at]
    return labels


def pattern_of(operation: OperationModel) -> Pattern:
    """`/2018-10-31/layers/{LayerName}/versions?find=LayerVersion`, taken apart."""
    path, _, query = operation.http["requestUri"].partition("?")
    shape = operation.input_shape
    members = members_of(shape)
    required: list[str] = shape.required_members if shape is not None else []

    def bound(where: str) -> frozenset[str]:
        return frozenset(
            wire_name(name, members[name]) for name in required if location(members[name]) == where
        )

    return Pattern(
        operation=operation.name,
        segments=tuple(segment for segment in path.split("/") if segment),
        literals={
            name: value if has_value else None
            for name, has_value, value in (part.partition("=") for part in query.split("&") if part)
        },
        arguments=bound("querystring"),
        headers=frozenset(name.lower() for name in bound("header")),
        deprecated=bool(operation.deprecated),
    )


@lru_cache(maxsize=512)
def rest_table(service: ServiceModel) -> RestTable:
    """The table of that service, made once."""
    return RestTable(service.operation_model(name) for name in service.operation_names)
