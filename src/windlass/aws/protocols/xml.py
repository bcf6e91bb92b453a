"""XML both ways: results as text for query, ec2 and rest-xml; bodies of rest-xml requests as elements.

Reading refuses document types and entities altogether, so there is nothing to expand or to fetch. Known gap:
characters that XML 1.0 cannot hold (most control characters) are answered as U+FFFD.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from botocore.model import ListShape, MapShape, Shape, StructureShape

from windlass.aws.protocols.shapes import DEPTH_MAX, Compiled, Unreadable, location, refuse_unknown, wire_name
from windlass.aws.protocols.text import text_reader, text_writer
from windlass.kernel.faults import Bug

DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>\n'
XmlWriter: TypeAlias = "Callable[[list[str], str, Any], None]"
"""write(parts, tag, value) appends the element's text to parts."""
XmlReader: TypeAlias = "Callable[[Sequence[Element]], Any]"
"""read(elements) takes all siblings of one name: more than one only for flattened lists and maps."""
Of: TypeAlias = Callable[[Shape], Any]

_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#xD;"}
_TO_ESCAPE = re.compile("[&<>\r\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escape(text: str) -> str:
    """Text between tags. A bare carriage return would come back as a newline, so it is spelled out."""
    return _TO_ESCAPE.sub(lambda found: _ESCAPES.get(found[0], "\ufffd"), text)


def xml_writers(timestamp_format: str) -> Compiled[XmlWriter]:
    """Closures that write a value of a shape under a tag. Unknown members raise Bug."""

    def build(shape: Any, of: Of) -> XmlWriter:
        match shape.type_name:
            case "structure":
                return _structure_writer(shape, of)
            case "list":
                return _list_writer(shape, of)
            case "map":
                return _map_writer(shape, of)
            case _:
                return _scalar_writer(shape, timestamp_format)

    return Compiled(build)


def member_tag(name: str, member: Shape) -> str:
    """A member's element. A flattened list goes by its items' name, where the model gives them one."""
    if isinstance(member, ListShape) and member.serialization.get("flattened"):
        items: str | None = member.member.serialization.get("name")
        if items is not None:
            return items
    return wire_name(name, member)


def _scalar_writer(shape: Shape, timestamp_format: str) -> XmlWriter:
    write_text = text_writer(shape, timestamp_format)
    opening = f"{_namespace(shape)}>"

    def write(parts: list[str], tag: str, value: Any) -> None:
        parts.append(f"<{tag}{opening}{escape(write_text(value))}</{tag}>")

    return write


def _structure_writer(shape: StructureShape, of: Of) -> XmlWriter:
    write_members = members_writer(shape, of)
    attributes = {
        name: wire_name(name, member)
        for name, member in shape.members.items()
        if member.serialization.get("xmlAttribute")
    }
    opening = _namespace(shape)

    def write(parts: list[str], tag: str, value: Any) -> None:
        given = "".join(
            f" {wire}={quoteattr(str(value[name]))}"
            for name, wire in attributes.items()
            if value.get(name) is not None
        )
        parts.append(f"<{tag}{opening}{given}>")
        write_members(parts, value)
        parts.append(f"</{tag}>")

    return write


def members_writer(shape: StructureShape, of: Of) -> Callable[[list[str], Any], None]:
    """The members of a structure's body, without an element around them."""
    members = {
        name: (member_tag(name, member), of(member))
        for name, member in shape.members.items()
        if location(member) is None and not member.serialization.get("xmlAttribute")
    }

    def write(parts: list[str], value: Any) -> None:
        if not isinstance(value, Mapping):
            raise Bug(f"{shape.name} is a structure, not {type(value).__name__}", value)
        for name, item in value.items():
            if item is None:
                continue
            known = members.get(name)
            if known is None:
                refuse_unknown(shape, shape.members, value)
            else:
                known[1](parts, known[0], item)

    return write


def _list_writer(shape: ListShape, of: Of) -> XmlWriter:
    write_item = of(shape.member)
    flattened = shape.serialization.get("flattened")
    item_tag = wire_name("member", shape.member)

    def write(parts: list[str], tag: str, value: Any) -> None:
        if not isinstance(value, list | tuple):
            raise Bug(f"{shape.name} is a list, not {type(value).__name__}", value)
        if flattened:
            for item in value:
                write_item(parts, tag, item)
            return
        parts.append(f"<{tag}>")
        for item in value:
            write_item(parts, item_tag, item)
        parts.append(f"</{tag}>")

    return write


def _map_writer(shape: MapShape, of: Of) -> XmlWriter:
    write_key, write_value = of(shape.key), of(shape.value)
    key_tag, value_tag = wire_name("key", shape.key), wire_name("value", shape.value)
    flattened = shape.serialization.get("flattened")

    def write(parts: list[str], tag: str, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise Bug(f"{shape.name} is a map, not {type(value).__name__}", value)
        entry = tag if flattened else "entry"
        parts.append("" if flattened else f"<{tag}>")
        for key, item in value.items():
            parts.append(f"<{entry}>")
            write_key(parts, key_tag, key)
            write_value(parts, value_tag, item)
            parts.append(f"</{entry}>")
        parts.append("" if flattened else f"</{tag}>")

    return write


def _namespace(shape: Shape) -> str:
    """` xmlns:xsi="…"` where the model declares one on the shape."""
    declared = shape.serialization.get("xmlNamespace")
    if not declared:
        return ""
    uri, prefix = (declared, None) if isinstance(declared, str) else (declared["uri"], declared.get("prefix"))
    return f" xmlns{':' + prefix if prefix else ''}={quoteattr(uri)}"


@dataclass(slots=True)
class Element:
    """One element of a request's body: its local name, attributes as written, children and text."""

    tag: str
    attributes: Mapping[str, str]
    children: list[Element] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


def parse_xml(body: bytes) -> Element:
    """The root of a document. Raises Unreadable for malformed XML, document types, and too deep nesting."""
    parser = expat.ParserCreate()
    document = Element("", {})
    open_elements = [document]

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        if len(open_elements) > DEPTH_MAX:
            raise Unreadable(f"The XML is nested deeper than {DEPTH_MAX} levels")
        element = Element(tag.rpartition(":")[2], attributes)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def refuse(*declaration: Any) -> None:
        raise Unreadable("Document types and entities are not allowed in XML")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: open_elements.pop()
    parser.CharacterDataHandler = lambda text: open_elements[-1].text.append(text)
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise (
            error if isinstance(error, Unreadable) else Unreadable(f"The XML is not well-formed: {error}")
        ) from None
    return document.children[0]


def xml_readers() -> Compiled[XmlReader]:
    """Closures from elements to a value."""

    def build(shape: Any, of: Of) -> XmlReader:
        match shape.type_name:
            case "structure":
                return _structure_reader(shape, of)
            case "list":
                return _list_reader(shape, of)
            case "map":
                return _map_reader(shape, of)
            case _:
                read_text = text_reader(shape)
                return lambda elements: read_text("".join(elements[0].text))

    return Compiled(build)


def _structure_reader(shape: StructureShape, of: Of) -> XmlReader:
    bodies, attributes = {}, {}
    for name, member in shape.members.items():
        if member.serialization.get("xmlAttribute"):
            attributes[name] = (wire_name(name, member), text_reader(member))
        elif location(member) is None:
            # botocore writes a flattened list under the member's name and reads it under its items' name.
            bodies[wire_name(name, member)] = bodies[member_tag(name, member)] = (name, of(member))

    def read(elements: Sequence[Element]) -> dict[str, Any]:
        element = elements[0]
        siblings: dict[str, list[Element]] = {}
        for child in element.children:
            siblings.setdefault(child.tag, []).append(child)
        params = {
            bodies[tag][0]: bodies[tag][1](children) for tag, children in siblings.items() if tag in bodies
        }
        for name, (wire, read_text) in attributes.items():
            if wire in element.attributes:
                params[name] = read_text(element.attributes[wire])
        return params

    return read


def _list_reader(shape: ListShape, of: Of) -> XmlReader:
    read_item = of(shape.member)
    if shape.serialization.get("flattened"):
        return lambda elements: [read_item([element]) for element in elements]
    item_tag = wire_name("member", shape.member)
    return lambda elements: [read_item([child]) for child in elements[0].children if child.tag == item_tag]


def _map_reader(shape: MapShape, of: Of) -> XmlReader:
    read_key, read_value = of(shape.key), of(shape.value)
    key_tag, value_tag = wire_name("key", shape.key), wire_name("value", shape.value)
    flattened = shape.serialization.get("flattened")

    def read(elements: Sequence[Element]) -> dict[str, Any]:
        entries = elements if flattened else [child for child in elements[0].children if child.tag == "entry"]
        found: dict[str, Any] = {}
        for entry in entries:
            keys = [child for child in entry.children if child.tag == key_tag]
            values = [child for child in entry.children if child.tag == value_tag]
            if not keys or not values:
                raise Unreadable(f"A map entry lacks its {key_tag} or its {value_tag}")
            found[read_key(keys)] = read_value(values)
        return found

    return read
