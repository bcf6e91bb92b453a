"""A lean HTTP client: prepared requests over keep-alive connections; the server is what is measured."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

ACCOUNT, REGION, DAY = "123456789012", "us-east-1", "20260101"


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of prepared requests gave: how many a second, and how many were not 200."""

    per_second: float
    failed: int
    p50_ms: float
    p99_ms: float


def json_request(
    endpoint: str,
    service: str,
    target: str,
    version: str,
    body: dict[str, object],
    account: str = ACCOUNT,
) -> bytes:
    """A whole HTTP request in AWS JSON; signed in form only, as `--auth open` allows."""
    payload = json.dumps(body).encode()
    credential = f"Credential={account}/{DAY}/{REGION}/{service}/aws4_request"
    head = (
        f"POST / HTTP/1.1\r\nHost: {urlsplit(endpoint).netloc}\r\n"
        f"Content-Type: application/x-amz-json-{version}\r\nX-Amz-Target: {target}\r\n"
        f"X-Amz-Date: {DAY}T000000Z\r\n"
        f"Authorization: AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature={'0' * 64}\r\n"
        f"Content-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload


async def call(endpoint: str, request: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    url = urlsplit(endpoint)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(request)
    answer = await _answer(reader)
    writer.close()
    return answer


async def run(
    endpoint: str,
    make: Callable[[int], bytes],
    count: int,
    connections: int,
    keep: Callable[[bytes], None] | None = None,
) -> Load:
    """Send `make(0)` … `make(count - 1)` over so many connections, each one request at a time.

    `keep` is given every body.
    """
    numbers = iter(range(count))
    url = urlsplit(endpoint)
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    began = time.perf_counter()
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: _Client(numbers, make, keep), url.hostname or "", url.port or 80
        )
        clients.append(client)
    await asyncio.gather(*(client.ended for client in clients))
    took = time.perf_counter() - began
    latencies = sorted(latency for client in clients for latency in client.latencies)
    return Load(
        per_second=count / took,
        failed=sum(client.failed for client in clients),
        p50_ms=latencies[len(latencies) // 2] * 1e3,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1e3,
    )


class _Client(asyncio.Protocol):
    """One connection, one request at a time; takes its next number as an answer is complete.

    A protocol and not streams, because client and server share two cores: what the client spends is missing
    there. `ended` fails when the server hangs up first.
    """

    def __init__(
        self, numbers: Iterator[int], make: Callable[[int], bytes], keep: Callable[[bytes], None] | None
    ) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies: list[float] = []
        self.failed = 0
        self._numbers = numbers
        self._make = make
        self._keep = keep
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def data_received(self, data: bytes) -> None:
        self._held += data
        head = self._held.find(b"\r\n\r\n") + 4
        if head < 4 or len(self._held) < head + _length(self._held[:head]):
            return
        self.latencies.append(time.perf_counter() - self._began)
        self.failed += self._held[9:12] != b"200"
        if self._keep is not None:
            self._keep(self._held[head:])
        self._held = b""
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the server hung up"))

    def _next(self) -> None:
        number = next(self._numbers, None)
        if number is None:
            self.ended.set_result(None)
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(self._make(number))


def _length(head: bytes) -> int:
    start = head.lower().find(b"content-length:")
    return int(head[start + 15 : head.find(b"\r", start)]) if start >= 0 else 0


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    length = _length(head)
    return status, await reader.readexactly(length) if length else b""
