"""How many instances a service of App Runner has, and which of them are active."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import MINUTE, SECOND
from windlass.services.apprunner import scaling
from windlass.services.apprunner.model import Scaling
from windlass.services.apprunner.scaling import Bill, Need, Pace, Phase, Plan, Standing

NOW = 1_000 * MINUTE
PACE = Pace()
HUNDRED = Scaling(max_concurrency=100, min_size=1, max_size=25)


def some(phase: Phase, count: int, requests: int = 0) -> list[Standing]:
    return [Standing(f"{phase}-{n}", phase, requests, NOW - MINUTE + n) for n in range(count)]


def decide(
    concurrency: int,
    instances: Sequence[Standing],
    peaks: Sequence[Need] = (),
    of: Scaling = HUNDRED,
    now: int = NOW,
) -> Plan:
    return scaling.plan(of, concurrency, instances, peaks, now, PACE)


@pytest.mark.parametrize(
    ("concurrency", "instances", "wanted", "activated"),
    [
        (0, [], 1, 0),
        (1, some("provisioned", 1), 1, 1),
        (80, some("active", 1, 80), 1, 0),
        (81, some("active", 1, 81), 2, 0),
        (81, [*some("active", 1, 81), *some("provisioned", 2)], 2, 1),
        (1_000, some("active", 2, 100), 13, 0),
        (100_000, some("active", 25, 100), 25, 0),
        (200, [*some("active", 1, 100), *some("starting", 3)], 3, 0),
    ],
)
def test_out(concurrency: int, instances: list[Standing], wanted: int, activated: int) -> None:
    """Idle ones first, at once; then more are provisioned, up to MaxSize."""
    plan = decide(concurrency, instances)
    assert (plan.wanted, len(plan.activate), plan.deactivate) == (wanted, activated, ())


def test_one_at_a_time() -> None:
    """With MaxConcurrency 1 there is no near: each request has an instance."""
    one = Scaling(max_concurrency=1, min_size=1, max_size=5)
    assert [scaling.needed(one, n, 0.8) for n in (0, 1, 2, 5, 9)] == [0, 1, 2, 5, 5]


def test_what_got_requests_is_active() -> None:
    """The proxy may use an idle instance before it was told to: that one is active, and no other for it."""
    instances = [replace(one, requests=n) for n, one in enumerate(some("provisioned", 2))]
    [(id, why)] = decide(1, instances).activate
    assert (id, why) == ("provisioned-1", "it got requests")


def test_in_slowly() -> None:
    """Active for a minute after it was needed last, provisioned for five, and never less than MinSize."""
    burst = decide(300, some("active", 4, 75))
    assert burst.wanted == 4
    silence = decide(0, some("active", 4), burst.peaks, now=NOW + SECOND)
    assert (silence.wanted, silence.deactivate) == (4, ())
    assert silence.again == NOW + SECOND + MINUTE, "it was needed until just now"
    idle = decide(0, some("active", 4), silence.peaks, now=NOW + SECOND + MINUTE)
    assert (idle.wanted, len(idle.deactivate)) == (4, 4)
    later = decide(0, some("provisioned", 4), idle.peaks, now=NOW + SECOND + 5 * MINUTE)
    assert (later.wanted, later.again) == (1, None)


def test_a_short_dip_changes_nothing() -> None:
    """Requests that are back within the minute find everything active."""
    first = decide(300, some("active", 4, 75))
    dip = decide(10, some("active", 4, 3), first.peaks, now=NOW + 30 * SECOND)
    back = decide(300, some("active", 4, 75), dip.peaks, now=NOW + 50 * SECOND)
    assert not (dip.activate or dip.deactivate or back.activate or back.deactivate)
    assert back.peaks == (Need(4, NOW + 50 * SECOND),)


def test_busy_ones_stay() -> None:
    """An instance that still handles requests is not deactivated, however few are needed."""
    instances = [*some("active", 2, 1), replace(some("active", 1)[0], id="idle")]
    plan = decide(2, instances, [Need(1, NOW)])
    assert [id for id, _ in plan.deactivate] == ["idle"]


PHASES: list[Phase] = ["starting", "provisioned", "active"]
instances_of = st.lists(
    st.builds(
        Standing,
        id=st.integers(0, 999).map(str),
        phase=st.sampled_from(PHASES),
        requests=st.integers(0, 200),
        since=st.integers(0, NOW),
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)
scalings = st.tuples(st.integers(1, 200), st.integers(1, 25), st.integers(0, 24)).map(
    lambda drawn: Scaling(drawn[0], drawn[1], drawn[1] + drawn[2])
)
histories = st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 10 * MINUTE)), max_size=8)


@given(scalings, instances_of, st.integers(0, 10_000), histories)
def test_stays_in_its_bounds(
    of: Scaling, instances: list[Standing], concurrency: int, history: list[tuple[int, int]]
) -> None:
    """Whatever happened before: between MinSize and MaxSize, and nothing comes and goes in one plan."""
    now, peaks = NOW, tuple[Need, ...]()
    for requests, pause in history:
        peaks = decide(requests, instances, peaks, of, now).peaks
        now += pause
    plan = decide(concurrency, instances, peaks, of, now)
    assert of.min_size <= plan.wanted <= of.max_size
    assert plan.wanted >= scaling.needed(of, concurrency, PACE.near)
    assert not (plan.activate and plan.deactivate)
    requests = {one.id: one.requests for one in instances}
    phases = {one.id: one.phase for one in instances}
    assert all(phases[id] == "active" and not requests[id] for id, _ in plan.deactivate)
    assert all(phases[id] == "provisioned" for id, _ in plan.activate)
    assert plan.again is None or plan.again > now
    assert plan == decide(concurrency, instances, peaks, of, now)
    needs = [one.instances for one in plan.peaks]
    assert needs == sorted(set(needs), reverse=True), "the history stays short"


@given(scalings, st.integers(0, 5_000), instances_of)
def test_settles(of: Scaling, concurrency: int, instances: list[Standing]) -> None:
    """With what a plan wanted done, and enough time, the next ones want nothing."""
    now, peaks = NOW, tuple[Need, ...]()
    standing = {one.id: replace(one, requests=0) for one in instances}
    for _ in range(4):
        plan = decide(concurrency, list(standing.values()), peaks, of, now)
        for id, _why in plan.activate:
            standing[id] = replace(standing[id], phase="active")
        for id, _why in plan.deactivate:
            standing[id] = replace(standing[id], phase="provisioned")
        now, peaks = now + 3 * MINUTE, plan.peaks
    last = decide(concurrency, list(standing.values()), peaks, of, now)
    assert (last.activate, last.deactivate, last.again) == ((), (), None)


def test_the_bill() -> None:
    """Memory of all, CPU of those that start or are active, and that for a minute at least each time."""
    instances = [*some("active", 2), *some("provisioned", 3), *some("starting", 1)]
    bill = scaling.billed(Bill(), instances, 10 * SECOND)
    assert bill == Bill(provisioned=60 * SECOND, active=30 * SECOND)
    assert scaling.idle_again(bill, NOW - 15 * SECOND, NOW).active == 75 * SECOND
    assert scaling.idle_again(bill, NOW - 2 * MINUTE, NOW) == bill
