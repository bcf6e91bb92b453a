"""Single values as text: form fields, XML elements, headers, labels and query strings."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from botocore.model import Shape

from windlass.aws.protocols.shapes import LONG_MAX, LONG_MIN, Unreadable, decode_base64, encode_base64
from windlass.aws.protocols.timestamps import FORMATS, parse_timestamp
from windlass.aws.protocols.tree import (
    SPECIAL_FLOATS,
    special_float_name,
    write_boolean,
    write_integer,
    write_number,
    write_string,
)

TextReader: TypeAlias = Callable[[str], Any]
TextWriter: TypeAlias = Callable[[Any], str]


def text_reader(shape: Shape) -> TextReader:
    """The closure from text to the shape's value. It raises Unreadable."""
    return _READERS.get(shape.type_name, _read_string)


def text_writer(shape: Shape, timestamp_format: str) -> TextWriter:
    """The closure from a value to its text; `timestamp_format` counts when the shape states none."""
    if shape.type_name == "timestamp":
        stated: str = shape.serialization.get("timestampFormat", timestamp_format)
        write = FORMATS[stated.lower()]
        return lambda value: str(write(value))
    return _WRITERS.get(shape.type_name, write_string)


def read_json_value(text: str) -> str:
    """A header marked `jsonvalue`: base64 of JSON text, handed on as JSON text in botocore's string form."""
    try:
        return json.dumps(json.loads(base64.b64decode(text, validate=True)))
    except (ValueError, RecursionError) as error:
        raise Unreadable("a header is not base64 of JSON") from error


def _read_string(text: str) -> str:
    return text


def _read_integer(text: str) -> int:
    digits = text.strip()
    # int() alone would also take 1_000 and digits of other scripts.
    if digits.isascii() and digits.removeprefix("-").removeprefix("+").isdigit() and len(digits) <= 20:
        value = int(digits)
        if LONG_MIN <= value <= LONG_MAX:
            return value
    raise Unreadable(f"{text[:64]!r} is not an integer")


def _read_float(text: str) -> float:
    if text in SPECIAL_FLOATS:
        return SPECIAL_FLOATS[text]
    try:
        if "_" not in text and text.isascii():
            return float(text)
    except ValueError:
        pass
    raise Unreadable(f"{text[:64]!r} is not a number")


def _read_boolean(text: str) -> bool:
    match text.strip().lower():
        case "true":
            return True
        case "false":
            return False
    raise Unreadable(f"{text[:64]!r} is neither true nor false")


def _read_timestamp(text: str) -> datetime:
    try:
        return parse_timestamp(text)
    except ValueError:
        raise Unreadable(f"{text[:64]!r} is not a timestamp") from None


def _write_float(value: Any) -> str:
    number = write_number(value)
    return special_float_name(number) or repr(number)


_READERS: dict[str, TextReader] = {
    "integer": _read_integer,
    "long": _read_integer,
    "float": _read_float,
    "double": _read_float,
    "boolean": _read_boolean,
    "timestamp": _read_timestamp,
    "blob": decode_base64,
}

_WRITERS: dict[str, TextWriter] = {
    "integer": lambda value: str(write_integer(value)),
    "long": lambda value: str(write_integer(value)),
    "float": _write_float,
    "double": _write_float,
    "boolean": lambda value: "true" if write_boolean(value) else "false",
    "blob": encode_base64,
}
