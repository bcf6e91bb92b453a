"""What the parts of one proxy process share, and what such a part is."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from windlass.kernel.clock import Clock
from windlass.kernel.spawn import Spawn
from windlass.proxy.session import Sessions
from windlass.proxy.standing import Standing
from windlass.proxy.table import Current

Dial: TypeAlias = Callable[[str, int, str], Awaitable[socket.socket]]


@dataclass(frozen=True, slots=True)
class Worker:
    """Of one process; all of it is there before the data plane is made."""

    index: int
    """Worker 0 alone probes, and serves frontends of kind "apprunner"."""
    ingress: Path
    """The Unix socket for connections that the plane's endpoint hands on; nobody listens there yet."""
    clock: Clock
    spawn: Spawn
    current: Current
    standing: Standing
    plane: Sessions
    dial: Dial
    """(host, port, namespace) → a connected socket; raises OSError, and takes as long as it takes."""


class Part(Protocol):
    """The data plane, or the prober. It subscribes to `worker.current` when it is made; the first table comes

    after all parts were opened. Binds that cannot be had it tells by `worker.plane.refuse`, all of them, in
    the call that tells of the change.
    """

    async def open(self) -> None:
        """Begin: the data plane listens at `worker.ingress` (mode 0600)."""

    async def close(self) -> None:
        """Take nothing new, finish what is open, briefly."""
