"""A simulated node: what it says, and when."""

from __future__ import annotations

import pytest

from windlass.fleet.messages import ContainerSpec, Desired, Observed, UnitSpec, Want, Welcome
from windlass.fleet.queue_transport import pair
from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.kernel.spawn import Spawn
from windlass.sim.course import Course
from windlass.sim.loop import VirtualClock, VirtualLoop
from windlass.sim.runner import SimulatedNode


def a_want(number: int) -> Want:
    return Want(UnitSpec(f"u{number}", "task", (ContainerSpec("main"),)), run=True)


def reports(gathers: Duration, units: int) -> list[tuple[Duration, list[tuple[str, str]]]]:
    """What is heard, and when, of units of which each runs a millisecond longer than the one before it."""
    loop = VirtualLoop.make()
    clock = VirtualClock(loop, 0)
    spawn = Spawn(lambda name, error: loop.crash(error))
    heard: list[tuple[Duration, list[tuple[str, str]]]] = []

    async def story() -> None:
        node = SimulatedNode(
            "n1",
            "secret",
            clock,
            spawn,
            lambda spec: Course(run=SECOND + int(spec.unit_id[1:]) * MILLISECOND),
        )
        node.gathers = gathers
        plane, end = pair()
        spawn.start("node", node.connect(end))
        await plane.receive()
        await plane.send(Welcome(1, 0, "http://plane", 600.0))
        await plane.send(Desired(1, -1, tuple(a_want(number) for number in range(units))))
        while sum(state.status == "stopped" for state in node.states.values()) < units or len(heard) < 2:
            message = await plane.receive()
            if isinstance(message, Observed):
                heard.append((clock.now(), [(unit.unit_id, unit.status) for unit in message.units]))
        await spawn.close()

    loop.run(story())
    return heard


@pytest.mark.parametrize("units", [1, 3])
def test_it_reports_at_once(units: int) -> None:
    """All that happens at one instant in one message."""
    names = [f"u{number}" for number in range(units)]
    ends = [(SECOND + number * MILLISECOND, [(name, "stopped")]) for number, name in enumerate(names)]
    assert reports(0, units) == [(0, [(name, "running") for name in names]), *ends]


def test_it_gathers_what_happens_soon_after() -> None:
    wait = 100 * MILLISECOND
    running = [("u0", "running"), ("u1", "running"), ("u2", "running")]
    stopped = [("u0", "stopped"), ("u1", "stopped"), ("u2", "stopped")]
    assert reports(wait, 3) == [(wait, running), (SECOND + wait, stopped)]
