"""The composition root of a real plane: the real loop, sockets, SQLite file, an agent.

`run()` is `windlass up`. Nothing else in src/ knows all the parts; sim/world.py is the other root.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from windlass import embedded, proxied
from windlass.aws.credentials import root_credentials
from windlass.aws.quotas import Profile, load_profile
from windlass.aws.wire import Request, Response
from windlass.config import Settings, Unusable, check_settings
from windlass.fleet.controller import Controller
from windlass.fleet.entering import Entering
from windlass.fleet.instances import Machines
from windlass.fleet.link import LEASE, NodeLinks
from windlass.fleet.lost import LOST_AFTER, LostNodes
from windlass.fleet.proxies import Proxies
from windlass.fleet.role_credentials import RoleCredentials
from windlass.front.admin import PREFIX, Admin, Facts
from windlass.front.admit import NODE_PATH, REGISTRATIONS_PATH
from windlass.front.data_channels import DataChannelDoor
from windlass.front.gateway import FrontDoor, Gateway, Gone
from windlass.front.ingress import Ingress, handing
from windlass.front.json_lines import JsonLines
from windlass.front.nodes import NodeDoor
from windlass.front.server import Answer, Door, Hosts, Tls, Visited, make_server
from windlass.kernel import garbage
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, WallClock, seconds
from windlass.kernel.detached import Starting
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.ending import Ending
from windlass.kernel.ids import Ids
from windlass.kernel.log_sqlite import Damaged, SqliteLog
from windlass.kernel.priority import go_first
from windlass.services.assemble import assemble, start
from windlass.services.catalogue import SERVICES
from windlass.services.ecs.exec_sessions import ExecSessions
from windlass.services.ecs.handlers.exec import DATA_CHANNEL
from windlass.services.ecs.measuring import PERIOD_QUOTA, PERIOD_S
from windlass.services.ecs.task_protection import TaskProtection
from windlass.services.lambda_.downloads import PATH as DOWNLOADS
from windlass.services.lambda_.downloads import Downloads
from windlass.services.lambda_.urls.door import UrlDoor
from windlass.services.logs.ingest import LogIngest
from windlass.services.plane import Plane
from windlass.services.ssm.registrar import Registrar

LOOPBACK = "127.0.0.1"
PROBE_PERIOD = SECOND

log = logging.getLogger("windlass")
Announce = Callable[[str], None]


def run(settings: Settings, announce: Announce, starting: Starting | None = None) -> int:
    """Serve until asked to stop; returns the exit code. Raises Unusable with one line for people.

    `starting` is the embedded agent, if it is on its way already.
    """
    check_settings(settings)
    _set_up_logging(settings)
    go_first()
    try:
        return uvloop.run(_serve(settings, announce, starting))
    except Damaged as error:
        raise Unusable(str(error)) from error


async def _serve(settings: Settings, announce: Announce, starting: Starting | None) -> int:
    ending = Ending(lambda name, error: log.critical("%s crashed; the plane stops", name, exc_info=error))
    async with AsyncExitStack() as stack:
        data = _data_directory(settings, stack)
        profile = _profile(settings)
        sites = _sites(settings, data)
        for site in sites:
            stack.callback(site.listener.close)
        endpoint, inside = sites[0].endpoint, sites[-1].endpoint
        plane = await stack.enter_async_context(_plane(settings, data, profile, inside, ending))
        if settings.agent:
            embedded.register(plane, data, settings.tasks_by)
        door = NodeDoor(_node_links(plane), plane.spawn, plane.calls.part(Registrar))
        answer = _answer(settings, plane, endpoint, door)
        channels = DataChannelDoor(plane.calls.part(ExecSessions))
        doors: dict[str, Door] = {NODE_PATH: door, DATA_CHANNEL: channels}
        ingress = Ingress(plane.calls.part(Proxies), plane.spawn, plane.clock)
        hosts = _hosts(UrlDoor(plane, settings.auth, settings.region), ingress)
        servers = [make_server(answer, doors, site.tls, hosts, handing(ingress)) for site in sites]
        serving = [
            plane.spawn.start(f"http {site.endpoint}", server.serve(sockets=[site.listener]))
            for site, server in zip(sites, servers, strict=True)
        ]
        if settings.auth == "sigv4":
            _write_root_credentials(plane, data / "root-credentials.json")
            log.warning("root credentials are in %s", data / "root-credentials.json")
        if settings.agent:
            agent = embedded.embedded_agent(plane, _node_links(plane), data, settings.tasks_by, starting)
            await stack.enter_async_context(agent)
        await stack.enter_async_context(proxied.proxies(plane, data, settings.proxy_workers, settings.proxy))
        announce(f"windlass ready on {endpoint}")
        await ending.asked.wait()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*serving)
        if ending.crash:
            raise Unusable(f"stopped because of a bug in {ending.crash}; tasks go on, state is kept")
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


@dataclass(frozen=True, slots=True)
class Site:
    """One of the addresses that the plane answers at."""

    listener: socket.socket
    endpoint: str
    tls: Tls | None = None


def _sites(settings: Settings, data: Path) -> list[Site]:
    """The endpoint; with TLS also a plain one on loopback, for what this machine runs: nothing of it leaves

    the machine, and it need not know who signed the certificate. Its port is kept, as tasks outlive a plane.
    """
    listener = _listen(settings.host, settings.port)
    address = f"{_shown(settings.host)}:{listener.getsockname()[1]}"
    if settings.tls_certificate is None or settings.tls_key is None:
        return [Site(listener, f"http://{address}")]
    tls = Tls(settings.tls_certificate, settings.tls_key)
    kept = data / "loopback.port"
    try:
        inside = _listen(LOOPBACK, int(kept.read_text()))
    except (OSError, ValueError, Unusable):
        inside = _listen(LOOPBACK, 0)
    port = inside.getsockname()[1]
    kept.write_text(f"{port}\n")
    log.warning("this machine's tasks and commands reach the plane at http://%s:%d", LOOPBACK, port)
    return [Site(listener, f"https://{address}", tls), Site(inside, f"http://{LOOPBACK}:{port}")]


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket; says in one line why there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
    clock, chance = WallClock(), Chance()
    durable = DurableLog(MemoryLog() if settings.data is None else SqliteLog(data))
    try:
        plane = assemble(
            SERVICES,
            clock=clock,
            chance=chance,
            log=durable,
            links=lambda store, journal, spawn: NodeLinks(
                store,
                journal,
                spawn,
                clock=clock,
                endpoint=endpoint,
                make_secret=chance.token,
                lease=seconds(profile.quotas.get("fleet.node_lease_s", LEASE / SECOND)),
                pool_size=int(profile.quotas.get("fleet.pool_size", 0)),
                usage_s=profile.quotas.get(PERIOD_QUOTA, PERIOD_S),
            ),
            profile=profile,
            endpoint=endpoint,
            blobs=data / "blobs",
            on_crash=ending.on_crash,
        )
        try:
            _start(plane, durable)
            garbage.settle()
            yield plane
        finally:
            await plane.spawn.close()
    finally:
        await durable.close()


def _start(plane: Plane, durable: DurableLog) -> None:
    links = _node_links(plane)
    links.start()
    plane.spawn.start(
        "fleet", Controller(plane.store, links, plane.clock, plane.journal, plane.calls.part(Entering)).run()
    )
    machines = Machines(plane.store, plane.clock, plane.journal)
    away_s = plane.quotas.value("fleet.node_lost_after_s")
    after = LOST_AFTER if away_s is None else seconds(away_s)
    lost = LostNodes(plane.store, plane.clock, plane.journal, after)
    for loop in (machines.loop, lost.loop):
        plane.spawn.start(loop.name, loop.run())
    start(plane, SERVICES)
    links.on_log_lines(plane.calls.part(LogIngest).take)
    links.on_credentials_wanted(plane.calls.part(RoleCredentials).issue)
    links.on_protection_wanted(plane.calls.part(TaskProtection).answer)
    plane.spawn.start("log probe", _probe(plane, durable))


def _node_links(plane: Plane) -> NodeLinks:
    assert isinstance(plane.links, NodeLinks)
    return plane.links


async def _probe(plane: Plane, durable: DurableLog) -> None:
    """While the log fails, try it again each second: the plane recovers when there is space."""
    while True:
        await plane.clock.sleep(PROBE_PERIOD)
        if durable.failure is not None and await durable.probe():
            log.warning("the log takes writes again")


def _answer(settings: Settings, plane: Plane, endpoint: str, door: NodeDoor) -> Answer:
    gateway = Gateway(plane, SERVICES, FrontDoor(settings.auth, settings.region))
    facts = Facts(
        endpoint=endpoint,
        runner=settings.tasks_by if settings.agent else "none",
        data=str(settings.data) if settings.data else "memory",
        started_at=plane.clock.now(),
        allow_reset=settings.allow_reset,
    )
    admin = Admin(plane, SERVICES, facts)
    downloads = plane.calls.part(Downloads)

    async def answer(request: Request, gone: Gone) -> Response:
        if request.path == REGISTRATIONS_PATH:
            return await door.register(request)
        if request.path.startswith(PREFIX):
            return await admin.answer(request)
        if request.path.startswith(DOWNLOADS):
            return await downloads.answer(request)
        return await gateway.answer(request, gone)

    return answer


def _hosts(urls: UrlDoor, ingress: Ingress) -> Hosts:
    """Whose requests to other hosts than the plane itself are."""

    def at(host: str) -> Visited | None:
        return urls.at(host) or (ingress.misdirected if ingress.takes(host) else None)

    return at


def _write_root_credentials(plane: Plane, path: Path) -> None:
    """Where the owner of the data directory finds the key that `--auth sigv4` starts with."""
    ids = Ids(plane.chance.stream("credentials"))
    row = root_credentials(plane.store, ids, plane.chance, plane.clock.now())
    path.touch(mode=0o600)
    path.write_text(
        json.dumps({"AccessKeyId": row.access_key, "SecretAccessKey": row.secret}, indent=2) + "\n"
    )


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _set_up_logging(settings: Settings) -> None:
    handler = logging.StreamHandler()
    if settings.log_format == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
