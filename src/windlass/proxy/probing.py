"""One probe of one target, as an Application Load Balancer sends it. probe.py says what a result means.

Every probe has a connection of its own. Certificates of targets are not verified, as AWS documents
(ALB guide, "Target groups": targets with self-signed or expired certificates are served too).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from functools import cache
from typing import TypeAlias

from windlass.fleet.proxy_messages import Check, Endpoint, Pool
from windlass.kernel.clock import SECOND
from windlass.proxy.probe import Answered, Found
from windlass.proxy.worker import Dial

AGENT = "ELB-HealthChecker/2.0"
"""ALB guide, "Health checks for your target groups"."""
LINE_BYTES_MAX = 8192
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: .*)?\r?\n")
Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NoAnswer(Exception):
    """What came back is no answer to a probe."""


async def probe(pool: Pool, check: Check, endpoint: Endpoint, dial: Dial) -> Found:
    """What the target says to one probe; it has the check's timeout. Never raises for a failure."""
    try:
        async with asyncio.timeout(check.timeout / SECOND):
            return await _probe(pool, check, endpoint, dial)
    except TimeoutError:
        return "timeout"
    except (OSError, NoAnswer):
        return "failed"


async def _probe(pool: Pool, check: Check, endpoint: Endpoint, dial: Dial) -> Found:
    port = check.port or endpoint.port
    connection = await dial(endpoint.host, port, endpoint.netns)
    if check.protocol == "TCP":
        connection.close()
        return "connected"
    frames = check.protocol == "GRPC" or pool.protocol != "HTTP1"
    secure = check.protocol == "HTTPS" or (check.protocol == "GRPC" and pool.tls)
    streams = await asyncio.open_connection(
        sock=connection,
        ssl=_tls("h2" if frames else "http/1.1") if secure else None,
        server_hostname=endpoint.host if secure else None,
        limit=LINE_BYTES_MAX,
    )
    try:
        host = f"[{endpoint.host}]:{port}" if ":" in endpoint.host else f"{endpoint.host}:{port}"
        if not frames:
            return await _http1(streams, check.path, host)
        from windlass.proxy import probing_http2  # most have no need of it, and it is slow to load

        return await probing_http2.probe(streams, check, host, "https" if secure else "http")
    finally:
        streams[1].transport.abort()


async def _http1(streams: Streams, path: str, host: str) -> Answered:
    reader, writer = streams
    head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: {AGENT}\r\n"
    writer.write(f"{head}Accept-Encoding: gzip, compressed\r\n\r\n".encode("latin-1"))
    while True:
        try:
            found = _STATUS.fullmatch(await reader.readline())
            if found is None:
                raise NoAnswer
            status = int(found[1])
            if status >= 200:
                return Answered(status)
            while (await reader.readline()).strip():
                pass  # the head of an interim answer
        except ValueError as error:  # a line that does not end
            raise NoAnswer from error


@cache
def _tls(speaks: str) -> ssl.SSLContext:
    """Whoever it is, and however old its TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([speaks])
    return context
