"""Parameters and results as trees of dicts and lists: what the JSON and CBOR protocols share.

`Leaves` says how a protocol spells blobs, timestamps and floats; the rest is the model. Error texts follow
the newer AWS JSON services: `NUMBER_VALUE can not be converted to a String`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.model import ListShape, MapShape, Shape, StructureShape

from windlass.aws.protocols.shapes import LONG_MAX, LONG_MIN, Compiled, Unreadable, refuse_unknown, wire_name
from windlass.kernel.faults import Bug

Reader: TypeAlias = Callable[[Any], Any]
Writer: TypeAlias = Callable[[Any], Any]
Of: TypeAlias = Callable[[Shape], Any]


@dataclass(frozen=True, slots=True)
class Leaves:
    """A tree protocol's own spellings. The functions of timestamps get the shape: its format is a trait."""

    read_blob: Reader
    write_blob: Writer
    read_timestamp: Callable[[Shape], Reader]
    write_timestamp: Callable[[Shape], Writer]
    read_float: Reader
    write_float: Writer
    by_location_name: bool
    """Whether members are written by their locationName (JSON) or their own name (CBOR)."""


def tree_readers(leaves: Leaves) -> Compiled[Reader]:
    """Closures from a decoded tree to parameters. Nulls are missing; unknown members are ignored."""

    def build(shape: Any, of: Of) -> Reader:
        match shape.type_name:
            case "structure":
                return _pass if shape.is_document_type else _structure_reader(shape, of)
            case "list":
                return _list_reader(shape, of)
            case "map":
                return _map_reader(shape, of)
            case "timestamp":
                return leaves.read_timestamp(shape)
            case "blob":
                return leaves.read_blob
            case "float" | "double":
                return leaves.read_float
            case "integer" | "long":
                return _read_integer
            case "boolean":
                return _read_boolean
            case _:
                return _read_string

    return Compiled(build)


def tree_writers(leaves: Leaves) -> Compiled[Writer]:
    """Closures from a result to a tree ready to encode. None members vanish; unknown members raise Bug."""

    def build(shape: Any, of: Of) -> Writer:
        match shape.type_name:
            case "structure":
                return (
                    _pass if shape.is_document_type else _structure_writer(shape, of, leaves.by_location_name)
                )
            case "list":
                return _list_writer(shape, of)
            case "map":
                return _map_writer(shape, of)
            case "timestamp":
                return leaves.write_timestamp(shape)
            case "blob":
                return leaves.write_blob
            case "float" | "double":
                return leaves.write_float
            case "integer" | "long":
                return write_integer
            case "boolean":
                return write_boolean
            case _:
                return write_string

    return Compiled(build)


def _pass(value: Any) -> Any:
    return value


def _structure_reader(shape: StructureShape, of: Of) -> Reader:
    members: dict[str, tuple[str, Reader]] = {}
    for name, member in shape.members.items():
        members[name] = members[wire_name(name, member)] = (name, of(member))

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise wrong_type(value, "a structure")
        params: dict[str, Any] = {}
        for key, item in value.items():
            if item is not None:
                known = members.get(key)
                if known is not None:
                    params[known[0]] = known[1](item)
        return params

    return read


def _list_reader(shape: ListShape, of: Of) -> Reader:
    read_item = of(shape.member)

    def read(value: Any) -> list[Any]:
        if type(value) is not list:
            raise wrong_type(value, "a list")
        return [read_item(item) for item in value if item is not None]

    return read


def _map_reader(shape: MapShape, of: Of) -> Reader:
    read_key, read_value = of(shape.key), of(shape.value)

    def read(value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise wrong_type(value, "a map")
        return {read_key(key): read_value(item) for key, item in value.items() if item is not None}

    return read


def _read_string(value: Any) -> str:
    if type(value) is str:
        return value
    raise wrong_type(value, "a String")


def _read_integer(value: Any) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int and LONG_MIN <= value <= LONG_MAX:
        return value
    raise wrong_type(value, "an Integer")


def _read_boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise wrong_type(value, "a Boolean")


def read_number(value: Any) -> float:
    """A number as float, for the protocols' read_float."""
    if type(value) is float or type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise Unreadable("a number is out of range") from None
    raise wrong_type(value, "a Double")


def wrong_type(value: Any, wanted: str) -> Unreadable:
    """The error for a value of another type, in AWS's words."""
    if isinstance(value, list):
        return Unreadable("Start of list found where not expected")
    if isinstance(value, dict):
        return Unreadable("Start of structure or map found where not expected.")
    if value is None or isinstance(value, bool):
        return Unreadable(
            f"{str(value).upper()}_VALUE can not be converted to {wanted}".replace("NONE", "NULL")
        )
    names: dict[type, str] = {str: "STRING_VALUE", bytes: "BLOB_VALUE"}
    name = names.get(type(value), "NUMBER_VALUE")
    return Unreadable(f"{name} can not be converted to {wanted}")


def _structure_writer(shape: StructureShape, of: Of, by_location_name: bool) -> Writer:
    members: dict[str, tuple[str, Writer]] = {
        name: (wire_name(name, member) if by_location_name else name, of(member))
        for name, member in shape.members.items()
    }
    union = shape.is_tagged_union

    def write(value: Any) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        try:
            for name, item in value.items():
                if item is not None:
                    key, write_item = members[name]
                    tree[key] = write_item(item)
        except (KeyError, AttributeError):
            if isinstance(value, Mapping):
                refuse_unknown(shape, members, value)
                raise
            raise Bug(f"{shape.name} is a structure, not {type(value).__name__}", value) from None
        if union and len(tree) != 1:
            raise Bug(f"{shape.name} is a union: it has one member, not {len(tree)}", value)
        return tree

    return write


def _list_writer(shape: ListShape, of: Of) -> Writer:
    write_item = of(shape.member)

    def write(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise Bug(f"{shape.name} is a list, not {type(value).__name__}", value)
        return [None if item is None else write_item(item) for item in value]

    return write


def _map_writer(shape: MapShape, of: Of) -> Writer:
    write_key, write_value = of(shape.key), of(shape.value)

    def write(value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise Bug(f"{shape.name} is a map, not {type(value).__name__}", value)
        return {write_key(key): None if item is None else write_value(item) for key, item in value.items()}

    return write


def write_string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Bug(f"a string is {type(value).__name__}", value)


def write_integer(value: Any) -> int:
    if isinstance(value, int) and value is not True and value is not False:
        return value
    raise Bug(f"an integer is {type(value).__name__}", value)


def write_boolean(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise Bug(f"a boolean is {type(value).__name__}", value)


def write_number(value: Any) -> float:
    if isinstance(value, int | float) and value is not True and value is not False:
        return value
    raise Bug(f"a number is {type(value).__name__}", value)


SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def special_float_name(value: float) -> str | None:
    """The JSON and XML spelling of NaN and the infinities; None for ordinary numbers."""
    if math.isfinite(value):
        return None
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
