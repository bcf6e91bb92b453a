"""Form parameters (`Tags.member.1.Key=a`) as parameters: what query and ec2 share.

Names make a tree, the shape walks it. How members and list items are named is the protocol's `Names`.
Fact sheet, section 4: numbering starts at 1, gaps are tolerated, the first of doubled names counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

from botocore.model import ListShape, MapShape, Shape, StructureShape

from windlass.aws.body import plain
from windlass.aws.protocols.shapes import DEPTH_MAX, Compiled, Unreadable, wire_name
from windlass.aws.protocols.text import text_reader
from windlass.aws.wire import Request

FIELDS_MAX = 100_000
"""Fields per request; AWS refuses bodies over 10 MB, which is about that many."""
VALUE = ""
"""Where a node keeps its own text: no field has an empty last name."""

Node: TypeAlias = "dict[str, Any]"
FormReader: TypeAlias = Callable[[Node], Any]
MemberNames: TypeAlias = Callable[[str, Shape], "list[str]"]


def fields(request: Request) -> dict[str, str]:
    """All fields of a request: those of the form body, then those of the query string."""
    found: dict[str, str] = {}
    body = plain(request).body if request.method != "GET" else b""
    for raw in (body, request.query.encode("ascii", "replace")):
        if raw.count(b"&") >= FIELDS_MAX:
            raise Unreadable(f"The request has more than {FIELDS_MAX} parameters")
        for pair in raw.split(b"&"):
            name, _, value = pair.partition(b"=")
            if name:
                found.setdefault(_decode(name), _decode(value))
    return found


def _decode(text: bytes) -> str:
    try:
        return unquote_to_bytes(text.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        raise Unreadable("The request parameters are not UTF-8") from None


def tree(pairs: Mapping[str, str]) -> Node:
    """`{"A.1.B": "x"}` → `{"A": {"1": {"B": {"": "x"}}}}`."""
    root: Node = {}
    for name, value in pairs.items():
        if name.count(".") > DEPTH_MAX:
            raise Unreadable(f"A parameter name is nested deeper than {DEPTH_MAX} levels")
        node = root
        for part in name.split("."):
            node = node.setdefault(part, {})
        node.setdefault(VALUE, value)
    return root


def form_readers(
    member_names: MemberNames, item_name: Callable[[ListShape], str | None]
) -> Compiled[FormReader]:
    """Closures from a node to a value. `item_name` is the level between a list and its numbers, if any."""

    def build(shape: Any, of: Callable[[Shape], Any]) -> FormReader:
        match shape.type_name:
            case "structure":
                return _structure_reader(shape, of, member_names)
            case "list":
                return _list_reader(shape, of(shape.member), item_name(shape))
            case "map":
                return _map_reader(shape, of)
            case _:
                return _scalar_reader(shape)

    return Compiled(build)


def _structure_reader(
    shape: StructureShape, of: Callable[[Shape], Any], member_names: MemberNames
) -> FormReader:
    members = {
        wire: (name, of(member))
        for name, member in shape.members.items()
        for wire in member_names(name, member)
    }

    def read(node: Node) -> dict[str, Any]:
        params: dict[str, Any] = {}
        for wire, inner in node.items():
            known = members.get(wire)
            if known is not None:
                try:
                    params[known[0]] = known[1](inner)
                except Unreadable as error:
                    raise Unreadable(f"{wire}: {error}") from None
        return params

    return read


def _list_reader(shape: ListShape, read_item: FormReader, item: str | None) -> FormReader:
    # AWS's own examples write a flattened list of one as `AttributeName=All` (SQS ReceiveMessage).
    lone = item is None and shape.member.type_name not in ("structure", "list", "map")

    def read(node: Node) -> list[Any]:
        if lone and node.get(VALUE) and len(node) == 1:
            return [read_item(node)]
        return [read_item(inner) for _, inner in _by_number(node, item)]

    return read


def _map_reader(shape: MapShape, of: Callable[[Shape], Any]) -> FormReader:
    flattened = shape.serialization.get("flattened")
    key_name, value_name = wire_name("key", shape.key), wire_name("value", shape.value)
    read_key, read_value = of(shape.key), of(shape.value)

    def read(node: Node) -> dict[str, Any]:
        # And a flattened map of one as `Attribute.Name=…&Attribute.Value=…` (SQS SetQueueAttributes).
        lone = flattened and key_name in node
        entries = [(1, node)] if lone else _by_number(node, None if flattened else "entry")
        found: dict[str, Any] = {}
        for number, entry in entries:
            if key_name not in entry:
                raise Unreadable(f"entry {number} has no {key_name}")
            found[read_key(entry[key_name])] = read_value(entry.get(value_name, {VALUE: ""}))
        return found

    return read


def _by_number(node: Node, level: str | None) -> list[tuple[int, Node]]:
    """The numbered children, within `level` if there is one, in order; `Name=` alone is the empty list."""
    if node.get(VALUE):
        raise Unreadable("a list or map has a plain value")
    numbered: list[tuple[int, Node]] = []
    for part, inner in (node if level is None else node.get(level, {})).items():
        if part == VALUE:
            continue
        if part.isascii() and part.isdigit() and len(part) < 10:
            numbered.append((int(part), inner))
        else:
            raise Unreadable(f"{part[:64]!r} is not a number of a list or map entry")
    return sorted(numbered, key=lambda entry: entry[0])


def _scalar_reader(shape: Shape) -> FormReader:
    read_text = text_reader(shape)

    def read(node: Node) -> Any:
        if VALUE not in node:
            raise Unreadable("a value was expected, not parameters within it")
        return read_text(node[VALUE])

    return read
