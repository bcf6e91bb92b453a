"""What a unit's life costs: µs of CPU in the plane and in its simulated node; 200,000 live, 10,000 at once.

A service of its own keeps so many units going, each 60 s long, in a world with all services. It does nothing
beside: a unit is inserted, assigned, told to the node, reported as running and as stopped, and deleted. What
the plane said is then said again to a node without a plane: that is the node's part of the cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator

from bench.result import Result
from windlass.aws.quotas import load_profile
from windlass.fleet import intake
from windlass.fleet.entering import Entering
from windlass.fleet.messages import ContainerSpec, FromNode, FromPlane, LogTarget, UnitSpec
from windlass.fleet.model import UNITS, Unit
from windlass.fleet.queue_transport import QueueTransport, pair
from windlass.fleet.transitions import ENDED
from windlass.kernel import garbage
from windlass.kernel.clock import DAY, MICROSECOND, MILLISECOND, MINUTE, SECOND, Clock, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.spawn import Spawn
from windlass.kernel.store import Change
from windlass.services.catalogue import SERVICES
from windlass.services.plane import Plane
from windlass.sim.course import Course
from windlass.sim.loop import VirtualClock, VirtualLoop
from windlass.sim.runner import SimulatedNode
from windlass.sim.world import ACCOUNT, EPOCH, REGION, World

UNITS_AT_ONCE = 10_000
LIVES = 200_000
PROMISE = 40.0
"""µs: a million units through 10,000 places in under a minute, with half as much again for their service."""
PROMISE_APART = 50.0
"""µs, where their ends come one by one."""
PER_PASS = 1_000
"""Units that the service takes in or makes in one transaction."""
CPU_UNITS = (256, 512, 1_024)
ENVIRONMENT = tuple((f"AWS_BATCH_{name}", f"the-value-of-{name.lower()}") for name in ("JQ_NAME", "CE_NAME"))
LIFE: Duration = 60 * SECOND
Said = list[tuple[Instant, FromPlane]]
"""What the plane said to its node, and when."""
Courses = Callable[[UnitSpec], Course]


class Toy:
    """A service that keeps units going until so many have lived."""

    def __init__(self, plane: Plane, at_once: int, lives: int) -> None:
        self._plane = plane
        self._entering = plane.calls.part(Entering)
        self._left = lives
        self._room = at_once
        self.over = 0
        """Units that have lived."""
        self._ended: dict[str, None] = {}
        self._made = 0
        self.loop = Loop("toy", plane.clock, plane.journal, self._pass, period=MINUTE)
        plane.store.watch((UNITS,), self._on_unit, topic="toy")

    def _on_unit(self, change: Change) -> None:
        unit: Unit | None = change.new
        if unit is not None and unit.state in ENDED:
            self._ended[unit.id] = None
            self.loop.wake("ended")

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        ended = list(self._ended)[:PER_PASS]
        with self._plane.store.transact() as tx:
            units = tx[UNITS]
            for unit_id in ended:
                del self._ended[unit_id]
                units.delete(unit_id)
            self._room += len(ended)
            self.over += len(ended)
            count = min(self._room, self._left, PER_PASS)
            self._room -= count
            self._left -= count
            for _ in range(count):
                self._made += 1
                self._entering.put(tx, a_unit(self._made, now))
        await self._plane.store.durable()
        return now if self._ended or (self._room and self._left) else None


def a_unit(number: int, now: Instant) -> Unit:
    """A child of an array job, more or less."""
    unit_id = f"0123456789abcdef0123456789{number:010x}"
    cpu = CPU_UNITS[number % len(CPU_UNITS)]
    container = ContainerSpec(
        "default",
        "public.ecr.aws/amazonlinux/amazonlinux:2",
        command=("true", "--number", "one"),
        environment=(*ENVIRONMENT, ("AWS_BATCH_JOB_ARRAY_INDEX", str(number))),
        log=LogTarget(ACCOUNT, REGION, "/aws/batch/job", f"frames/default/{unit_id}"),
        memory_mib=2_048,
        cpu_units=cpu,
    )
    spec = UnitSpec(unit_id, "task", (container,))
    return Unit(unit_id, "toy", ACCOUNT, REGION, spec, cpu, 2_048, now)


class Recorder:
    """The node's end of a session, which keeps what it hears."""

    def __init__(self, within: QueueTransport[FromPlane], clock: Clock, said: Said) -> None:
        self._within = within
        self._clock = clock
        self._said = said
        self.send = within.send
        self.close = within.close

    async def receive(self) -> FromPlane | None:
        message = await self._within.receive()
        if message is not None:
            self._said.append((self._clock.now(), message))
        return message


