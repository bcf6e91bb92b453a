"""Whether an operation of a scenario is one of AWS's, and its parameters are of AWS's types. Pure.

A client library refuses these before anything is sent; in a scenario nobody else would. What is required and
what values are in range is the service's own to say. Knows botocore's models, no world.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from windlass.aws.models import Models
from windlass.aws.protocols.timestamps import parse_timestamp
from windlass.services.catalogue import SERVICES

REFERENCE = "${"
"""In a string: what it stands for is known only once the scenario is played."""
_NAMES_MAX = 20
_SHOWN_CHARS_MAX = 60
_SCALARS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "string": (lambda value: isinstance(value, str), "a string"),
    "integer": (lambda value: type(value) is int, "a whole number"),
    "long": (lambda value: type(value) is int, "a whole number"),
    "float": (lambda value: type(value) in (int, float), "a number"),
    "double": (lambda value: type(value) in (int, float), "a number"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "timestamp": (lambda value: _moment(value) is not None, "a time: 2026-11-22T12:00:00Z, for example"),
    "blob": (lambda value: isinstance(value, bytes), "bytes: write !!binary and base64"),
}
"""Kind of a shape → (whether a value is one, what it should be)."""


def wrong_operation(service: str, operation: str) -> str:
    """Why it cannot be called: there is none, with the nearest one, or not here; "" when it can."""
    models = _models()
    if service not in models.served:
        return f"there is no service {service!r} here{_nearest(service, models.served, others=True)}"
    if models.operation(service, operation) is None:
        names = models.service(service).operation_names
        return f"there is no such operation{_nearest(operation, names)}"
    if operation not in _handled()[service]:
        return "Windlass does not have it, so it cannot be planned: see windlass coverage"
    return ""


def wrong_parameter(service: str, operation: str, params: object, *, filled: bool = False) -> str:
    """The first parameter that the operation does not have or that is of another type; "" when none is.

    `filled`: references stand for nothing any more.
    >>> wrong_parameter("ecs", "RunTask", {"count": "3"})
    "count: '3' is not a whole number"
    """
    found = _models().operation(service, operation)
    if not isinstance(params, Mapping):
        return f"its parameters are a mapping, {{}} if there are none, and not {_shown(params)}"
    if found is None or found.input_shape is None:
        return f"it takes no parameters, and gets {', '.join(map(str, params))}" if params else ""
    return _wrong(found.input_shape, params, "", filled)


def sent(service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of which none is wrong, as a client library has them: times are times."""
    found = _models().operation(service, operation)
    shape = None if found is None else found.input_shape
    return {**params} if shape is None else _sent(shape, params)


@cache
def _models() -> Models:
    return Models(service.name for service in SERVICES)


@cache
def _handled() -> Mapping[str, Collection[str]]:
    return {service.name: frozenset(service.handlers) for service in SERVICES}


def _wrong(shape: Shape, value: Any, where: str, filled: bool) -> str:
    if value is None:
        return f"{where}: there is nothing: give it a value, or leave it out"
    if not filled and isinstance(value, str) and REFERENCE in value:
        return ""
    match shape:
        case StructureShape():
            return _wrong_structure(shape, value, where, filled)
        case ListShape():
            if not isinstance(value, list | tuple):
                return f"{where}: {_shown(value)} is not a list"
            return _first(
                _wrong(shape.member, one, f"{where}[{place}]", filled) for place, one in enumerate(value)
            )
        case MapShape():
            if not isinstance(value, Mapping):
                return f"{where}: {_shown(value)} is not a mapping"
            pairs = ((key, one, f"{where}.{key}") for key, one in value.items())
            return _first(
                _wrong(shape.key, key, at, filled) or _wrong(shape.value, one, at, filled)
                for key, one, at in pairs
            )
    fits, wanted = _SCALARS.get(shape.type_name, (lambda value: True, ""))
    if fits(value):
        return ""
    hint = f': write "{value}"' if wanted == "a string" and isinstance(value, int | float) else ""
    return f"{where}: {_shown(value)} is not {wanted}{hint}"


def _wrong_structure(shape: StructureShape, value: Any, where: str, filled: bool) -> str:
    if shape.is_document_type:
        return ""
    if not isinstance(value, Mapping):
        return f"{where}: {_shown(value)} is not a mapping"
    at = f"{where}." if where else ""
    for name, one in value.items():
        member = shape.members.get(name)
        if member is None:
            return f"{at}{name}: there is no such parameter{_nearest(str(name), shape.members, others=True)}"
        if wrong := _wrong(member, one, f"{at}{name}", filled):
            return wrong
    return ""


def _sent(shape: Shape, value: Any) -> Any:
    match shape:
        case StructureShape() if not shape.is_document_type:
            return {name: _sent(shape.members[name], one) for name, one in value.items()}
        case ListShape():
            return [_sent(shape.member, one) for one in value]
        case MapShape():
            return {key: _sent(shape.value, one) for key, one in value.items()}
    return _moment(value) if shape.type_name == "timestamp" else value


def _moment(value: Any) -> datetime | None:
    """What clients understand as a time: epoch seconds, ISO 8601, and what YAML makes of dates."""
    if isinstance(value, date):
        whole = value if isinstance(value, datetime) else datetime.combine(value, time())
        return whole if whole.tzinfo else whole.replace(tzinfo=UTC)
    try:
        return parse_timestamp(value)
    except ValueError:
        return None


def _first(found: Iterable[str]) -> str:
    return next(filter(None, found), "")


def _nearest(name: str, known: Iterable[str], *, others: bool = False) -> str:
    """What was probably meant; `others`: else all that there is."""
    names = sorted(known)
    lower = {one.lower(): one for one in names}
    close = difflib.get_close_matches(name.lower(), lower, 1)
    if close:
        return f": did you mean {lower[close[0]]}?"
    shown = [*names[:_NAMES_MAX], "…"] if len(names) > _NAMES_MAX else names
    return f"; there are {', '.join(shown)}" if others else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}…"
