"""Ports of the node that containers in mode bridge are published under: which may be had, and holding them.

A port that is published is also bound here, so that no other program gets it and a taken one shows at once.
"""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from windlass.fleet.networks import PortMapping

RESERVED = frozenset((22, 2375, 2376, 51678, 51679, 51680))
"""SSH, Docker and the ECS agent; ECS API reference, PortMapping.hostPort."""
_TRIES = 20


class PortTaken(Exception):
    """Somebody has it; worded as Docker does."""

    def __init__(self, port: int, why: str = "port is already allocated") -> None:
        super().__init__(f"Bind for 0.0.0.0:{port} failed: {why}")


class HeldPort:
    """A port that is ours while this is open."""

    def __init__(self, mapping: PortMapping, holder: socket.socket) -> None:
        self.mapping = mapping
        self._holder = holder

    def close(self) -> None:
        self._holder.close()


def hold(mapping: PortMapping) -> HeldPort:
    """Hold that host port, or any free one of the kernel's range for 0. Raises PortTaken."""
    if mapping.host_port in RESERVED:
        raise PortTaken(mapping.host_port, "port is reserved")
    if mapping.host_port:
        return _bind(mapping)
    for _ in range(_TRIES):
        held = _bind(mapping)
        if held.mapping.host_port not in RESERVED:
            return held
        held.close()
    raise PortTaken(0)


def _bind(mapping: PortMapping) -> HeldPort:
    kind = socket.SOCK_STREAM if mapping.protocol == "tcp" else socket.SOCK_DGRAM
    holder = socket.socket(socket.AF_INET, kind)
    try:
        holder.bind(("0.0.0.0", mapping.host_port))
    except OSError as error:
        with suppress(OSError):
            holder.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(mapping.host_port) from None
        raise PortTaken(mapping.host_port, (error.strerror or str(error)).lower()) from error
    port = int(holder.getsockname()[1])
    return HeldPort(PortMapping(mapping.container_port, port, mapping.protocol), holder)
