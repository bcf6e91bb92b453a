"""Where a start's time went, and what is kept of it."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lambda_build import PlayedNode, a_lambda, echo
from windlass.fleet.function_messages import StartPhases
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.services.lambda_ import cold_starts
from windlass.services.lambda_.cold_starts import ColdStart, ColdStarts, anatomy
from windlass.services.lambda_.pool import Warm
from windlass.services.lambda_.target import latest

PHASES = StartPhases(code=1, network=2, sandbox=3, runtime=4, init=5)


@pytest.mark.parametrize(
    ("waited", "routing", "network", "found"),
    [
        (20, 1, 0, (1, 4, 1, 2, 3, 4, 5, 0)),
        (120, 1, 100, (1, 4, 1, 102, 3, 4, 5, 0)),
        (10, 1, 0, (1, 0, 1, 2, 3, 4, 5, 0)),  # it began before its event came
    ],
)
def test_the_rest_is_placement(waited: int, routing: int, network: int, found: tuple[int, ...]) -> None:
    assert anatomy(waited, routing, PHASES, network) == found


@given(st.integers(15, 10**12), st.integers(0, 10**9))
def test_phases_add_up_to_the_wait(waited: int, routing: int) -> None:
    assert sum(anatomy(waited + routing, routing, PHASES)) == waited + routing


def test_a_segment_has_its_phases_end_to_end() -> None:
    """X-Ray's shape: subsegments follow each other, the event last; no empty ones."""
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:f"
    phases = (MILLISECOND, 0, 0, 0, 2 * MILLISECOND, 0, SECOND, 0)
    start = ColdStart(arn, "$LATEST", "0" * 32, "r", 5 * SECOND, phases, duration=SECOND, error="Unhandled")
    segment = start.segment()
    parts = segment["subsegments"]
    assert [part["name"] for part in parts] == ["routing", "sandbox", "init", "invocation"]
    assert segment["start_time"] == parts[0]["start_time"] == 5.0
    assert all(one["end_time"] == other["start_time"] for one, other in pairwise(parts))
    assert segment["end_time"] == parts[-1]["end_time"] == pytest.approx(7.003)
    assert (segment["name"], segment["fault"]) == ("f", True)
    assert start.sentence() == "1003.0 ms, on-demand: routing 1.0, sandbox 2.0, init 1000.0"


async def first_of_each(invoke: Invoke) -> InvokeResult:
    return InvokeResult(invoke.request_id, invoke.unit_id, invoke.payload, phases=PHASES)


def test_cold_starts_are_kept_and_told() -> None:
    """1. One record a start, with the ring's bound. 2. The journal has it. 3. Gone with the function."""

    async def story(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cold_starts, "KEPT_PER_FUNCTION", 2)
        node = PlayedNode(runs=first_of_each)
        async with a_lambda(node) as world:
            await world.function()
            kept = world.plane.calls.part(ColdStarts)
            for number in range(3):
                await world.invoke(number)
            function = world.row()
            first, second = kept.of(function)
            # The played node tells of a start with every event: the later ones found their environment there.
            assert (first.kind, second.kind) == ("ahead", "ahead")
            assert first.phases == (0, 0, 1, 2, 3, 4, 5, 0)
            entries = [entry for entry in world.plane.journal.newest(50) if entry.what == "cold start"]
            assert [entry.subject for entry in entries] == [function.arn] * 3
            assert "on-demand: routing" in entries[0].why
            late = InvokeResult("r", first.unit_id, b"", phases=PHASES)
            await world.do("DeleteFunction", FunctionName="f")
            kept.take(latest(function), Warm(first.unit_id, "n", 1, 0), late, None)
            assert kept.of(function) == []

    with pytest.MonkeyPatch.context() as patch:
        asyncio.run(story(patch))


def test_a_warm_start_leaves_no_record() -> None:
    async def story() -> None:
        async with a_lambda(PlayedNode(runs=echo)) as world:
            await world.function()
            await world.invoke(1)
            assert world.plane.calls.part(ColdStarts).of(world.row()) == []

    asyncio.run(story())
