"""Sessions over a Unix socket: the embedded agent's way to its plane. Only its owner may connect."""

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
from windlass.kernel.spawn import Spawn


async def serve(path: Path, links: NodeLinks, spawn: Spawn) -> asyncio.Server:
    """Listen there (mode 0600, a stale socket is replaced). Close with `server.close()`.

    Raises ValueError when the path is too long for a socket, OSError when it cannot be bound.
    """

    def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        transport = StreamTransport(reader, writer, FROM_NODE_BYTES_MAX, decode_from_node)
        spawn.start("node session", links.serve(transport))

    return await asyncio.start_unix_server(on_connect, sock=_bind(path))


def _bind(path: Path) -> socket.socket:
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
