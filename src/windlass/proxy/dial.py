"""Connections to targets, also to those in a VPC: from within the VPC's router (docs/decisions/0015, 0041).

A socket belongs to the namespace in which it was made, whatever its process does later. So this thread goes
into the router's for the two system calls that make one, and is back before the loop goes on.
"""

from __future__ import annotations

import asyncio
import re
import socket

from windlass.node.network import namespaces

_NAMESPACE = re.compile(r"windlass-[A-Za-z0-9-]{1,80}")


async def dial(host: str, port: int, netns: str = "") -> socket.socket:
    """A connected socket; `host` is an address. Raises OSError; the caller bounds how long it may take."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if netns and not _NAMESPACE.fullmatch(netns):
        raise OSError(f"invalid namespace {netns!r}")
    with namespaces.inside_path(str(namespaces.KEPT / netns) if netns else ""):
        connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, (host, port))
    except BaseException:
        connection.close()
        raise
    return connection
