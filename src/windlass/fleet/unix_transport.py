"""Sessions over a Unix socket: the way of the embedded agent and of proxies to their plane.

Only its owner may connect.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

from windlass.fleet.frames import (
    FROM_NODE_BYTES_MAX,
    SOCKET_PATH_BYTES_MAX,
    StreamTransport,
    decode_from_node,
)
from windlass.fleet.link import NodeLinks
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import FROM_PROXY_BYTES_MAX, decode_from_proxy
from windlass.kernel.spawn import Spawn


async def serve(path: Path, links: NodeLinks, spawn: Spawn) -> asyncio.Server:
    """Take an agent's sessions there. Close with `server.close()`. Raises as `bind` does."""

    def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = StreamTransport(reader, writer, FROM_NODE_BYTES_MAX, decode_from_node)
        spawn.start("node session", links.serve(transport))

    return await asyncio.start_unix_server(on_connect, sock=bind(path))


async def serve_proxies(path: Path, proxies: Proxies, spawn: Spawn) -> asyncio.Server:
    """Take the sessions of proxies there; otherwise as `serve`."""

    def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = StreamTransport(reader, writer, FROM_PROXY_BYTES_MAX, decode_from_proxy)
        spawn.start("proxy session", proxies.serve(transport))

    return await asyncio.start_unix_server(on_connect, sock=bind(path))


def bind(path: Path) -> socket.socket:
    """A socket there, for its owner alone (mode 0600); a stale one is replaced.

    Raises ValueError when the path is too long for a socket, OSError when it cannot be bound.
    """
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES_MAX:
        raise ValueError(
            f"the socket path {path} is longer than {SOCKET_PATH_BYTES_MAX} bytes; use a shorter --data"
        )
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    mask = os.umask(0o177)  # bind makes the file: it must never be open to others, not even at first
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener
