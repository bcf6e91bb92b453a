from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress

import pytest

from tests.fleet_build import a_unit
from windlass.aws.quotas import Profile
from windlass.fleet.messages import UnitSpec
from windlass.fleet.model import UNITS, Unit
from windlass.fleet.transitions import ENDED
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.kernel.faults import Retry
from windlass.kernel.rows import replace
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import World

NODES = ("n1", "n2", "n3")
STEPS = 120


class Owner:
    """A service that starts, stops and deletes units at random, and breaks links while it does."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self._count = 0
        self.forgetful: set[str] = set()

    async def step(self) -> None:
        often = [self.start, self.start, self.start, self.stop, self.stop]
        with suppress(Retry):  # the disk is full: what it is asked for now is not taken
            self._chance.choice([*often, self.delete, self.cut, self.mend, self.forget])()
        await self._world.pass_time(self._chance.randrange(300) * MILLISECOND)

    def units(self) -> Sequence[Unit]:
        return sorted(self._world.plane.store[UNITS].all(), key=lambda unit: unit.id)

    def put(self, *units: Unit) -> None:
        with self._world.plane.store.transact() as tx:
            for unit in units:
                tx[UNITS].put(unit)

    def start(self) -> None:
        created = [
            a_unit(f"u{self._count + i:04}", created_at=self._world.clock.now())
            for i in range(self._chance.randrange(1, 6))
        ]
        self._count += len(created)
        self.put(*created)

    def stop(self) -> None:
        running = [unit for unit in self.units() if unit.desired == "run"]
        if running:
            self.put(replace(self._chance.choice(running), desired="stop"))

    def delete(self) -> None:
        with self._world.plane.store.transact() as tx:
            for unit in self.units():
                if unit.state in ENDED:
                    tx[UNITS].delete(unit.id)

    def cut(self) -> None:
        self._world.disconnect(self._chance.choice(NODES))

    def mend(self) -> None:
        self._world.connect(self._chance.choice(NODES))

    def forget(self) -> None:
        """An agent loses its disk, and with it everything that it ran."""
        node_id = self._chance.choice(NODES)
        if node_id not in self._world.links().connected():
            self._world.nodes[node_id].forget()
            self.forgetful.add(node_id)


def a_course(seed: int) -> Course:
    """Units that run until they are stopped, or (even seeds) end by themselves."""
    run = None if seed % 2 else 4 * SECOND
    return Course(provision=100 * MILLISECOND, run=run, stop=200 * MILLISECOND)


async def settle_and_compare(world: World, owner: Owner) -> None:
    """The faults have ended: a while later, rows and nodes agree on every unit."""
    for node_id in NODES:
        world.connect(node_id)
    await world.pass_time(120 * SECOND)
    owner.delete()
    await world.pass_time(5 * SECOND)
    for unit in owner.units():
        assert unit.desired == "run" and unit.state == "running", unit
        assert world.nodes[unit.node_id].states[unit.id].status == "running"
    held = [unit_id for node in world.nodes.values() for unit_id in node.states]
    assert sorted(held) == [unit.id for unit in owner.units()]
    lost = [line for line in world.trace.lines if ": lost" in line]
    assert not lost or owner.forgetful


def add_nodes(world: World, seed: int) -> None:
    def course(spec: UnitSpec) -> Course:
        return a_course(seed)

    world.add_node("n1", cpu_units=2048, memory_mib=8192, course=course)
    world.add_node("n2", cpu_units=4096, memory_mib=4096, course=course)
    world.add_node("n3", course=course)


@pytest.mark.parametrize("seed", range(25))
def test_all_settles_when_faults_end(seed: int) -> None:
    """Links break and agents forget at random; when that ends, rows and nodes agree on every unit."""

    async def story(world: World) -> None:
        add_nodes(world, seed)
        owner = Owner(world, random.Random(seed))
        for _ in range(STEPS):
            await owner.step()
        await settle_and_compare(world, owner)

    World((), Profile("test"), seed, check_every=0, shuffle=True).run(story)


@pytest.mark.parametrize("seed", range(25))
def test_all_settles_when_the_disk_has_room_again(seed: int) -> None:
    """The same, and the disk is full now and then: what it undid, no node has heard of."""

    async def story(world: World) -> None:
        add_nodes(world, seed)
        await world.pass_time(SECOND)
        chance = random.Random(seed)
        owner = Owner(world, chance)
        for _ in range(STEPS):
            disk.full = chance.random() < 0.2
            await disk.probe()
            await owner.step()
        disk.full = False
        await disk.probe()
        await settle_and_compare(world, owner)

    disk = SimulatedDisk()
    World((), Profile("test"), seed, check_every=0, shuffle=True, disk=disk).run(story)
