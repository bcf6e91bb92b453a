"""A lean HTTP client: prepared requests over keep-alive connections; the server is what is measured."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

ACCOUNT, REGION, DAY = "123456789012", "us-east-1", "20260101"


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of prepared requests gave: how many a second, and how many were not 200."""

    per_second: float
    failed: int
    p50_ms: float
    p99_ms: float


def json_request(endpoint: str, service: str, target: str, version: str, body: dict[str, object]) -> bytes:
    """A whole HTTP request in AWS JSON; signed in form only, as `--auth open` allows."""
    payload = json.dumps(body).encode()
    credential = f"Credential={ACCOUNT}/{DAY}/{REGION}/{service}/aws4_request"
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
    latencies: list[float] = []
    failed = 0

    async def one_connection() -> None:
        nonlocal failed
        url = urlsplit(endpoint)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        for number in numbers:
            began = time.perf_counter()
            writer.write(make(number))
            status, body = await _answer(reader)
            latencies.append(time.perf_counter() - began)
            if keep is not None:
                keep(body)
            failed += status != 200
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one_connection() for _ in range(connections)))
    took = time.perf_counter() - began
    latencies.sort()
    return Load(
        per_second=count / took,
        failed=failed,
        p50_ms=latencies[len(latencies) // 2] * 1e3,
        p99_ms=latencies[len(latencies) * 99 // 100] * 1e3,
    )


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    start = head.lower().find(b"content-length:")
    length = int(head[start + 15 : head.find(b"\r", start)]) if start >= 0 else 0
    return status, await reader.readexactly(length) if length else b""
