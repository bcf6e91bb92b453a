"""JSON as a tree: how JSON spells blobs, timestamps and floats, and the limits on what is read.

Shared by AWS JSON, REST-JSON and the events of event streams.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from botocore.model import Shape

from windlass.aws.protocols.shapes import DEPTH_MAX, OPERATIONS_MAX, Unreadable, decode_base64, encode_base64
from windlass.aws.protocols.timestamps import FORMATS, parse_timestamp
from windlass.aws.protocols.tree import (
    SPECIAL_FLOATS,
    Leaves,
    Reader,
    Writer,
    read_number,
    special_float_name,
    tree_readers,
    tree_writers,
    write_number,
    wrong_type,
)


def decode_json(body: bytes) -> Any:
    """A JSON document as Python values. Raises Unreadable, also for one nested deeper than DEPTH_MAX."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable(f"The request body is not valid JSON: {error}") from error
    # A small document cannot be deep: counting the openers costs less than walking the tree.
    if body.count(b"[") + body.count(b"{") > DEPTH_MAX and _deeper_than(value, DEPTH_MAX):
        raise Unreadable(f"The request body is nested deeper than {DEPTH_MAX} levels")
    return value


def _deeper_than(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
        if not layer:
            return False
    return True


def _read_blob(value: Any) -> bytes:
    if isinstance(value, str):
        return decode_base64(value)
    raise wrong_type(value, "a Blob")


def _read_timestamp(value: Any) -> Any:
    try:
        return parse_timestamp(value)
    except ValueError:
        raise wrong_type(value, "a Timestamp") from None


def _read_float(value: Any) -> float:
    if isinstance(value, str) and value in SPECIAL_FLOATS:
        return SPECIAL_FLOATS[value]
    return read_number(value)


def _write_float(value: Any) -> float | str:
    number = write_number(value)
    return special_float_name(number) or number


def _timestamp_writer(shape: Shape) -> Writer:
    return FORMATS[shape.serialization.get("timestampFormat", "unixtimestamp").lower()]


LEAVES = Leaves(
    read_blob=_read_blob,
    write_blob=encode_base64,
    read_timestamp=lambda shape: _read_timestamp,
    write_timestamp=_timestamp_writer,
    read_float=_read_float,
    write_float=_write_float,
    by_location_name=True,
)


@lru_cache(maxsize=OPERATIONS_MAX)
def json_writer(shape: Shape) -> Writer:
    """The closure that turns a value of that shape into what msgspec encodes."""
    return tree_writers(LEAVES).of(shape)


@lru_cache(maxsize=OPERATIONS_MAX)
def json_reader(shape: Shape) -> Reader:
    """The closure that turns decoded JSON into a value of that shape."""
    return tree_readers(LEAVES).of(shape)
