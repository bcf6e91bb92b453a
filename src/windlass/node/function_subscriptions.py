"""Subscriptions to an environment's telemetry: what may be asked for, and what each subscriber is sent. Pure.

Two APIs: Telemetry (2022-07-01) and its forerunner Logs (2020-08-15), which knows fewer events and other
records. Lambda developer guide, "Telemetry API" and "Logs API". Delivery is function_telemetry.py's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

import msgspec

Api: TypeAlias = Literal["telemetry", "logs"]
SCHEMAS: Mapping[Api, tuple[str, ...]] = {
    "telemetry": ("2022-07-01", "2022-12-13", "2025-01-29"),
    "logs": ("2020-08-15", "2021-03-18"),
}
_RUNTIME_DONE = "2021-03-18"
"""The schema of the Logs API that has platform.runtimeDone."""
TYPES = ("platform", "function", "extension")
HOSTS = frozenset(("sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"))
"""Names of the environment itself: a subscriber can be nowhere else."""
RESERVED_PORT = 9001
LIMITS = {"maxItems": (1000, 10_000), "maxBytes": (262_144, 1_048_576), "timeoutMs": (25, 30_000)}
"""(least, most) of each setting of the buffer: events, bytes, milliseconds."""


class BadSubscription(Exception):
    """What was asked for cannot be; the message is for whoever asked."""


class _Destination(msgspec.Struct):
    protocol: Literal["HTTP", "TCP"]
    URI: str = ""
    port: int = 0
    method: Literal["POST", "PUT"] = "POST"


class _Buffering(msgspec.Struct):
    maxItems: int = 10_000
    maxBytes: int = 262_144
    timeoutMs: int = 1000


class _Wanted(msgspec.Struct):
    destination: _Destination
    types: tuple[str, ...]
    schemaVersion: str = ""
    buffering: _Buffering = msgspec.field(default_factory=_Buffering)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One extension's. Without a `path` it is told over TCP, a line for each event."""

    api: Api
    schema: str
    types: tuple[str, ...]
    port: int
    path: str = ""
    method: str = "POST"
    max_items: int = 10_000
    max_bytes: int = 262_144
    timeout_ms: int = 1000


def parse(api: Api, body: bytes) -> Subscription:
    """The subscription that a request asks for. Raises BadSubscription."""
    try:
        wanted = msgspec.json.decode(body, type=_Wanted)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadSubscription(str(error)) from error
    schema = wanted.schemaVersion or SCHEMAS[api][0]
    faults = list(_faults(api, schema, wanted))
    port, path = _target(wanted.destination, faults)
    if faults:
        raise BadSubscription("; ".join(faults))
    return Subscription(
        api=api,
        schema=schema,
        types=tuple(dict.fromkeys(wanted.types)),
        port=port,
        path=path,
        method=wanted.destination.method if api == "logs" else "POST",
        max_items=wanted.buffering.maxItems,
        max_bytes=wanted.buffering.maxBytes,
        timeout_ms=wanted.buffering.timeoutMs,
    )


def _faults(api: Api, schema: str, wanted: _Wanted) -> Iterator[str]:
    if schema not in SCHEMAS[api]:
        yield f"schemaVersion should be one of {', '.join(SCHEMAS[api])}"
    if not wanted.types:
        yield "types should not be empty"
    for kind in wanted.types:
        if kind not in TYPES:
            yield f"types should be of {', '.join(TYPES)}"
            break
    for name, (least, most) in LIMITS.items():
        if not least <= getattr(wanted.buffering, name) <= most:
            yield f"{name} should be between {least} and {most}"


def _target(destination: _Destination, faults: list[str]) -> tuple[int, str]:
    """(port, path); adds to `faults` what is wrong with it."""
    if destination.protocol == "TCP":
        port, path = destination.port, ""
        if not port:
            faults.append("port is not provided")
    else:
        uri = _split(destination.URI)
        if uri is None or uri.scheme != "http" or (uri.hostname or "") not in HOSTS:
            faults.append("URI should be http://sandbox.localdomain:PORT/PATH")
            return 0, "/"
        port, path = uri.port or 0, (uri.path or "/") + (f"?{uri.query}" if uri.query else "")
        if not port:
            faults.append("URI port is not provided")
        if not path.isascii() or not path.isprintable() or " " in path:
            faults.append("URI path is not one")
    if port == RESERVED_PORT or not 0 <= port <= 65535:
        faults.append(f"port {port} cannot be used")
    return port, path


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # raises for what is no number
    except ValueError:
        return None
    return parts


def shown(subscription: Subscription, kind: str, record: object) -> Iterator[tuple[str, object]]:
    """What that subscriber is sent of something that was said: (type, record), none, or two."""
    group = "platform" if kind.startswith("platform.") else kind
    if group not in subscription.types:
        return
    if subscription.api == "telemetry" or group != "platform":
        yield kind, record
        return
    assert isinstance(record, Mapping)
    yield from _as_logs(subscription.schema, kind, record)


def _as_logs(schema: str, kind: str, record: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Platform events as the Logs API has them."""
    match kind:
        case "platform.start":
            yield kind, {"requestId": record["requestId"], "version": record["version"]}
        case "platform.report":
            yield "platform.end", {"requestId": record["requestId"]}
            yield kind, {"requestId": record["requestId"], "metrics": record["metrics"]}
        case "platform.runtimeDone" if schema == _RUNTIME_DONE:
            status = "failure" if record["status"] == "error" else record["status"]
            yield kind, {"requestId": record["requestId"], "status": status}
        case "platform.extension" | "platform.logsSubscription" | "platform.logsDropped":
            yield kind, record
