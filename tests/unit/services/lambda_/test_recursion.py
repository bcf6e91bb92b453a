"""How often a function has run in a chain of requests, and loops that are stopped."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lambda_build import PlayedNode, a_lambda, echo
from windlass.fleet.messages import Invoke, InvokeResult
from windlass.kernel.faults import Fault
from windlass.services.lambda_.event_model import ASYNC_EVENTS
from windlass.services.lambda_.recursion import FUNCTIONS_MAX, RUNS_MAX, deepest, mark_of, one_more, runs
from windlass.services.lambda_.tracing import TRACE_BYTES_MAX, trace_id

ROOT = "Root=1-6912a3b4-0123456789abcdef01234567;Parent=89abcdef01234567;Sampled=0"
MARKS = st.integers(0, 40).map(lambda number: mark_of(str(number)))


@given(st.lists(MARKS, max_size=60))
def test_a_header_counts_the_runs_of_each_function(marks: list[str]) -> None:
    """Of those that it remembers; it stays one header, short enough to be handed on."""
    trace = ROOT
    for mark in marks:
        trace = one_more(trace, mark)
    assert trace.startswith(ROOT) and trace.count("Lineage") == (1 if marks else 0)
    assert trace_id(trace, 0, "0" * 40) == trace and len(trace) <= TRACE_BYTES_MAX
    if len(set(marks)) <= FUNCTIONS_MAX:
        assert all(runs(trace, mark) == marks.count(mark) for mark in marks)


@pytest.mark.parametrize(
    "lineage", ["", "Lineage=", "Lineage=1:00000000:3", "Lineage=2:x:3", "Lineage=2:00000000:-1"]
)
def test_other_lineages_count_nothing(lineage: str) -> None:
    """What is not ours is no run, and no error."""
    assert runs(f"{ROOT};{lineage}", "00000000") == 0


def test_a_batch_counts_as_its_deepest_message() -> None:
    """Messages of several chains in one event."""
    deep = f"{ROOT};Lineage=2:00000000:7"
    assert deepest([ROOT, deep, f"{ROOT};Lineage=2:00000000:3"]) == deep
    assert deepest([]) == ""


def test_a_loop_is_stopped_unless_it_is_allowed() -> None:
    """Each run's header goes into the next request: 16 runs, then AWS's error; Allow lets it go on."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()

            async def runs_again(trace: str) -> str:
                await world.do("Invoke", traced=trace, FunctionName="f", Payload=b"{}")
                return world.node.invoked[-1].trace_id

            trace = ""
            for _ in range(RUNS_MAX):
                trace = await runs_again(trace)
            with pytest.raises(Fault) as caught:
                await runs_again(trace)
            assert caught.value.code == "RecursiveInvocationException"
            assert len(world.node.invoked) == RUNS_MAX
            await world.do("PutFunctionRecursionConfig", FunctionName="f", RecursiveLoop="Allow")
            await runs_again(trace)
            assert len(world.node.invoked) == RUNS_MAX + 1

    asyncio.run(story())


def test_an_event_that_loops_is_given_up() -> None:
    """A function that sends itself events: 16 of them run, and the next is dropped without a retry."""

    async def story() -> None:
        node = PlayedNode()
        async with a_lambda(node) as world:
            await world.function()

            async def loops(invoke: Invoke) -> InvokeResult:
                payload = json.dumps(json.loads(invoke.payload) + 1).encode()
                await world.do(
                    "Invoke",
                    traced=invoke.trace_id,
                    FunctionName="f",
                    InvocationType="Event",
                    Payload=payload,
                )
                return await echo(invoke)

            node.runs = loops
            await world.do("Invoke", FunctionName="f", InvocationType="Event", Payload=b"1")
            await world.until(lambda store: len(node.invoked) == RUNS_MAX and not len(store[ASYNC_EVENTS]))
            [note] = [entry for entry in world.plane.journal.since(0) if entry.what == "event dropped"]
            assert "the loop is stopped" in note.why

    asyncio.run(story())
