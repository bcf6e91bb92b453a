"""Values of botocore's shapes, drawn from a stream of chance: what the round trips send and answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT = "aZ09 _-./:@é漢🚀&<>\"'\\\t\n\r=+%#?;,[]{}"
HOST_TEXT = "az09-"
HEADER_TEXT = "aZ09_-./:@=+"
DEPTH_MAX = 5


@dataclass(frozen=True)
class Draw:
    """Draws values. `xml` leaves out what XML cannot tell apart (empty lists and the like)."""

    chance: Random
    xml: bool = False
    fractions: bool = False
    """Timestamps with milliseconds: botocore reads them but does not send them."""

    def value(self, shape: Shape, depth: int = 0) -> Any:
        where = shape.serialization.get("location")
        match shape:
            case StructureShape():
                return self.document(depth) if shape.is_document_type else self.structure(shape, depth)
            case ListShape():
                least = max(shape.metadata.get("min", 0), 1 if self.xml or where else 0)
                count = least if depth > DEPTH_MAX else self.chance.randint(least, least + 2)
                return [self.item(shape.member, where, depth + 1) for _ in range(count)]
            case MapShape():
                least = max(shape.metadata.get("min", 0), 1 if self.xml or where else 0)
                count = least if depth > DEPTH_MAX else self.chance.randint(least, least + 2)
                keys = [self.map_key(shape.key, where) for _ in range(count)]
                return {key: self.item(shape.value, where, depth + 1) for key in keys}
        return self.item(shape, where, depth)

    def item(self, shape: Shape, where: str | None, depth: int) -> Any:
        """A value that has to travel where its container does."""
        match shape.type_name:
            case "structure" | "list" | "map":
                return self.value(shape, depth)
            case "timestamp":
                header = where in ("header", "headers")
                return self.timestamp(self.fractions and not header and format_of(shape) != "rfc822")
            case "blob":
                return self.chance.randbytes(self.length(shape))
            case "boolean":
                return self.chance.random() < 0.5
            case "integer" | "long":
                least = int(shape.metadata.get("min", -5))
                return self.chance.randint(least, max(least, int(shape.metadata.get("max", least + 1000))))
            case "float" | "double":
                return float(int(shape.metadata.get("min", -4)) + self.chance.randint(0, 64) / 4)
        return self.text(shape, where)

    def structure(self, shape: StructureShape, depth: int) -> dict[str, Any]:
        if shape.is_tagged_union:
            members = [
                name for name, member in shape.members.items() if depth <= DEPTH_MAX or is_leaf(member)
            ]
            name = self.chance.choice(members or list(shape.members))
            return {name: self.value(shape.members[name], depth + 1)}
        names = [name for name in shape.members if self.wants(shape, name, depth)]
        if not names and shape.members:
            leaves = [name for name, member in shape.members.items() if is_leaf(member)]
            names = [self.chance.choice(leaves or list(shape.members))] if depth <= 2 * DEPTH_MAX else []
        return {name: self.value(shape.members[name], depth + 1) for name in names}

    def wants(self, shape: StructureShape, name: str, depth: int) -> bool:
        member = shape.members[name]
        if member.serialization.get("eventstream"):
            return False
        if name in shape.required_members or member.serialization.get("idempotencyToken"):
            return True
        return (depth <= DEPTH_MAX or is_leaf(member)) and self.chance.random() < (0.7 if depth < 2 else 0.4)

    def length(self, shape: Shape) -> int:
        least = int(shape.metadata.get("min", 0))
        return self.chance.randint(
            least, max(least, min(least + 12, int(shape.metadata.get("max", least + 12))))
        )

    def text(self, shape: Shape, where: str | None) -> str:
        if isinstance(shape, StringShape) and shape.enum:
            return str(self.chance.choice(shape.enum))
        alphabet = HEADER_TEXT if where in ("header", "headers") else TEXT
        alphabet = HOST_TEXT if shape.serialization.get("hostLabel") else alphabet
        # botocore does not escape a carriage return in XML, and parsers make a newline of it.
        alphabet = alphabet.replace("\r", "") if self.xml and not self.fractions else alphabet
        length = max(self.length(shape), 1 if where or alphabet is HOST_TEXT else 0)
        text = "".join(self.chance.choices(alphabet, k=length))
        # A path of dots alone would be a step upwards.
        return text.replace(".", "a") if where == "uri" else text

    def map_key(self, shape: Shape, where: str | None) -> str:
        text = self.text(shape, where or "querystring")
        return text.lower() if where == "headers" else text

    def timestamp(self, fraction: bool) -> datetime:
        moment = EPOCH + timedelta(seconds=self.chance.randint(0, 4_000_000_000))
        return moment + timedelta(milliseconds=self.chance.randint(0, 999)) if fraction else moment

    def document(self, depth: int) -> Any:
        return {"text": "a", "number": 1.5, "list": [1, None, True, {"deep": depth}]}


def is_leaf(shape: Shape) -> bool:
    return shape.type_name not in ("structure", "list", "map")


def format_of(shape: Shape) -> str:
    return str(shape.serialization.get("timestampFormat", "")).lower()


def pruned(value: Any) -> Any:
    """Without empty lists, maps and structures: the form protocols and XML do not carry all of them."""
    if isinstance(value, dict):
        inner = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in ({}, [])}
    return [pruned(item) for item in value] if isinstance(value, list) else value
