"""What every protocol needs of botocore's shapes: their wire names, closures per shape, request ids.

A protocol compiles each operation once (design D2): a shape becomes a closure, and reading a request is then
only calling it. Closures that read raise Unreadable; the protocol turns that into its own Fault. Those that
write raise Bug, because a result that does not fit the model is our mistake.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from botocore.model import Shape, StructureShape

from windlass.kernel.faults import Bug

T = TypeVar("T")
OPERATIONS_MAX = 4096
"""Compiled operations kept per protocol: more than all of one account's services."""
DEPTH_MAX = 128
"""Nesting of a request body; AWS's own limits are not published. Deepest modelled path is well below 30."""


LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
"""A model's `long`, and the widest integer that any protocol carries."""


class Unreadable(ValueError):
    """What a client sent does not fit the model; the text is for the client."""


class Compiled(Generic[T]):
    """Closures by shape. `build(shape, of)` makes one and asks `of(member)` for those inside it."""

    def __init__(self, build: Callable[[Any, Callable[[Shape], Any]], T]) -> None:
        self._build = build
        self._done: dict[tuple[str, str], Any] = {}

    def of(self, shape: Shape) -> T:
        """The closure of that shape as that member (a member's traits are part of its shape here)."""
        key = (shape.name, repr(sorted(shape.serialization.items(), key=lambda trait: trait[0])))
        if key not in self._done:
            # A recursive shape meets itself while it is built: hand out a forward to what will be there.
            self._done[key] = lambda *args: self._done[key](*args)
            self._done[key] = self._build(shape, self.of)
        found: T = self._done[key]
        return found


def wire_name(name: str, member: Shape) -> str:
    """The member's `locationName`, else its own name."""
    found: str = member.serialization.get("name", name)
    return found


def location(member: Shape) -> str | None:
    """Where REST puts this member: uri, querystring, header, headers, statusCode; None is the body."""
    found: str | None = member.serialization.get("location")
    return found


def members_of(shape: StructureShape | None) -> Mapping[str, Shape]:
    return shape.members if shape is not None else {}


def refuse_unknown(shape: Shape, names: Mapping[str, Any], value: Mapping[str, Any]) -> None:
    """A handler's result may only have modelled members."""
    unknown = sorted(name for name in value if name not in names and value[name] is not None)
    if unknown:
        raise Bug(f"{shape.name} has no member {', '.join(unknown)}", value)


def decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unreadable("a blob is not valid base64") from error


def encode_base64(value: Any) -> str:
    return base64.b64encode(blob(value)).decode("ascii")


def blob(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes | bytearray | memoryview):
        raise Bug(f"a blob is {type(value).__name__}, not bytes")
    return bytes(value)
