"""REST bindings: which members travel in path, query string, headers and status, and which in the body.

Shared by rest-json and rest-xml, which add only how a body is spelled. Fact sheet, sections 3 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote_plus

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from windlass.aws.protocols.shapes import (
    OPERATIONS_MAX,
    Unreadable,
    encode_base64,
    location,
    members_of,
    wire_name,
)
from windlass.aws.protocols.text import TextWriter, read_json_value, text_reader, text_writer
from windlass.aws.wire import Request
from windlass.kernel.faults import Bug

Arguments: TypeAlias = "Mapping[str, list[str]]"
BodyReader: TypeAlias = Callable[[Any], Any]
_LIST_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|$)')


def query_arguments(query: str) -> Arguments:
    """`a=1&a=2&b` → `{"a": ["1", "2"], "b": [""]}`, decoded."""
    found: dict[str, list[str]] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name:
            try:
                key, text = unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")
            except UnicodeDecodeError:
                raise Unreadable("The query string is not UTF-8") from None
            found.setdefault(key, []).append(text)
    return found


@dataclass(frozen=True, slots=True)
class Inputs:
    """An operation's bound members: closures from the request's parts, and what the body holds."""

    readers: tuple[Callable[[Request, Mapping[str, str], Arguments, dict[str, Any]], None], ...]
    uses_query: bool
    payload: str | None
    payload_shape: Shape | None
    """The payload member's shape; None when the body holds all unbound members."""
    payload_required: bool
    """An empty body is then an empty payload rather than none."""
    body_members: frozenset[str]


@lru_cache(maxsize=OPERATIONS_MAX)
def inputs(operation: OperationModel) -> Inputs:
    """Compile the input bindings of one operation, once."""
    shape = operation.input_shape
    members = members_of(shape)
    readers, uses_query = [], False
    for name, member in members.items():
        where = location(member)
        if where is not None:
            readers.append(_BINDINGS[where](name, member, members))
            uses_query = uses_query or where == "querystring"
    payload = shape.serialization.get("payload") if shape is not None else None
    return Inputs(
        readers=tuple(readers),
        uses_query=uses_query,
        payload=payload,
        payload_shape=members[payload] if payload else None,
        payload_required=shape is not None and payload in shape.required_members,
        body_members=frozenset(name for name, member in members.items() if location(member) is None),
    )


def read_inputs(bound: Inputs, request: Request, labels: Mapping[str, str]) -> dict[str, Any]:
    """The members of path, query string and headers. Raises Unreadable."""
    params: dict[str, Any] = {}
    arguments = query_arguments(request.query) if bound.uses_query and request.query else {}
    for read in bound.readers:
        read(request, labels, arguments, params)
    return params


def _label(name: str, member: Shape, members: Mapping[str, Shape]) -> Any:
    wire, read_text = wire_name(name, member), text_reader(member)

    def read(
        request: Request, labels: Mapping[str, str], arguments: Arguments, params: dict[str, Any]
    ) -> None:
        if wire in labels:
            params[name] = _named(name, read_text, labels[wire])

    return read


def _argument(name: str, member: Shape, members: Mapping[str, Shape]) -> Any:
    wire = wire_name(name, member)
    if isinstance(member, MapShape):
        return _all_arguments(name, member, members)
    many = isinstance(member, ListShape)
    read_text = text_reader(member.member if isinstance(member, ListShape) else member)

    def read(
        request: Request, labels: Mapping[str, str], arguments: Arguments, params: dict[str, Any]
    ) -> None:
        texts = arguments.get(wire)
        if texts:
            values = [_named(name, read_text, text) for text in (texts if many else texts[:1])]
            params[name] = values if many else values[0]

    return read


def _all_arguments(name: str, member: MapShape, members: Mapping[str, Shape]) -> Any:
    """A map in the query string takes every argument that no other member claims."""
    claimed = {wire_name(key, other) for key, other in members.items() if location(other) == "querystring"}
    many = isinstance(member.value, ListShape)

    def read(
        request: Request, labels: Mapping[str, str], arguments: Arguments, params: dict[str, Any]
    ) -> None:
        found = {key: texts if many else texts[0] for key, texts in arguments.items() if key not in claimed}
        if found:
            params[name] = found

    return read


def _header(name: str, member: Shape, members: Mapping[str, Shape]) -> Any:
    wire, read_text = wire_name(name, member).lower(), _header_reader(member)

    def read(
        request: Request, labels: Mapping[str, str], arguments: Arguments, params: dict[str, Any]
    ) -> None:
        text = request.headers.get(wire)
        if text is not None:
            params[name] = _named(name, read_text, text)

    return read