def results() -> Iterator[Result]:
    garbage.look_seldom()  # as a plane does
    for how, course, gathers, promise in WAYS:
        said: Said = []
        whole = _timed(live, said, course, gathers)
        node = _timed(listen, said, course, gathers)
        note = f"{LIVES:,} units, {UNITS_AT_ONCE:,} at once; CPU; node {node:.1f} µs"
        yield Result(f"a unit's life, ended {how}", whole, "µs", promise=promise, at_least=False, note=note)


def together(spec: UnitSpec) -> Course:
    """All take the same time, so what began together ends together: long messages."""
    return Course(run=LIFE)


def apart(spec: UnitSpec) -> Course:
    """Each ends at an instant of its own: as many messages as there can be."""
    return Course(run=LIFE + int(spec.unit_id, 16) % 9_973 * MICROSECOND)


WAYS = (
    ("together", together, 0, PROMISE),
    ("apart, told every 0.1 s", apart, 100 * MILLISECOND, PROMISE_APART),
    ("apart, told at once", apart, 0, None),
)
"""How units end, for how long the node gathers what it reports, and µs."""


def live(said: Said, course: Courses, gathers: Duration = 0) -> None:
    """Play it; notes what the plane says."""

    async def story(world: World) -> None:
        plane, (here, there) = world.plane, pair(as_bytes=False)
        intake.register(plane.store, "n1", "simulated", unbounded=True)
        plane.spawn.start("session", world.links().serve(here))
        world.begin(
            "node",
            _node(world.clock, world.spawn, course, gathers).connect(Recorder(there, world.clock, said)),
        )
        toy = Toy(plane, UNITS_AT_ONCE, LIVES)
        plane.spawn.start("toy", toy.loop.run())
        while toy.over < LIVES:
            await world.pass_time(SECOND)

    World(SERVICES, load_profile("local"), 1, check_every=DAY).run(story)


def listen(said: Said, course: Courses, gathers: Duration = 0) -> None:
    """The same for the node, without a plane."""
    loop = VirtualLoop.make()
    clock = VirtualClock(loop, EPOCH)
    spawn = Spawn(lambda name, error: loop.crash(error))

    async def story() -> None:
        here, there = pair(as_bytes=False)
        spawn.start("node", _node(clock, spawn, course, gathers).connect(there))
        hears = spawn.start("plane", _hear(here))
        for at, message in said:
            if at > clock.now():
                await clock.sleep_until(at)
            await here.send(message)
        await clock.sleep(SECOND)
        here.close()
        await hears
        await spawn.close()

    loop.run(story())


async def _hear(transport: QueueTransport[FromNode]) -> None:
    while await transport.receive() is not None:
        pass


def _node(clock: Clock, spawn: Spawn, course: Courses, gathers: Duration) -> SimulatedNode:
    node = SimulatedNode("n1", "simulated", clock, spawn, course)
    node.cpu_units = node.memory_mib = 0
    node.gathers = gathers
    return node


def _timed(
    play: Callable[[Said, Courses, Duration], None], said: Said, course: Courses, gathers: Duration
) -> float:
    """µs of CPU a life."""
    began = time.process_time()
    play(said, course, gathers)
    return (time.process_time() - began) / LIVES * 1e6
