"""What a period of invocations comes to."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import ACCOUNT, NOW, REGION
from tests.lambda_build import Lambda, PlayedNode, a_lambda, failed
from tests.metric_values import summaries
from windlass.aws.metric_points import of_values
from windlass.aws.metrics import Metrics
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.kernel.clock import MILLISECOND, MINUTE, SECOND, LoopClock
from windlass.kernel.faults import Fault
from windlass.services.lambda_.metering import (
    FRESH_MAX,
    KINDS,
    NAMESPACE,
    Period,
    Point,
    Subject,
    Tally,
)
from windlass.sim.loop import VirtualLoop

F = Subject("1", "r", "f")
NAME = ("FunctionName", "f")


@pytest.mark.parametrize(
    ("subject", "dimensions"),
    [
        (Subject("1", "r"), [()]),
        (F, [(NAME,)]),
        (Subject("1", "r", mapping="m"), [(("EventSourceMappingUUID", "m"),)]),
        (F._replace(qualifier="$LATEST", executed="$LATEST"), [(NAME,), (NAME, ("Resource", "f:$LATEST"))]),
        (F._replace(qualifier="2", executed="2"), [(NAME,), (NAME, ("Resource", "f:2"))]),
        (
            F._replace(qualifier="live", executed="2"),
            [
                (NAME,),
                (NAME, ("Resource", "f:live")),
                (NAME, ("Resource", "f:live"), ("ExecutedVersion", "2")),
            ],
        ),
    ],
)
def test_dimensions(subject: Subject, dimensions: list[tuple[tuple[str, str], ...]]) -> None:
    """Of a function, of what it was reached by, and of the version behind an alias."""
    assert list(subject.dimensions()) == dimensions


def test_counts_add_up_times_are_means_and_levels_are_peaks() -> None:
    """An alias's two versions make up the alias and the function; functions make up the account."""
    period = Period()
    for version, took in (("1", 10.0), ("2", 20.0), ("1", 60.0)):
        live = F._replace(qualifier="live", executed=version)
        period.add(live, "Invocations", 1)
        period.add(live, "Duration", took)
    period.add(F._replace(function="g"), "Invocations", 1)
    for level in (1, 3, 2):
        period.add(F, "ConcurrentExecutions", level)
    period.add(Subject("1", "r"), "ConcurrentExecutions", 4)
    live = ("Resource", "f:live")
    found = {
        (point.name, point.dimensions): {
            "Invocations": point.summary.total,
            "Duration": point.summary.mean,
            "ConcurrentExecutions": point.summary.most,
        }[point.name]
        for point in period.points()
    }
    assert found == {
        ("Invocations", ()): 4,
        ("Invocations", (NAME,)): 3,
        ("Invocations", (("FunctionName", "g"),)): 1,
        ("Invocations", (NAME, live)): 3,
        ("Invocations", (NAME, live, ("ExecutedVersion", "1"))): 2,
        ("Invocations", (NAME, live, ("ExecutedVersion", "2"))): 1,
        ("Duration", ()): 30,
        ("Duration", (NAME,)): 30,
        ("Duration", (NAME, live)): 30,
        ("Duration", (NAME, live, ("ExecutedVersion", "1"))): 35,
        ("Duration", (NAME, live, ("ExecutedVersion", "2"))): 20,
        ("ConcurrentExecutions", ()): 4,
        ("ConcurrentExecutions", (NAME,)): 3,
    }
    took = of_values([(10, 1), (20, 1), (60, 1)])
    assert Point("1", "r", (NAME,), "Duration", took, "Milliseconds") in period.points()
    assert Period().points() == []


names = st.sampled_from(sorted(KINDS))
subjects = st.builds(
    Subject,
    st.sampled_from("12"),
    st.just("r"),
    st.sampled_from("fg"),
    st.sampled_from(["", "1", "live"]),
    st.sampled_from("12"),
    st.sampled_from(["", "m"]),
)


@given(st.lists(st.tuples(subjects, names, st.integers(0, 100))))
def test_nothing_is_lost_and_no_account_tells_of_another(values: list[tuple[Subject, str, int]]) -> None:
    """The account's sums are those of what was counted for it, but for mappings; means and peaks lie among

    their values.
    """
    period = Period()
    for subject, name, value in values:
        period.add(subject, name, value)
    for point in period.points():
        mine = [value for s, name, value in values if (s.account, name) == (point.account, point.name)]
        assert min(mine) <= point.summary.least <= point.summary.most <= max(mine)
        if not point.dimensions:
            whole = [v for s, n, v in values if (s.account, n, s.mapping) == (point.account, point.name, "")]
            assert (point.summary.samples, point.summary.total) == (len(whole), sum(whole))


def test_many_values_are_summarised_as_they_come() -> None:
    tally = Tally()
    for value in range(2 * FRESH_MAX + 1):
        tally.add(value % 10)
    assert tally.summary() == of_values((value % 10, 1) for value in range(2 * FRESH_MAX + 1))


def test_a_plane_publishes_each_minute() -> None:
    """Two events that fail after 5 ms, one refused: the minute's end tells, the next has nothing to."""

    async def runs(invoke: Invoke) -> InvokeResult:
        return msgspec.structs.replace(failed(invoke), duration_ns=5 * MILLISECOND)

    async def story() -> None:
        async with a_lambda(PlayedNode(runs=runs), clock=LoopClock(loop, NOW)) as world:
            await world.function()
            await world.do("Invoke", FunctionName="f", Payload=b"{}")
            await world.do("Invoke", FunctionName="f", Payload=b"{}", Qualifier="$LATEST")
            await world.do("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
            with pytest.raises(Fault):
                await world.invoke()
            await world.plane.clock.sleep(3 * MINUTE)
            assert values(world, "Invocations") == values(world, "Errors") == [2]
            assert values(world, "Invocations", Resource="f:$LATEST") == [1]
            assert (values(world, "Throttles"), values(world, "Duration")) == ([1], [5])
            assert values(world, "ConcurrentExecutions") == [1]

    loop = VirtualLoop.make()
    loop.run(story())


def test_what_runs_for_long_counts_in_each_minute() -> None:
    """An event of three minutes is one execution at once in each of them."""

    async def runs(invoke: Invoke) -> InvokeResult:
        await clock.sleep(3 * MINUTE)
        return failed(invoke)

    async def story() -> None:
        async with a_lambda(PlayedNode(runs=runs), clock=clock) as world:
            await world.function()
            await world.do("Invoke", FunctionName="f", Payload=b"{}")
            await clock.sleep(5 * MINUTE)
            assert values(world, "ConcurrentExecutions") == [1, 1, 1, 1]
            assert values(world, "Invocations") == [1]

    loop = VirtualLoop.make()
    clock = LoopClock(loop, NOW - NOW % MINUTE + SECOND)
    loop.run(story())


def values(world: Lambda, name: str, **dimensions: str) -> list[float]:
    """The points of a metric of f."""
    metrics = world.plane.calls.part(Metrics)
    of = {"FunctionName": "f", **dimensions}
    found = summaries(metrics, ACCOUNT, REGION, NAMESPACE, name, of)
    if KINDS[name].level:
        return [summary.most for summary in found]
    return [summary.mean if name == "Duration" else summary.total for summary in found]
