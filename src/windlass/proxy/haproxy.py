"""HAProxy as the data plane: `windlass up --proxy haproxy`. Its process, its configuration, its runtime API.

A change of targets or of their health is a few commands to the running process; any other is a new process
with a new configuration, which takes the listening sockets over from the old one, so that nothing is refused
or cut meanwhile. It ends with this process (PR_SET_PDEATHSIG, by setpriv). We probe targets ourselves.
What HAProxy is not driven to do stands in haproxy_config.py; it is told among the refused binds.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from windlass.fleet.proxy_messages import Counted, Frontend, Idle
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.proxy import haproxy_stats
from windlass.proxy.haproxy_config import HERE, Compiled, Places, compiled
from windlass.proxy.haproxy_servers import Server, changes, servers_of
from windlass.proxy.haproxy_stats import Names, Rows
from windlass.proxy.table import Changes
from windlass.proxy.worker import Worker

UP_WITHIN_S = 10.0
FINISH_S = 5.0
"""How long requests in flight have when the proxy ends."""
LOOK = 20 * MILLISECOND
COUNT_EVERY = SECOND
LOAD_EVERY = 100 * MILLISECOND
"""Queued pools are looked at so often, since HAProxy tells nothing by itself."""
DELETED = "Server deleted."

log = logging.getLogger("windlass.proxy")


@dataclass(slots=True)
class Running:
    """A process that serves, and what it was told."""

    process: asyncio.subprocess.Process
    control: Path
    shape: Compiled
    """Its configuration without servers."""
    servers: Mapping[str, tuple[Server, ...]]
    bound: frozenset[tuple[str, int]]
    rows: Rows
    leaving: dict[str, None]
    """Commands that are to be said again."""


class Haproxy:
    """A part of a proxy (worker.py); worker 0 is the only one, with as many threads as there were workers."""

    def __init__(self, worker: Worker, directory: Path, threads: int) -> None:
        self._worker = worker
        self._directory = directory
        self._sockets = str(worker.ingress).removesuffix("ingress.sock")
        self._threads = threads
        self._dirty = asyncio.Event()
        self._running: Running | None = None
        self._starts = 0
        self._lacking = False
        """An address is taken, perhaps by what a killed proxy left and what will end soon, or no process came

        up: look again in a second.
        """
        self._idle: set[tuple[str, str]] = set()
        """What was told of in this session."""
        self._ending = False
        worker.current.on_change(self._changed)
        worker.plane.on_open(lambda: self._idle.clear())
        worker.standing.on_change(lambda pool, endpoint, health: self._dirty.set())

    async def open(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._worker.spawn.start("haproxy", self._run())
        self._worker.spawn.start("haproxy counts", self._count_always())

    async def close(self) -> None:
        """What is in flight has a few seconds."""
        self._ending = True
        if self._running is None:
            return
        process = self._running.process
        for number, within_s in ((signal.SIGUSR1, FINISH_S), (signal.SIGTERM, 1.0), (signal.SIGKILL, 1.0)):
            with suppress(ProcessLookupError):
                process.send_signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await process.wait()
                    return

    def _changed(self, changes: Changes) -> None:
        self._dirty.set()

    async def _run(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._make_so()
            except OSError as error:
                log.error("haproxy cannot be told: %s", error)
                await self._worker.clock.sleep(SECOND)
                self._dirty.set()

    async def _make_so(self) -> None:
        """Serve the table as it is now."""
        current, running = self._worker.current, self._running
        frontends, busy = self._bindable(dict(current.frontends))
        self._lacking = bool(busy)
        pools = dict(current.pools)
        servers = {
            key: servers_of(pool, lambda one, key=key: self._worker.standing.of(key, one))  # type: ignore[misc]
            for key, pool in pools.items()
        }
        shape = compiled(frontends, pools, dict.fromkeys(pools, ()), self._places("-"))
        refused = (*busy, *shape.refused)
        if running is not None and running.shape == shape:
            said = changes(running.servers, servers)
            if said is not None and await self._say(running, said):
                running.servers = servers
                self._worker.plane.refuse(refused)
                return
        self._starts += 1
        control = Path(f"{self._sockets}control{self._starts % 2}.sock")
        whole = compiled(frontends, pools, servers, self._places(str(control)))
        bound = frozenset((bind.host, bind.port) for one in frontends.values() for bind in one.binds)
        process = await self._start(whole, control)
        if process is not None and process.returncode is None:
            self._running = Running(process, control, shape, servers, bound, {}, {})
        else:
            self._lacking = True
            refused += tuple((key, HERE, "no haproxy starts with this table") for key in frontends)
        self._worker.plane.refuse(refused)

    def _places(self, control: str) -> Places:
        return Places(str(self._directory), self._sockets, control, str(self._worker.ingress), self._threads)

    def _bindable(
        self, frontends: dict[str, Frontend]
    ) -> tuple[dict[str, Frontend], list[tuple[str, str, str]]]:
        """Without addresses that cannot be had: HAProxy would not start at all."""
        have = frozenset() if self._running is None else self._running.bound
        busy = []
        for key, frontend in frontends.items():
            kept = []
            for bind in frontend.binds:
                why = "" if (bind.host, bind.port) in have else _taken(bind.host, bind.port)
                if why:
                    busy.append((key, f"{bind.host}:{bind.port}", why))
                else:
                    kept.append(bind)
            frontends[key] = replace(frontend, binds=tuple(kept))
        return frontends, busy

    # its process

    async def _start(self, whole: Compiled, control: Path) -> asyncio.subprocess.Process | None:
        """A process with that configuration, in place of the one that runs; None: it did not want to."""
        self._write(whole)
        control.unlink(missing_ok=True)
        old = self._running
        takes_over = [] if old is None else ["-x", str(old.control), "-sf", str(old.process.pid)]
        with (self._directory / "haproxy.log").open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "TERM", "haproxy", "-db", "-f",
                str(self._directory / "haproxy.cfg"), *takes_over,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        self._worker.spawn.start(f"haproxy {process.pid}", self._watch(process))
        with suppress(TimeoutError):
            async with asyncio.timeout(UP_WITHIN_S):
                while process.returncode is None:
                    with suppress(OSError):
                        await _asked(control, "show info")
                        return process
                    await self._worker.clock.sleep(LOOK)
        log.error("haproxy did not start; see %s", self._directory / "haproxy.log")
        with suppress(ProcessLookupError):
            process.kill()
        return None

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """One that ends by itself is started again."""
        code = await process.wait()
        if self._running is not None and self._running.process is process and not self._ending:
            log.error("haproxy ended by itself with code %d and is started again", code)
            self._running = None
            self._dirty.set()

    def _write(self, whole: Compiled) -> None:
        """The configuration and its files, keys among them: for nobody else's eyes."""
        for name, content in (*whole.files.items(), ("haproxy.cfg", whole.text)):
            path = self._directory / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            fresh = path.with_suffix(".new")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="latin-1", errors="replace") as file:
                file.write(content)
            fresh.replace(path)

    # the runtime API

    async def _say(self, running: Running, said: list[str]) -> bool:
        """Whether it took all of it."""
        for command in said:
            running.leaving.pop(command.replace("add server", "del server"), None)
            answer = await _asked(running.control, command)
            if command.startswith("del server"):
                if answer != DELETED:
                    running.leaving[command] = None
            elif answer and not answer.startswith("New server registered"):
                log.error("haproxy does not take %r: %s", command, answer)
                return False
        return True

    async def _count_always(self) -> None:
        counted_at, clock = self._worker.clock.now(), self._worker.clock
        while True:
            queued = any(pool.kind == "queued" for pool in self._worker.current.pools.values())
            await clock.sleep(LOAD_EVERY if queued else COUNT_EVERY)
            if self._lacking:
                self._dirty.set()
            running = self._running
            if running is None:
                continue
            try:
                rows = haproxy_stats.parsed(await _asked(running.control, "show stat"))
                now = clock.now()
                names = Names(self._worker.current.frontends, self._worker.current.pools, running.servers)
                self._tell_now(rows, names)
                if now - counted_at >= COUNT_EVERY:
                    if counts := haproxy_stats.counts(running.rows, rows, names):
                        self._worker.plane.tell(Counted(counted_at, now, counts))
                    counted_at, running.rows = now, rows
                    for command in [*running.leaving]:
                        if "No such server" in (answer := await _asked(running.control, command)) or (
                            answer == DELETED
                        ):
                            del running.leaving[command]
            except OSError:
                continue  # it has just ended

    def _tell_now(self, rows: Rows, names: Names) -> None:
        for load in haproxy_stats.loads(rows, names):
            self._worker.plane.tell(load)
        idle = haproxy_stats.idle(rows, names)
        for pool, endpoint in sorted(idle - self._idle):
            self._worker.plane.tell(Idle(pool, endpoint))
        self._idle = idle


async def _asked(control: Path, command: str) -> str:
    """The answer to one command. Raises OSError."""
    reader, writer = await asyncio.open_unix_connection(control)
    try:
        writer.write(f"{command}\n".encode())
        return (await reader.read()).decode("latin-1").strip()
    finally:
        writer.close()


def _taken(host: str, port: int) -> str:
    """Why the address cannot be had; "" if it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
            one.listen()
        except OSError as error:
            return os.strerror(error.errno or errno.EADDRNOTAVAIL)
    return ""
