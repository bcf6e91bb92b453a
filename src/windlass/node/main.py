"""The agent's composition root: `python -m windlass.node.main --data DIR --socket PATH …`, or `--join URL …`.

One process of its own. It outlives its plane: when that is gone, tasks go on and the agent tries the socket
until a plane answers. SIGTERM and the plane's Shutdown end it the same way: tasks are stopped, their end is
reported, the process ends. After SIGKILL tasks go on, and the next agent adopts them (recover.py).
Imports little: every node pays for it, and what only agents that joined a plane on another machine need (TLS,
WebSockets) is imported by those. Nothing of AWS is known here.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windlass.fleet.frames import FROM_PLANE_BYTES_MAX, StreamTransport, Transport, decode_from_plane
from windlass.fleet.messages import FromPlane
from windlass.kernel import descriptors, detached
from windlass.kernel.clock import Clock, WallClock
from windlass.kernel.ending import Ending
from windlass.kernel.priority import go_first
from windlass.kernel.spawn import Spawn
from windlass.node import function_settings, oci_host
from windlass.node.agent import Agent, Surroundings
from windlass.node.children import Children, become_subreaper
from windlass.node.faults import NotCapable
from windlass.node.function_code import sweep
from windlass.node.function_host import LambdaHost
from windlass.node.function_images import FunctionImages
from windlass.node.function_launcher import Launcher
from windlass.node.function_sandboxes import ForkLauncher, open_launcher
from windlass.node.function_spawn import SpawnLauncher
from windlass.node.identity import Identity
from windlass.node.images import settings as image_settings
from windlass.node.images.places import store_of_agent
from windlass.node.images.pulls import Pulls
from windlass.node.images.settings import BadSetting, ImageSettings
from windlass.node.ledger import FileLedger
from windlass.node.logs import NODE_BYTES_MAX, SPOOLED_PER_HELD
from windlass.node.membership import NotAMember
from windlass.node.network import namespaces
from windlass.node.network.opening import open_networks
from windlass.node.network.plain import PlainNetworks
from windlass.node.oci_host import OciHost
from windlass.node.oci_runner import OciRunner
from windlass.node.process_runner import ProcessRunner
from windlass.node.recover import recover
from windlass.node.runner import Networks, Runner, Step, no_step
from windlass.node.session import Connect, Sessions
from windlass.node.spool import FileSpool
from windlass.node.task_endpoints import TaskEndpoints
from windlass.node.tenancy import Taken, move_in

if TYPE_CHECKING:
    from windlass.node.joined import Join, Joined

LAST_REPORTS_WITHIN_S = 3.0
"""How long an agent that ends waits for the plane to take its last reports; the ledger has them anyway."""
EXIT_TAKEN = 3
"""Exit code when another agent has the directory."""
EXIT_NOT_CAPABLE = 4
"""Exit code when this host cannot do what the runner needs; the log says why."""
EXIT_NOT_JOINED = 5
"""Exit code when the plane does not take this machine, or the directory is no good for it."""
RUNNERS = ("process", "oci", "docker")

log = logging.getLogger("windlass.agent")


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. `ready` is a descriptor to write a line to once the agent is up; -1: none.

    An agent with `join` finds everything else out by joining; socket, token and id are an embedded one's.
    """

    data: Path
    socket: Path
    token_file: Path
    node_id: str
    ready: int
    runner: str
    join: Join | None = None


