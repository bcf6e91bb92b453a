"""A proxy's data plane alone, before one target: `python -m bench.proxy PORT_OF_THE_TARGET [haproxy]`."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
import tempfile
from pathlib import Path
from random import Random

import uvloop

from windlass.fleet.proxy_messages import (
    Bind,
    Endpoint,
    Forward,
    FromProxy,
    Frontend,
    FunctionAnswer,
    FunctionCall,
    Pool,
    Rule,
    Share,
    Table,
)
from windlass.kernel import garbage
from windlass.kernel.clock import WallClock
from windlass.kernel.spawn import Spawn
from windlass.proxy.dataplane import DataPlane
from windlass.proxy.dial import dial
from windlass.proxy.haproxy import Haproxy
from windlass.proxy.session import Refused, Sessions
from windlass.proxy.standing import Standing
from windlass.proxy.table import Current
from windlass.proxy.worker import Part, Worker


class NoPlane(Sessions):
    """Nobody hears what the proxy tells."""

    def __init__(self) -> None:
        """Nothing is connected."""

    def tell(self, message: FromProxy) -> None:
        """It is forgotten."""

    def refuse(self, refused: Refused) -> None:
        if refused:
            raise OSError(f"cannot listen: {refused}")

    async def ask(self, call: FunctionCall) -> FunctionAnswer:
        return FunctionAnswer(call.id, error="no plane")


async def serve(target: int, engine: str, scratch: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    current = Current()
    spawn = Spawn(lambda name, error: logging.critical("%s crashed", name, exc_info=error))
    standing = Standing(current)
    worker = Worker(0, scratch / "ingress", WallClock(), spawn, current, standing, NoPlane(), dial)
    data: Part
    data = Haproxy(worker, scratch, 1) if engine == "haproxy" else DataPlane(worker, Random(), b"secret")
    await data.open()
    rule = Rule("default", (), Forward((Share("pool"),)))
    frontend = Frontend("front", "alb", (Bind("127.0.0.1", port),), (), "http", (rule,))
    endpoint = Endpoint("target", "127.0.0.1", target, health="healthy")
    current.take(Table(1, True, (frontend,), (Pool("pool", endpoints=(endpoint,)),)))
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, ended.set)
    await _answers(port)
    garbage.settle()
    print(f"proxy ready on http://127.0.0.1:{port}", flush=True)
    await ended.wait()
    await data.close()
    await spawn.close()


async def _answers(port: int) -> None:
    """HAProxy is a process of its own, and starts."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        uvloop.run(serve(int(sys.argv[1]), "".join(sys.argv[2:]), Path(place)))
