"""Which machines environments on EC2 get, and give back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.blueprints import Size
from windlass.services.batch.machine_plan import (
    Bounds,
    Demand,
    Held,
    Launches,
    fits,
    launches,
    surplus,
)

VCPU, GIB = 1_024, 1_024
TYPES = {
    "c5.large": Size(2 * VCPU, 4 * GIB),
    "c5.2xlarge": Size(8 * VCPU, 16 * GIB),
    "m5.large": Size(2 * VCPU, 8 * GIB),
    "m5.2xlarge": Size(8 * VCPU, 32 * GIB),
    "g5.xlarge": Size(4 * VCPU, 16 * GIB, 1),
}


def a_demand(vcpus: float, gib: float, count: int = 1, gpus: int = 0) -> Demand:
    return Demand(Size(int(vcpus * VCPU), int(gib * GIB), gpus), count)


def a_machine(name: str, free: Size | None = None, idle_since: int | None = None, id: str = "i") -> Held:
    return Held(id, TYPES[name], TYPES[name] if free is None else free, idle_since)


@pytest.mark.parametrize(
    ("held", "demands", "bounds", "expected"),
    [
        ([], [], (0, 16), Launches((), ())),
        ([], [a_demand(1, 2)], (0, 16), Launches(("c5.large",), ())),
        ([], [a_demand(1, 4)], (0, 16), Launches(("c5.large",), ())),
        ([], [a_demand(1, 4, 2)], (0, 16), Launches(("m5.large",), ())),
        ([], [a_demand(1, 2, 10)], (0, 8), Launches(("c5.2xlarge",), (a_demand(1, 2, 2),))),
        ([], [a_demand(1, 2, 10)], (0, 16), Launches(("c5.2xlarge", "c5.large"), ())),
        ([a_machine("c5.large")], [a_demand(1, 2, 2)], (0, 16), Launches((), ())),
        ([a_machine("c5.large", Size(0, 0))], [a_demand(1, 2)], (0, 2), Launches((), (a_demand(1, 2),))),
        ([], [a_demand(4, 8, 1, gpus=1)], (0, 16), Launches(("g5.xlarge",), ())),
        ([], [a_demand(64, 8)], (0, 256), Launches((), (a_demand(64, 8),))),
        ([], [], (4, 16), Launches(("g5.xlarge",), ())),
        ([a_machine("c5.large")], [], (2, 16), Launches((), ())),
    ],
)
def test_launches(
    held: list[Held], demands: list[Demand], bounds: tuple[int, int], expected: Launches
) -> None:
    """Nothing for nothing; the type that is used most, then few machines; never above the most."""
    assert launches(TYPES, held, demands, Bounds(bounds[0] * VCPU, bounds[1] * VCPU)) == expected


def test_surplus() -> None:
    """Idle ones go when it is time, the smallest first, and never below the least."""
    held = [
        a_machine("c5.2xlarge", idle_since=0, id="large"),
        a_machine("c5.large", idle_since=0, id="small"),
        a_machine("c5.large", idle_since=9, id="late"),
        a_machine("c5.large", id="busy"),
    ]
    assert surplus(held, [], 0, now=10, idle_for=5) == ("small", "large")
    assert surplus(held, [], 10 * VCPU, now=10, idle_for=5) == ("small",)
    assert surplus(held, [], 0, now=4, idle_for=5) == ()


def test_a_machine_that_is_too_small_for_what_is_first_is_not_kept() -> None:
    """Else it would take up vCPUs below the cap for ever, and the machine that is needed never came."""
    held = [a_machine("c5.large", idle_since=0)]
    assert surplus(held, [Size(4 * VCPU, GIB)], 0, now=10, idle_for=5) == ("i",)
    assert surplus(held, [Size(4 * VCPU, GIB), Size(VCPU, GIB)], 0, now=10, idle_for=5) == ()


DEMANDS = st.builds(
    a_demand, st.sampled_from([0.25, 1, 2, 8]), st.sampled_from([0.5, 2, 8, 30]), st.integers(1, 40)
)


@given(st.lists(DEMANDS, max_size=5), st.integers(0, 8), st.integers(8, 64))
def test_never_above_the_most_and_then_settled(demands: list[Demand], least: int, most: int) -> None:
    """What is launched stays below the most; with it there, nothing more is wanted."""
    bounds = Bounds(least * VCPU, most * VCPU)
    made = launches(TYPES, [], demands, bounds)
    assert sum(TYPES[name].cpu_units for name in made.types) <= bounds.most
    held = [a_machine(name, id=str(n)) for n, name in enumerate(made.types)]
    assert launches(TYPES, held, demands, bounds).types == ()


def test_fits() -> None:
    """The scarcest resource says how many; what is not asked for does not count."""
    assert fits(Size(4 * VCPU, 8 * GIB), Size(VCPU, 4 * GIB)) == 2
    assert fits(Size(4 * VCPU, 8 * GIB), Size(VCPU, GIB, 1)) == 0
    assert fits(Size(-1, 8 * GIB), Size(VCPU, GIB)) == 0