def main(arguments: list[str], step: Step = no_step) -> int:
    """Run an agent until it is told to end; returns the exit code. `step` is for fault tests."""
    options = parse(arguments)
    options.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    logging.basicConfig(
        filename=options.data / "agent.log",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    if options.join is not None:
        logging.getLogger().addHandler(logging.StreamHandler())
    go_first()
    try:
        lock, at_home = move_in(options.data, options.node_id, options.socket, options.runner)
    except Taken as taken:
        log.error("%s", taken)
        return EXIT_TAKEN
    try:
        mounts = namespaces.mounts()  # the host's, before it is left
        host = _oci_host() if options.runner == "oci" else None
        images = image_settings.read(os.environ)
        joined = None if options.join is None else _join(options.data, options.join)
        return asyncio.run(_serve(options, at_home, host, images, joined, mounts, step))
    except (NotCapable, BadSetting) as error:
        log.error("%s", error)
        return EXIT_NOT_CAPABLE
    except NotAMember as error:
        log.error("%s", error)
        return EXIT_NOT_JOINED
    finally:
        os.close(lock)


def parse(arguments: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m windlass.node.main", description="A Windlass agent.")
    parser.add_argument("--data", type=Path, required=True, help="this agent's own directory")
    parser.add_argument("--socket", type=Path, default=Path("-"), help="the plane's Unix socket")
    parser.add_argument("--token-file", type=Path, default=Path("-"), help="file with this node's token")
    parser.add_argument("--node-id", default="")
    parser.add_argument("--runner", choices=RUNNERS, default="process", help="what runs tasks")
    parser.add_argument("--ready-fd", type=int, default=-1, help="descriptor that is told when it is up")
    parser.add_argument("--join", metavar="URL", help="a plane on another machine, in place of a socket")
    parser.add_argument("--activation", default="", metavar="ID:CODE", help="to be a new node there")
    parser.add_argument("--cluster", default="default", help="the ECS cluster to be a container instance of")
    parser.add_argument("--name", default="", help="what the machine is called there")
    parser.add_argument("--ca", type=Path, help="PEM file of the authority of the plane's certificate")
    parser.add_argument("--attribute", action="append", default=[], metavar="NAME=VALUE")
    found = parser.parse_args(arguments)
    if found.join is None and not found.node_id:
        parser.error("--join, or --node-id with --socket and --token-file")
    return Options(
        found.data.absolute(),
        found.socket.absolute(),
        found.token_file.absolute(),
        found.node_id,
        found.ready_fd,
        found.runner,
        None if found.join is None else _asked(found),
    )


def _asked(found: argparse.Namespace) -> Join:
    from windlass.node.joined import Join

    attributes = dict(attribute.partition("=")[::2] for attribute in found.attribute)
    return Join(found.join, found.activation, found.cluster, found.name, found.ca, attributes)


def _join(data: Path, asked: Join) -> Joined:
    """Be a node of that plane; says so in one line. Raises NotAMember."""
    from windlass.node.joined import join

    joined = join(data, asked, *_size())
    print(f"windlass agent {joined.identity.node_id} of {joined.endpoint}", flush=True)
    return joined


def _oci_host() -> OciHost:
    """What the oci runner works with, in a mount namespace of our own. Raises NotCapable."""
    host = oci_host.check(os.environ.get("PATH"))
    oci_host.enter(host)
    return host


async def _serve(
    options: Options,
    at_home: bool,
    host: OciHost | None,
    images: ImageSettings,
    joined: Joined | None,
    mounts: int,
    step: Step,
) -> int:
    """Put the agent together and run it until it is told to end."""
    loop = asyncio.get_running_loop()
    clock = WallClock()
    ending = Ending(lambda name, error: log.critical("%s crashed", name, exc_info=error))
    descriptors.raise_limit()
    adopts = _adopt_daemons()
    spawn = Spawn(ending.on_crash)
    children = Children(loop)
    ledger = FileLedger(options.data / "ledger")
    runner, function_images = await _runner(options, clock, children, spawn, host, images, step)
    networks = _networks(options, spawn, mounts)
    spool = _spool(options.data / "spool", at_home)
    agent = Agent(joined.identity if joined else _identity(options), clock, runner, ledger, networks, step)
    agent.logs.spool = spool
    endpoints = await TaskEndpoints.open(agent, clock, options.data / "endpoints.json")
    networks.attach(endpoints.serve)
    agent.surroundings = _trusting(joined.authority if joined and host is None else "", endpoints)
    functions = options.data / "functions"
    launcher: Launcher = SpawnLauncher()
    if joined is None and adopts:
        launcher = _launcher(options.data, functions, children, spawn)  # thaws what recover waits to see dead
    await recover(agent, runner, ledger, clock, at_home)
    if joined is None:
        sweep(functions)
        agent.host_functions(LambdaHost(launcher, function_images), spawn, functions, children.watch)
    connect = joined.connect if joined else _connector(options, ending.asked.set)
    sessions = Sessions(agent, connect, clock, spawn, ending.asked.set, joined.endpoint if joined else "")
    spawn.start("sessions", sessions.run())
    log.info("agent %s is up, pid %d", agent.node_id, os.getpid())
    detached.say_ready(options.ready)
    await ending.asked.wait()
    await _end(agent, sessions)
    endpoints.close()
    await agent.close()
    await spawn.close()
    children.close()
    ledger.close()
    spool.close()
    return 1 if ending.crash else 0


def _launcher(agent: Path, functions: Path, children: Children, spawn: Spawn) -> ForkLauncher:
    """What starts functions. Raises BadSetting."""
    settings = function_settings.read(os.environ)
    return open_launcher(agent, functions, children.watch, spawn, children.reap_orphans, settings)


def _spool(path: Path, at_home: bool) -> FileSpool:
    """Output that the plane does not have; in a copied directory that is another agent's to send."""
    if not at_home:
        path.unlink(missing_ok=True)
    return FileSpool(path, NODE_BYTES_MAX * SPOOLED_PER_HELD)


async def _runner(
    options: Options,
    clock: Clock,
    children: Children,
    spawn: Spawn,
    host: OciHost | None,
    images: ImageSettings,
    step: Step,
) -> tuple[Runner, FunctionImages | None]:
    """What runs tasks, and functions of images where it can. Raises NotCapable."""
    loop = asyncio.get_running_loop()
    if host is not None:
        store = store_of_agent(options.data)
        pulls = Pulls(loop, clock, children, spawn, options.data, images)
        oci = OciRunner(loop, clock, children, spawn, options.data, store, pulls, host, step)
        pulls.begin_collecting()
        freezes = function_settings.read(os.environ).freeze
        watch = children.watch
        made = FunctionImages(options.data, host, store, pulls, clock, spawn, watch, freezes=freezes)
        return oci, made
    if options.runner == "docker":
        from windlass.node.docker_start import open_runner

        return await open_runner(loop, clock, spawn, options.data, images, os.environ, step), None
    path = os.environ.get("PATH", os.defpath)
    return ProcessRunner(loop, clock, children, options.data, path, step), None


def _networks(options: Options, spawn: Spawn, mounts: int) -> Networks:
    """What connects tasks; those of a Docker daemon on another machine have that machine's network."""
    if options.runner == "docker":
        from windlass.node.docker_host import address

        if not address(os.environ).is_local:
            return PlainNetworks()
    return open_networks(options.data, spawn, mounts, bridges=options.runner != "process")


async def _end(agent: Agent, sessions: Sessions) -> None:
    """Stop what runs, and let the plane know if there is one."""
    log.info("stopping all units")
    await agent.shut_down()
    if sessions.connected:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_REPORTS_WITHIN_S):
                await agent.outbox.empty()
    log.info("the agent ends, %d reports are not acknowledged", len(agent.outbox))


def _identity(options: Options) -> Identity:
    return Identity(options.node_id, options.token_file.read_text().strip(), *_size())


def _size() -> tuple[int, int]:
    """(CPU units, MiB) of this machine."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return (os.cpu_count() or 1) * 1024, memory // 2**20


def _connector(options: Options, on_homeless: Callable[[], None]) -> Connect:
    """The way to the plane. An agent whose directory was deleted has no plane to wait for: it ends."""

    async def connect() -> Transport[FromPlane]:
        if not (options.data / "agent.json").exists():
            log.warning("%s is gone", options.data)
            on_homeless()
        reader, writer = await asyncio.open_unix_connection(options.socket)
        return StreamTransport(reader, writer, FROM_PLANE_BYTES_MAX, decode_from_plane)

    return connect


def _trusting(authority: str, endpoints: TaskEndpoints) -> Surroundings:
    """Tasks on the host itself verify the plane as their agent does; containers do not have the file."""
    if not authority:
        return endpoints.environment
    return lambda held, container: {"AWS_CA_BUNDLE": authority, **endpoints.environment(held, container)}


def _adopt_daemons() -> bool:
    if become_subreaper():
        return True
    log.warning("this kernel has no child subreapers: daemons that a task leaves behind are not found")
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
