"""What all stories have in common: steps drawn from a seed, faults, and the end of all faults.

Each step draws from a stream of its own, so that a story goes on the same way when one of its steps is left
out: that is how a failing story is made shorter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from windlass.kernel.chance import Chance
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.kernel.faults import Fault, Retry
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import World

Deed = Callable[[], Awaitable[None]]
FAULTS = frozenset({"cut", "forget", "interrupt", "drain", "fill_or_empty", "kill_soon", "lose"})
"""Deeds that are somebody's misfortune; the others are what users do."""


@dataclass(slots=True)
class Script:
    """Which steps a story is to leave out, by number, and what was told of it, failing or not."""

    skips: frozenset[int] = frozenset()
    told: list[tuple[int, str]] = field(default_factory=list)
    """(number, deed) of the steps so far."""

    @property
    def faults(self) -> Counter[str]:
        """Faults so far, by name."""
        return Counter(name for _, name in self.told if name in FAULTS)


class Telling:
    """A world and what happens in it, step by step."""

    refusals: frozenset[str] = frozenset()
    """What a user who does not look may be told."""

    def __init__(self, world: World, disk: SimulatedDisk, seed: int, script: Script | None = None) -> None:
        self.world = world
        self.disk = disk
        self._streams = Chance(seed)
        self.chance = self._streams.stream("before the first step")
        self._script = script or Script()
        self.lost = False
        """Whether a node lost its disk, or a machine was ended: its tasks die without anybody's doing."""
        self._number = 0

    async def step(self, deeds: Sequence[Deed]) -> None:
        """One of them, and some time. A plane that is down, or a disk that is full, refuses it."""
        self._number += 1
        self.chance = self._streams.stream(f"step {self._number}")
        deed = self.chance.choice(deeds)
        long = self.chance.random() < 0.15
        pause = self.chance.randrange(40_000 if long else 4_000) * MILLISECOND
        if self._number not in self._script.skips:
            self._script.told.append((self._number, deed.__name__))
            try:
                await deed()
            except Retry:
                pass
            except Fault as fault:
                assert fault.code in self.refusals, fault
        await self.world.pass_time(pause)

    def breaks(self) -> list[Deed]:
        """Links that are cut and come back, and agents that lose their disks."""
        return [self.cut, self.mend, self.forget]

    async def cut(self) -> None:
        self.world.disconnect(self._node())

    async def mend(self) -> None:
        self.world.connect(self._node())

    async def forget(self) -> None:
        """An agent loses its disk, and with it everything that it ran."""
        node = self._node()
        if self.world.down or node not in self.world.links().connected():
            self.world.disconnect(node)
            self.world.nodes[node].forget()
            self.lost = True

    async def fill_or_empty(self) -> None:
        self.disk.full = not self.disk.full
        await self.disk.probe()

    async def kill_soon(self) -> None:
        """At one of the next transactions."""
        if not self.world.down:
            self.world.kill_at(self.disk.commits + self.chance.randrange(1, 15))

    async def revive(self) -> None:
        if self.world.down:
            await self.world.revive()

    async def end_faults(self) -> None:
        """From now on nothing goes wrong any more, other than by what the images do."""
        self.world.kill_at(0)
        self.disk.full = False
        await self.revive()
        await self.disk.probe()
        for node in sorted(self.world.nodes):
            if node not in self.world.links().connected():
                self.world.connect(node)
        await self.world.pass_time(5 * SECOND)

    def _node(self) -> str:
        return self.chance.choice(sorted(self.world.nodes))