def _header_reader(member: Shape) -> Callable[[str], Any]:
    if isinstance(member, ListShape):
        read_item, timestamps = text_reader(member.member), member.member.type_name == "timestamp"
        return lambda text: [read_item(item) for item in split_header(text, timestamps)]
    return read_json_value if member.serialization.get("jsonvalue") else text_reader(member)


def _header_map(name: str, member: Shape, members: Mapping[str, Shape]) -> Any:
    prefix = member.serialization.get("name", "").lower()

    def read(
        request: Request, labels: Mapping[str, str], arguments: Arguments, params: dict[str, Any]
    ) -> None:
        found = {key[len(prefix) :]: text for key, text in request.headers.items() if key.startswith(prefix)}
        if found:
            params[name] = found

    return read


def _named(name: str, read_text: Callable[[str], Any], text: str) -> Any:
    try:
        return read_text(text)
    except Unreadable as error:
        raise Unreadable(f"{name}: {error}") from None


_BINDINGS: Mapping[str, Callable[[str, Shape, Mapping[str, Shape]], Any]] = {
    "uri": _label,
    "querystring": _argument,
    "header": _header,
    "headers": _header_map,
}


def split_header(text: str, timestamps: bool = False) -> list[str]:
    """`a, "b,c"` → a and b,c. An RFC 822 date holds one comma of its own: pairs of parts belong together."""
    if timestamps and "GMT" in text:
        parts = text.split(",")
        return [",".join(pair).strip() for pair in zip(parts[::2], parts[1::2], strict=False)]
    items: list[str] = []
    at = 0
    while at < len(text):
        found = _LIST_ITEM.match(text, at)
        if found is None or found.end() == at:
            raise Unreadable("a header list is malformed")
        quoted, bare = found[1], found[2]
        items.append(re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare.strip())
        at = found.end()
    return items


@dataclass(frozen=True, slots=True)
class Outputs:
    """An output's (or error's) bound members: writers of headers, the payload, the rest for the body."""

    headers: Mapping[str, Callable[[Any], list[tuple[str, str]]]]
    status_member: str | None
    payload: str | None
    payload_shape: Shape | None
    body_members: frozenset[str]


@lru_cache(maxsize=OPERATIONS_MAX)
def outputs(shape: StructureShape | None) -> Outputs:
    """Compile the output bindings of one shape, once."""
    headers: dict[str, Callable[[Any], list[tuple[str, str]]]] = {}
    status, unbound = None, set()
    for name, member in members_of(shape).items():
        match location(member):
            case "header":
                headers[name] = _header_writer(name, member)
            case "headers":
                headers[name] = _header_map_writer(member)
            case "statusCode":
                status = name
            case _:
                unbound.add(name)
    payload = shape.serialization.get("payload") if shape is not None else None
    payload_shape = members_of(shape)[payload] if payload else None
    return Outputs(headers, status, payload, payload_shape, frozenset(unbound))


def write_outputs(
    bound: Outputs, value: Mapping[str, Any], default_status: int
) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers of a result."""
    headers = [
        header
        for name, write in bound.headers.items()
        if value.get(name) is not None
        for header in write(value[name])
    ]
    status = value.get(bound.status_member) if bound.status_member else None
    return status or default_status, headers


def body_of(bound: Outputs, value: Mapping[str, Any]) -> dict[str, Any]:
    """What is left for the body. Members that the shape lacks stay in, for the body's writer to refuse."""
    return {
        name: item
        for name, item in value.items()
        if name not in bound.headers and name != bound.status_member
    }


def _header_writer(name: str, member: Shape) -> Callable[[Any], list[tuple[str, str]]]:
    wire = wire_name(name, member)
    if isinstance(member, ListShape):
        write_item = text_writer(member.member, "rfc822")
        return lambda value: [(wire, ", ".join(_quoted(write_item(item)) for item in value))] if value else []
    write_text: TextWriter = (
        encode_base64 if member.serialization.get("jsonvalue") else text_writer(member, "rfc822")
    )
    return lambda value: [(wire, header_text(wire, write_text(value)))]


def _header_map_writer(member: Shape) -> Callable[[Any], list[tuple[str, str]]]:
    prefix = member.serialization.get("name", "")
    return lambda value: [(prefix + key, header_text(key, text)) for key, text in value.items()]


def _quoted(text: str) -> str:
    if "," not in text and '"' not in text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def header_text(name: str, text: str) -> str:
    """A header value; line breaks would let a result write headers of its own."""
    if "\r" in text or "\n" in text or "\0" in text:
        raise Bug(f"header {name} holds a line break", text)
    return text
