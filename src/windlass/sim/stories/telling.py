"""What all stories have in common: steps drawn from a seed, faults, and the end of all faults.

Each step draws from a stream of its own, so that a story goes on the same way when one of its steps is left
out: that is how a failing story is made shorter.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from windlass.aws.quotas import Profile
from windlass.fleet.model import NODES
from windlass.kernel.chance import Chance
from windlass.kernel.clock import MILLISECOND, MINUTE, SECOND, Duration
from windlass.kernel.faults import Fault, Retry
from windlass.services.plane import Service
from windlass.sim.disk import SimulatedDisk
from windlass.sim.host_clock import HostClock
from windlass.sim.net import Net
from windlass.sim.proxy import LINE
from windlass.sim.world import World

Deed = Callable[[], Awaitable[None]]
CLOCK_OFF: Duration = 10 * MINUTE
"""The clock of the plane's host is wrong by no more than that, either way."""
FSYNC_SLOW: Duration = 5 * SECOND
"""A slow disk takes up to so long for each batch of commits."""


@dataclass(slots=True)
class Script:
    """What a story is to tell, and what it has told, failing or not."""

    only: Mapping[int, str] | None = None
    """The steps to tell, (number → deed); None: all of them, as chance has it."""
    told: list[tuple[int, str]] = field(default_factory=list)
    """(number, deed) of the steps so far."""
    faults: Counter[str] = field(default_factory=Counter)
    """What went wrong so far, by kind: what happened, not what was tried."""


