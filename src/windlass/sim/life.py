"""One life of a simulated plane: assembled over what is durable, started, and ended well or by a kill.

What app.py does for a real plane. What lives longer than a plane (nodes, the disk, the story) is World's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from windlass.aws.quotas import Profile
from windlass.fleet.controller import Controller
from windlass.fleet.entering import Entering
from windlass.fleet.instances import Machines
from windlass.fleet.link import NodeLinks
from windlass.fleet.lost import LostNodes
from windlass.front.gateway import Gateway
from windlass.kernel.chance import Chance
from windlass.kernel.clock import Clock
from windlass.kernel.durable import DurableLog
from windlass.services.assemble import assemble, start
from windlass.services.plane import Service

ENDPOINT = "http://127.0.0.1:4566"


class Life:
    """A plane, from its assembly to its end."""

    def __init__(
        self,
        services: Sequence[Service],
        profile: Profile,
        *,
        clock: Clock,
        chance: Chance,
        log: DurableLog,
        on_crash: Callable[[BaseException], None],
    ) -> None:
        self._services = services
        self._on_crash = on_crash
        self.log = log
        self._ending = False
        self.over = False
        """Whether it was killed: what it still does is nobody's business."""
        self.plane = assemble(
            services,
            clock=clock,
            chance=chance,
            log=log,
            links=lambda store, journal, spawn: NodeLinks(
                store, journal, spawn, clock=clock, endpoint=ENDPOINT, make_secret=chance.token
            ),
            profile=profile,
            endpoint=ENDPOINT,
            blobs=None,
            on_crash=self._crashed,
        )
        assert isinstance(self.plane.links, NodeLinks)
        self.links = self.plane.links
        self.gateway = Gateway(self.plane, services)
        self.controller = Controller(
            self.plane.store, self.links, clock, self.plane.journal, self.plane.calls.part(Entering)
        )

    def start(self) -> None:
        """Needs a running loop."""
        plane = self.plane
        self.links.start()
        plane.spawn.start("fleet", self.controller.run())
        machines = Machines(plane.store, plane.clock, plane.journal)
        lost = LostNodes(plane.store, plane.clock, plane.journal)
        for loop in (machines.loop, lost.loop):
            plane.spawn.start(loop.name, loop.run())
        start(plane, self._services)

    async def end(self) -> None:
        """What breaks off then is no crash: a story may fail before the first session is open."""
        self._ending = True
        await self.plane.spawn.close()

    def _crashed(self, name: str, error: BaseException) -> None:
        if not self.over and not self._ending:
            self._on_crash(error)
