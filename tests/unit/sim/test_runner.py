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


@pytest.mark.parametrize(
    ("most", "waits"), [(100 * MILLISECOND, 3 * MILLISECOND), (MILLISECOND, MILLISECOND)]
)
def test_it_gathers_what_happens_soon_after(most: Duration, waits: Duration) -> None:
    """10 µs for each of its units, here 3 ms, and never longer than it is told to: each end is told once."""
    began, *ended = reports(most, 300)
    assert began == (waits, [(f"u{number}", "running") for number in range(300)])
    assert ended[0][0] == SECOND + waits
    assert [unit for _, units in ended for unit in units] == [(f"u{n}", "stopped") for n in range(300)]
