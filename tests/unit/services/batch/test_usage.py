"""What environments and shares use, kept as rows change: the same as counted anew from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.batch_rows import a_job
from tests.build import ACCOUNT, NOW, REGION, SetClock
from windlass.kernel.clock import SECOND
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.rows import replace
from windlass.kernel.store import Store
from windlass.services.batch.model import CHILDREN, JOB_TABLES, JOBS, Attempt, Child, Job, Run
from windlass.services.batch.resource_model import (
    POLICIES,
    QUEUES,
    RESOURCE_TABLES,
    JobQueue,
    SchedulingPolicy,
)
from windlass.services.batch.usage import Usage

QUEUE = (ACCOUNT, REGION, "line")
FARM = (ACCOUNT, REGION, "farm")
POLICY = SchedulingPolicy(ACCOUNT, REGION, "teams", NOW, decay_s=600)
SHARES = ("red", "blue")


class World:
    """A store with a fair-share queue, its usage, and a clock that tests move."""

    def __init__(self) -> None:
        self.store = Store((*RESOURCE_TABLES, *JOB_TABLES), DurableLog(MemoryLog()))
        self.clock = SetClock()
        with self.store.transact() as tx:
            tx[POLICIES].put(POLICY)
            tx[QUEUES].put(JobQueue(*QUEUE, NOW, 1, ("farm",), policy="teams"))
        self.usage = Usage(self.store, self.clock)

    def put(self, *jobs: Job) -> None:
        with self.store.transact() as tx:
            for job in jobs:
                tx[JOBS].put(job)

    def change(self, job_id: str, **members: Any) -> None:
        self.put(replace(self.store[JOBS].require(job_id), **members))

    def start(self, job_id: str) -> None:
        run = self.store[JOBS].require(job_id).run
        run = replace(run, environment="farm", started_at=self.clock.now())
        self.change(job_id, status="RUNNING", lined="", run=run)

    def end(self, job_id: str, status: str) -> None:
        run = self.store[JOBS].require(job_id).run
        attempt = Attempt("task", "stream", run.started_at, self.clock.now())
        lined = "front" if status == "RUNNABLE" else ""
        self.change(job_id, status=status, lined=lined, run=replace(run, attempts=(*run.attempts, attempt)))

    def restarted(self) -> Usage:
        return Usage(self.store, self.clock)


def a_red_job(job_id: str = "a", **members: Any) -> Job:
    made = {"share": "red", "cpu_units": 1_024, "lined": "back", "status": "RUNNABLE"}
    return a_job(id=job_id, **made | members)


def test_what_runs_counts_against_the_cap_and_for_its_share() -> None:
    world = World()
    world.put(a_red_job("a"), a_red_job("b", share="blue", cpu_units=256))
    world.start("a")
    world.start("b")
    assert (world.usage.cpu_units(FARM), world.usage.attempts(FARM)) == (1_280, 2)
    assert world.usage.ledger.in_use(QUEUE) == {"red": 1_024, "blue": 256}
    world.end("a", "SUCCEEDED")
    assert (world.usage.cpu_units(FARM), world.usage.attempts(FARM)) == (256, 1)
    assert world.usage.ledger.in_use(QUEUE) == {"blue": 256}


def test_children_count_with_the_size_of_their_parent() -> None:
    world = World()
    world.put(a_red_job("a", size=9, status="PENDING"))
    with world.store.transact() as tx:
        for index in range(3):
            tx[CHILDREN].put(Child("a", index, NOW, "STARTING", run=Run(environment="farm")))
    assert world.usage.cpu_units(FARM) == 3 * 1_024
    with world.store.transact() as tx:
        tx[CHILDREN].delete(("a", 1))
    assert world.restarted().cpu_units(FARM) == world.usage.cpu_units(FARM) == 2 * 1_024


def test_work_is_what_was_in_use_for_how_long() -> None:
    """One vCPU for ten seconds, two for five, one for five: 25 vCPU seconds; then nothing more."""
    world = World()
    world.put(a_red_job("a"), a_red_job("b"))
    world.start("a")
    world.clock.time += 10 * SECOND
    world.start("b")
    world.clock.time += 5 * SECOND
    world.end("a", "SUCCEEDED")
    world.clock.time += 5 * SECOND
    assert world.usage.work(FARM, world.clock.now()) == 25 * 1_024 * SECOND
    world.end("b", "FAILED")
    world.clock.time += 5 * SECOND
    assert world.usage.work(FARM, world.clock.now()) == 25 * 1_024 * SECOND


def test_a_queue_that_is_gone_is_forgotten() -> None:
    world = World()
    world.put(a_red_job())
    with world.store.transact() as tx:
        tx[QUEUES].delete(QUEUE)
    assert world.usage.ledger.shares(QUEUE, POLICY, NOW).active == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["start", "start", "SUCCEEDED", "FAILED", "RUNNABLE"]),
        st.integers(0, 5),
        st.integers(0, 300),
    ),
    max_size=25,
)


@given(STEPS)
def test_after_a_restart_usage_is_what_it_was(steps: Sequence[tuple[str, int, int]]) -> None:
    """Any order of starts, ends and retries of six jobs of two shares, with time going by in between."""
    world = World()
    world.put(*(a_red_job(str(n), share=SHARES[n % 2], cpu_units=256 << n) for n in range(6)))
    for step, number, seconds in steps:
        world.clock.time += seconds * SECOND
        job = world.store[JOBS].require(str(number))
        if step == "start" and job.status == "RUNNABLE":
            world.start(job.id)
        elif step != "start" and job.status == "RUNNING":
            world.end(job.id, step)
    again, now = world.restarted(), world.clock.now()
    assert again.cpu_units(FARM) == world.usage.cpu_units(FARM)
    assert again.ledger.in_use(QUEUE) == world.usage.ledger.in_use(QUEUE)
    kept, counted = (usage.ledger.shares(QUEUE, POLICY, now) for usage in (world.usage, again))
    means = [
        {one.name: one.used.until(now, shares.window).mean for one in shares.waiting}
        for shares in (kept, counted)
    ]
    assert means[1] == pytest.approx(means[0], abs=1e-3)
