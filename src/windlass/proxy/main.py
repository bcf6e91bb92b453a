"""A proxy's process and composition root: `python -m windlass.proxy.main --data DIR --socket PATH …`.

It outlives its plane: when that is gone, it serves on from the last table and tries the socket until a plane
answers. SIGTERM and the plane's End end it the same way: nothing new is taken, what is open is finished
briefly. Imports little: it has to be back at once when it was killed. Nothing of AWS is known here.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import uvloop

from windlass.fleet.frames import StreamTransport
from windlass.fleet.proxy_messages import TO_PROXY_BYTES_MAX, ProxyHello, decode_to_proxy
from windlass.kernel import descriptors, detached, garbage
from windlass.kernel.clock import WallClock
from windlass.kernel.ending import Ending
from windlass.kernel.priority import go_first
from windlass.kernel.spawn import Spawn
from windlass.node.tenancy import Taken, move_in
from windlass.proxy.dataplane import DataPlane
from windlass.proxy.dial import dial
from windlass.proxy.prober import Prober
from windlass.proxy.secret import secret
from windlass.proxy.session import Connection, Sessions
from windlass.proxy.standing import Standing
from windlass.proxy.table import Current
from windlass.proxy.worker import Part, Worker

SECRET = "cookies.secret"
"""Beside the directories of all proxies of a plane."""
EXIT_TAKEN = 3
"""Exit code when another proxy has the directory."""

log = logging.getLogger("windlass.proxy")


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `ready` is a descriptor to write a line to once the proxy is up; -1: none."""

    data: Path
    socket: Path
    ingress: Path
    index: int
    ready: int
    engine: str
    threads: int


def main(arguments: list[str]) -> int:
    """Run a proxy until it is told to end; returns the exit code."""
    options = parse(arguments)
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    logging.basicConfig(
        filename=options.data / "proxy.log",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    go_first()
    descriptors.raise_limit()
    try:
        lock, _ = move_in(options.data, f"proxy-{options.index}", options.socket, options.engine, "proxy")
    except Taken:
        log.error("another proxy has %s", options.data)
        return EXIT_TAKEN
    try:
        garbage.settle()
        return uvloop.run(_serve(options))
    finally:
        os.close(lock)


def parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m windlass.proxy.main", description="A Windlass proxy.")
    parser.add_argument("--data", type=Path, required=True, help="this proxy's own directory")
    parser.add_argument("--socket", type=Path, required=True, help="the plane's Unix socket")
    parser.add_argument("--ingress", type=Path, required=True, help="the Unix socket to listen on")
    parser.add_argument("--index", type=int, default=0, help="which worker it is")
    parser.add_argument("--engine", choices=("builtin", "haproxy"), default="builtin")
    parser.add_argument("--threads", type=int, default=1, help="of haproxy")
    parser.add_argument("--ready-fd", type=int, default=-1, help="descriptor that is told when it is up")
    found = parser.parse_args(arguments)
    return Options(
        found.data.absolute(),
        found.socket.absolute(),
        found.ingress.absolute(),
        found.index,
        found.ready_fd,
        found.engine,
        found.threads,
    )


async def _serve(options: Options) -> int:
    """Put the proxy together and run it until it is told to end."""
    ending = Ending(lambda name, error: log.critical("%s crashed", name, exc_info=error))
    spawn, clock, current = Spawn(ending.on_crash), WallClock(), Current()
    sessions = Sessions(
        _connector(options, ending.asked.set),
        lambda: ProxyHello(options.index, os.getpid(), current.generation, str(options.ingress)),
        current,
        clock,
        spawn,
        ending.asked.set,
    )
    worker = Worker(options.index, options.ingress, clock, spawn, current, Standing(current), sessions, dial)
    parts = _parts(worker, options)
    for part in parts:
        await part.open()
    spawn.start("session", sessions.run())
    log.info("proxy %d is up", options.index)
    detached.say_ready(options.ready)
    await ending.asked.wait()
    for part in parts:
        await part.close()
    await spawn.close()
    log.info("proxy %d ends", options.index)
    return 1 if ending.crash else 0


def _parts(worker: Worker, options: Options) -> list[Part]:
    """What serves, and what probes."""
    chance = Random()
    prober = Prober(worker, chance.random)
    if options.engine == "haproxy":
        from windlass.proxy.haproxy import Haproxy  # nobody else pays for it

        return [Haproxy(worker, options.data, options.threads), prober]
    return [DataPlane(worker, chance, secret(options.data.parent / SECRET)), prober]


def _connector(options: Options, on_homeless: Callable[[], None]) -> Callable[[], Awaitable[Connection]]:
    """The way to the plane. A proxy whose directory was deleted has no plane to wait for: it ends."""

    async def connect() -> Connection:
        if not options.data.exists():
            log.warning("%s is gone", options.data)
            on_homeless()
        reader, writer = await asyncio.open_unix_connection(options.socket)
        return StreamTransport(reader, writer, TO_PROXY_BYTES_MAX, decode_to_proxy)

    return connect


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
