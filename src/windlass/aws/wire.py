"""A request and a response as bytes with names: what the protocols read and write. No socket in here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` and `query` are as received, still percent-encoded; header names lower-case.

    Repeated headers are joined with ",". `peer` is the client's address, "" when nobody knows.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    scheme: str = "http"
    peer: str = ""


class Broken(Exception):
    """Raised by a response's stream that ends before its end: the client's connection is cut, so that it

    cannot take what came for all.
    """


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; `stream` replaces `body` for what goes on for a while."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