class Telling(ABC):
    """A world and what happens in it, step by step."""

    apis: Sequence[Service]
    """What the plane offers."""
    profile: Profile
    check_every: Duration = SECOND
    """So often all rows are checked."""
    refusals: frozenset[str] = frozenset()
    """What a user who does not look may be told."""

    def __init__(self, world: World, disk: SimulatedDisk, seed: int, script: Script) -> None:
        self.world = world
        self.disk = disk
        self._fsync = disk.fsync
        self._streams = Chance(seed)
        self.chance = self._streams.stream("before the first step")
        self._script = script
        self.lost = False
        """Whether a node lost its disk, or a machine was ended: its tasks die without anybody's doing."""
        self.bereft: set[str] = set()
        """Nodes that lost everything and have not told the plane yet; who looks takes them out."""
        self._number = 0
        if world.net is not None:
            world.net.counts = self._script.faults

    @abstractmethod
    async def open(self) -> None:
        """What there is before the first step."""

    @abstractmethod
    async def ends_well(self) -> None:
        """No more faults: all that was promised holds, or AssertionError."""

    async def step(self, deeds: Sequence[Deed]) -> None:
        """One of them, and some time. A plane that is down, or a disk that is full, refuses it."""
        self._number += 1
        self.chance = self._streams.stream(f"step {self._number}")
        drawn = self.chance.choice(deeds)
        long = self.chance.random() < 0.15
        pause = self.chance.randrange(40_000 if long else 4_000) * MILLISECOND
        only = self._script.only
        if only is None or self._number in only:
            name = drawn.__name__ if only is None else only[self._number]
            self._script.told.append((self._number, name))
            try:
                await next(deed for deed in deeds if deed.__name__ == name)()
            except Retry:
                pass
            except Fault as fault:
                assert fault.code in self.refusals, fault
        await self.world.pass_time(pause)

    async def until(self, done: Callable[[], bool], within: Duration) -> None:
        """Let time pass until that is so, or no longer than that; longer where the clock was set back, since

        rows hold instants: what was to be in a minute is to be in eleven when the clock goes back by ten.
        """
        late = 0 if self.world.net is None else 2 * CLOCK_OFF
        end = self.world.clock.now() + within + late
        while not done() and self.world.clock.now() < end:
            await self.world.pass_time(5 * SECOND)

    def stream(self, name: str) -> random.Random:
        """Chance for what goes on beside the steps."""
        return self._streams.stream(name)

    def suffered(self, fault: str) -> None:
        """That went wrong; for the count at the end."""
        self._script.faults[fault] += 1

    def users(self) -> list[Deed]:
        """What users do in stories of this kind."""
        return []

    def trouble(self) -> list[Deed]:
        """What goes wrong in stories of this kind."""
        return self.breaks()

    def breaks(self) -> list[Deed]:
        """Links that are cut and come back, and agents that lose their disks."""
        return [self.cut, self.mend, self.forget]

    def storms(self) -> list[Deed]:
        """What else the world does to links, agents, clocks and disks, if it is a `faulty` one."""
        links = [self.delay, self.repeat, self.hold_up, self.half_open, self.calm]
        proxies = [self.delay_proxies, self.hold_up_proxies] if self.world.proxies else []
        return [*links, *proxies, self.restart_agent, self.set_clock, self.slow_disk, self.quick_disk]

    async def cut(self) -> None:
        node = self._node()
        if node in self.world.links().connected():
            self.suffered("link cut")
        self.world.disconnect(node)

    async def mend(self) -> None:
        self.world.connect(self._node())

    async def forget(self) -> None:
        """An agent loses its disk, and with it everything that it ran."""
        node = self._node()
        if self.world.down or node not in self.world.links().connected():
            self.suffered("agent's disk lost")
            self.world.disconnect(node)
            self.world.nodes[node].forget()
            self.lost = True
            self.bereft.add(node)

    def mourns(self) -> bool:
        """Whether units died without anybody's doing and the plane may not know of it yet, at this instant:

        those of a node that lost everything, or of one that it takes for lost.
        """
        found = bool(self.bereft) or any(node.lost for node in self.world.plane.store[NODES].all())
        if not self.world.down:
            self.bereft -= set(self.world.links().connected())
        return found

    async def delay(self) -> None:
        """From now on each message on a link takes its own time; their order stays."""
        self._net().line(self._node()).delay = self.chance.choice((50, 500, 3_000)) * MILLISECOND

    async def repeat(self) -> None:
        """From now on some messages on a link come again, after later ones."""
        self._net().line(self._node()).copies = self.chance.choice((0.1, 0.5))

    async def hold_up(self) -> None:
        """Nothing passes a link for a while, longer than the lease of a session at times; then all does."""
        self.suffered("link held up")
        self._net().hold(self._node(), self.chance.randrange(1, 40) * SECOND)

    async def delay_proxies(self) -> None:
        """From now on each message between the plane and a proxy takes its own time; their order stays."""
        if self.world.proxies:
            self._net().line(LINE).delay = self.chance.choice((5, 50, 500)) * MILLISECOND

    async def hold_up_proxies(self) -> None:
        """A proxy and the plane hear nothing of each other for a while: a machine that is out of breath."""
        if self.world.proxies:
            self.suffered("proxy's link held up")
            self._net().hold(LINE, self.chance.randrange(100, 2_000) * MILLISECOND)

    async def half_open(self) -> None:
        """An agent's session breaks and the plane does not notice; the agent comes back."""
        node = self._node()
        if not self.world.down and node in self.world.links().connected():
            self.suffered("link half open")
            self.world.disconnect(node, told=False)
            self.world.connect(node)

    async def restart_agent(self) -> None:
        """The agent is killed, and another process goes on with what it ran."""
        node = self._node()
        if node in self.world.links().connected():
            self.suffered("agent killed")
            self.world.disconnect(node)
            self.world.nodes[node].restart(f"run {self._number}")
            self.world.connect(node)

    async def calm(self) -> None:
        self._net().calm()

    async def set_clock(self) -> None:
        """Somebody sets the clock of the plane's host, forward or back."""
        clock = self.world.host_clock
        assert isinstance(clock, HostClock), "a world that is not faulty has one clock"
        ahead = self.chance.randrange(-CLOCK_OFF, CLOCK_OFF)
        self.suffered("clock set forward" if ahead > clock.ahead else "clock set back")
        clock.ahead = ahead

    async def slow_disk(self) -> None:
        """Each batch of commits takes long, and time goes on; not on a disk that takes no time at all."""
        if self._fsync:
            self.suffered("disk slow")
            self.disk.fsync = self.chance.randrange(self._fsync, FSYNC_SLOW)

    async def quick_disk(self) -> None:
        self.disk.fsync = self._fsync

    async def fill_or_empty(self) -> None:
        self.disk.full = not self.disk.full
        if self.disk.full:
            self.suffered("disk full")
        await self.disk.probe()

    async def kill_soon(self) -> None:
        """At one of the next transactions."""
        if not self.world.down:
            self.world.kill_at(self.disk.commits + self.chance.randrange(1, 15))

    async def revive(self) -> None:
        if self.world.down:
            self.suffered("plane killed")
            await self.world.revive()

    async def end_faults(self) -> None:
        """From now on nothing goes wrong any more, other than by what the images do."""
        self.world.kill_at(0)
        self.disk.full, self.disk.fsync = False, self._fsync
        if isinstance(self.world.host_clock, HostClock):
            self.world.host_clock.ahead = 0
        if self.world.net is not None:
            self.world.net.calm()
        await self.revive()
        await self.disk.probe()
        for node in sorted(self.world.nodes):
            if not self.world.is_linked(node) or node not in self.world.links().connected():
                self.world.connect(node)
        await self.world.pass_time(5 * SECOND)

    def _net(self) -> Net:
        assert self.world.net is not None, "a world that is not faulty has perfect links"
        return self.world.net

    def _node(self) -> str:
        return self.chance.choice(sorted(self.world.nodes))


T = TypeVar("T", bound=Telling)


def tell(
    kind: type[T],
    story: Callable[[T], Awaitable[None]],
    seed: int,
    fsync: Duration = 0,
    script: Script | None = None,
    *,
    faulty: bool = False,
) -> World:
    """The world of that seed in which the story is told, by the script if there is one.

    What users do is checked by transaction, and all rows every `check_every`. `fsync`: what a commit costs.
    """
    disk = SimulatedDisk(fsync)
    world = World(
        kind.apis, kind.profile, seed, check_every=kind.check_every, shuffle=True, disk=disk, faulty=faulty
    )

    async def told(world: World) -> None:
        telling = kind(world, disk, seed, script or Script())
        await telling.open()
        await story(telling)

    world.run(told)
    return world
