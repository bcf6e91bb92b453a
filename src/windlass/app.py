"""The composition root of a real plane: the real loop, sockets, SQLite file, an agent.

`run()` is `windlass up`. Nothing else in src/ knows all the parts; sim/world.py is the other root.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from windlass.aws.credentials import ensure_root
from windlass.aws.quotas import Profile, load_profile
from windlass.aws.wire import Request, Response
from windlass.config import Settings, Unusable, check_settings
from windlass.fleet import intake, unix_transport
from windlass.fleet.controller import Controller
from windlass.fleet.link import NodeLinks
from windlass.fleet.model import NODES
from windlass.front.admin import PREFIX, Admin, Facts
from windlass.front.gateway import FrontDoor, Gateway, Gone
from windlass.front.json_lines import JsonLines
from windlass.front.server import Server, make_server
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, WallClock
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.log_sqlite import Damaged, SqliteLog
from windlass.node.launch import ensure_agent
from windlass.services.assemble import assemble, start
from windlass.services.catalogue import SERVICES
from windlass.services.logs.ingest import LogIngest
from windlass.services.plane import Plane

EMBEDDED = "embedded"
"""Node id of the agent that `windlass up` starts."""
PROBE_PERIOD = SECOND
AGENT_STARTS_WITHIN = 20 * SECOND
AGENT_ENDS_WITHIN = 20 * SECOND
"""How long a clean stop waits for the agent to stop what it runs: stop timeouts are capped below this."""
SOCKET_PATH_BYTES_MAX = unix_transport.PATH_BYTES_MAX

log = logging.getLogger("windlass")
Announce = Callable[[str], None]


@dataclass(slots=True)
class Ending:
    """Why the plane ends: a signal, or a crash of one of its parts."""

    asked: asyncio.Event
    crash: str = ""

    def on_crash(self, name: str, error: BaseException) -> None:
        log.critical("%s crashed; the plane stops", name, exc_info=error)
        self.crash = f"{name}: {error}"
        self.asked.set()


def run(settings: Settings, announce: Announce) -> int:
    """Serve until asked to stop; returns the exit code. Raises Unusable with one line for people."""
    check_settings(settings)
    _set_up_logging(settings)
    try:
        return uvloop.run(_serve(settings, announce))
    except Damaged as error:
        raise Unusable(str(error)) from error


async def _serve(settings: Settings, announce: Announce) -> int:
    ending = Ending(asyncio.Event())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.asked.set)
    async with AsyncExitStack() as stack:
        data = _data_directory(settings, stack)
        profile = _profile(settings)
        listener = _listen(settings.host, settings.port)
        stack.callback(listener.close)
        endpoint = f"http://{_shown(settings.host)}:{listener.getsockname()[1]}"
        plane = await stack.enter_async_context(_plane(settings, data, profile, endpoint, ending))
        server = _server(settings, plane, endpoint)
        serving = plane.spawn.start("http", server.serve(sockets=[listener]))
        await stack.enter_async_context(_agent(settings, plane, data))
        announce(f"windlass ready on {endpoint}")
        await ending.asked.wait()
        server.should_exit = True
        await serving
    if ending.crash:
        raise Unusable(f"stopped because of a bug in {ending.crash}; state up to it is kept")
    return 0


def _data_directory(settings: Settings, stack: AsyncExitStack) -> Path:
    if settings.data is not None:
        try:
            settings.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unusable(f"cannot use --data {settings.data}: {error.strerror}") from error
        return settings.data
    scratch = Path(tempfile.mkdtemp(prefix="windlass-"))
    stack.callback(shutil.rmtree, scratch, ignore_errors=True)
    return scratch


def _profile(settings: Settings) -> Profile:
    try:
        return load_profile(settings.profile)
    except ValueError as error:
        raise Unusable(str(error)) from error


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket; says in one line why there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise Unusable(
                f"port {port} on {host} is taken; "
                "stop what listens there, or choose another --port (0: any free one)"
            ) from error
        raise Unusable(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener


@asynccontextmanager
async def _plane(
    settings: Settings, data: Path, profile: Profile, endpoint: str, ending: Ending
) -> AsyncIterator[Plane]:
    """The plane with its loops running; closed in the reverse order."""
    clock = WallClock()
    durable = DurableLog(MemoryLog() if settings.data is None else SqliteLog(data))
    try:
        plane = assemble(
            SERVICES,
            clock=clock,
            chance=Chance(),
            log=durable,
            links=lambda store, journal, spawn: NodeLinks(
                store, journal, spawn, clock=clock, endpoint=endpoint
            ),
            profile=profile,
            endpoint=endpoint,
            blobs=data / "blobs",
            on_crash=ending.on_crash,
        )
        try:
            _start(plane, durable)
            yield plane
        finally:
            await plane.spawn.close()
    finally:
        await durable.close()


def _start(plane: Plane, durable: DurableLog) -> None:
    links = _node_links(plane)
    links.start()
    plane.spawn.start("fleet", Controller(plane.store, links, plane.clock, plane.journal).run())
    start(plane, SERVICES)
    links.on_log_lines(plane.calls.part(LogIngest).take)
    plane.spawn.start("log probe", _probe(plane, durable))


def _node_links(plane: Plane) -> NodeLinks:
    assert isinstance(plane.links, NodeLinks)
    return plane.links


async def _probe(plane: Plane, durable: DurableLog) -> None:
    """While the log fails, try it again each second: the plane recovers when there is space."""
    while True:
        await plane.clock.sleep_until(plane.clock.now() + PROBE_PERIOD)
        if durable.failure is not None and await durable.probe():
            log.warning("the log takes writes again")


def _server(settings: Settings, plane: Plane, endpoint: str) -> Server:
    gateway = Gateway(plane, SERVICES, FrontDoor(settings.auth, settings.region))
    facts = Facts(
        endpoint=endpoint,
        runner="process",
        data=str(settings.data) if settings.data else "memory",
        started_at=plane.clock.now(),
        allow_reset=settings.allow_reset,
    )
    admin = Admin(plane, SERVICES, facts)

    async def answer(request: Request, gone: Gone) -> Response:
        if request.path.startswith(PREFIX):
            return await admin.answer(request)
        return await gateway.answer(request, gone)

    return make_server(answer)


@asynccontextmanager
async def _agent(settings: Settings, plane: Plane, data: Path) -> AsyncIterator[None]:
    """The embedded agent: found running (after a kill of the plane) or started; ended on a clean stop."""
    if settings.auth == "sigv4":
        ensure_root(plane.store, plane.chance, data / "root-credentials.json")
    if not settings.agent:
        yield
        return
    links = _node_links(plane)
    token = _token(plane, data / "agent.token")
    node = intake.register(plane.store, EMBEDDED, token, unbounded=True)
    path = _socket_path(data)
    listening = await unix_transport.serve(path, links, plane.spawn)
    connected = _watch_connected(plane, node.id, True)
    await ensure_agent(data / "agent", socket=path, token_file=data / "agent.token", node_id=node.id)
    try:
        await asyncio.wait_for(connected.wait(), AGENT_STARTS_WITHIN / SECOND)
    except TimeoutError:
        raise Unusable(f"the agent did not start; see {data / 'agent' / 'agent.log'}") from None
    try:
        yield
    finally:
        ended = _watch_connected(plane, node.id, False)
        await links.shut_down(node.id)
        try:
            await asyncio.wait_for(ended.wait(), AGENT_ENDS_WITHIN / SECOND)
        except TimeoutError:
            log.error("the agent did not end in time; it may still run tasks")
        listening.close()
        path.unlink(missing_ok=True)


def _watch_connected(plane: Plane, node_id: str, wanted: bool) -> asyncio.Event:
    """An event that is set when the node's row says so."""
    reached = asyncio.Event()

    def look(_: object = None) -> None:
        node = plane.store[NODES].get(node_id)
        if node is not None and node.connected is wanted:
            reached.set()

    plane.store.watch((NODES,), look)
    look()
    return reached


def _token(plane: Plane, path: Path) -> str:
    """The secret that the embedded agent shows; kept, so that one which outlived a plane still fits."""
    if path.exists():
        return path.read_text()
    token = plane.chance.secret(32).hex()
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(token)
    return token


def _socket_path(data: Path) -> Path:
    """In the data directory if the kernel takes so long a path, else the same short one each time."""
    path = data / "agent.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        return path
    short = Path(tempfile.gettempdir()) / f"windlass-{os.getuid()}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.is_symlink() or short.stat().st_uid != os.getuid():
        raise Unusable(f"{short} belongs to somebody else; use a shorter --data")
    return short / f"{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}.sock"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _set_up_logging(settings: Settings) -> None:
    handler = logging.StreamHandler()
    if settings.log_format == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
