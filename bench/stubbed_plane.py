"""A real plane over real HTTP and a real log, whose one node is the simulator's: nothing is spawned."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path

import uvloop

from windlass.aws.quotas import load_profile
from windlass.fleet import intake
from windlass.fleet.controller import Controller
from windlass.fleet.entering import Entering
from windlass.fleet.link import NodeLinks
from windlass.fleet.queue_transport import pair
from windlass.front.gateway import Gateway
from windlass.front.server import make_server
from windlass.kernel import garbage
from windlass.kernel.chance import Chance
from windlass.kernel.clock import WallClock
from windlass.kernel.durable import DurableLog
from windlass.kernel.log_sqlite import SqliteLog
from windlass.services.assemble import assemble, start
from windlass.services.catalogue import SERVICES
from windlass.sim.course import Course
from windlass.sim.runner import SimulatedNode


async def serve(data: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clock, chance = WallClock(), Chance()
    durable = DurableLog(SqliteLog(data))
    plane = assemble(
        SERVICES,
        clock=clock,
        chance=chance,
        log=durable,
        links=lambda store, journal, spawn: NodeLinks(
            store, journal, spawn, clock=clock, endpoint=endpoint, make_secret=chance.token
        ),
        profile=load_profile("local"),
        endpoint=endpoint,
        blobs=data / "blobs",
        on_crash=lambda name, error: sys.exit(f"{name} crashed: {error}"),
    )
    links = plane.links
    assert isinstance(links, NodeLinks)
    links.start()
    plane.spawn.start(
        "fleet", Controller(plane.store, links, clock, plane.journal, plane.calls.part(Entering)).run()
    )
    start(plane, SERVICES)
    intake.register(plane.store, "stub", "stub", unbounded=True)
    here, there = pair()
    node = SimulatedNode("stub", "stub", clock, plane.spawn, lambda spec: Course())
    plane.spawn.start("session", links.serve(here))
    plane.spawn.start("node", node.connect(there))
    garbage.settle()
    server = make_server(Gateway(plane, SERVICES).answer)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lambda: setattr(server, "should_exit", True))
    print(f"stubbed ready on {endpoint}", flush=True)
    await server.serve(sockets=[listener])
    await plane.spawn.close()
    await durable.close()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
