"""Lines of jobs as the rows of the store say them."""

from __future__ import annotations

import pytest

from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.store import Store
from windlass.services.batch.arrays import begun, ended_many, line, opened, took
from windlass.services.batch.line import Lines
from windlass.services.batch.model import ARRAYS, JOB_TABLES, JOBS, Job
from windlass.services.batch.resource_model import Key

QUEUE: Key = ("1", "r", "q")


@pytest.fixture
def store() -> Store:
    return Store(JOB_TABLES, DurableLog(MemoryLog()))


def put(store: Store, *jobs: Job) -> None:
    with store.transact() as tx:
        for job in jobs:
            tx[JOBS].put(job)


def a_job(job_id: str, ready_at: int, lined: str = "back", share: str = "", priority: int = 0) -> Job:
    return Job(
        job_id, "1", "r", "name", "q", "arn", 1, cpu_units=1_024, share=share, lined=lined,  # type: ignore[arg-type]
        ready_at=ready_at, scheduling_priority=priority,
    )  # fmt: skip


def put_array(
    store: Store, job_id: str, ready_at: int, size: int, retried: int = 0, rest: bool = True
) -> None:
    """An array of which the first `retried` are to be retried, and the others wait, or never did."""
    array = opened(begun(job_id, size), (1 << size) - 1 if rest else (1 << retried) - 1)
    array, indices = took(array, retried)
    array = ended_many(array, dict.fromkeys(indices, "retry"))
    parent = Job(job_id, "1", "r", "name", "q", "arn", 1, cpu_units=512, size=size, ready_at=ready_at)
    with store.transact() as tx:
        tx[ARRAYS].put(array)
        lined, _ = line(array)
        tx[JOBS].put(Job(**{f: getattr(parent, f) for f in parent.__struct_fields__} | {"lined": lined}))


def heads(store: Store, share: str = "") -> list[tuple[str, int]]:
    lines = Lines(store[JOBS], store[ARRAYS])
    found = []
    while (head := lines.next(QUEUE, share, len(found))) is not None:
        assert head == lines.next(QUEUE, share, len(found)), "asked twice, said twice"
        found.append((head.job_id, head.count))
    return found


def test_in_the_order_of_becoming_ready_retries_first(store: Store) -> None:
    put(store, a_job("b", 2), a_job("a", 3), a_job("again", 9, "front"), a_job("not", 1, ""))
    assert heads(store) == [("again", 1), ("b", 1), ("a", 1)]


def test_by_priority_within_a_share(store: Store) -> None:
    put(store, a_job("low", 1, share="s"), a_job("high", 2, share="s", priority=5), a_job("x", 1, share="t"))
    assert heads(store, "s") == [("high", 1), ("low", 1)]
    assert heads(store) == []


def test_an_array_says_how_many_wait(store: Store) -> None:
    put_array(store, "array", 2, size=50)
    put(store, a_job("before", 1), a_job("behind", 3))
    assert heads(store) == [("before", 1), ("array", 50), ("behind", 1)]


def test_retries_of_an_array_go_first_and_the_rest_keeps_its_place(store: Store) -> None:
    put_array(store, "array", 2, size=50, retried=3)
    put(store, a_job("before", 1), a_job("behind", 3))
    assert heads(store) == [("array", 3), ("before", 1), ("array", 47), ("behind", 1)]


def test_the_rest_of_an_array_may_be_the_end_of_the_line(store: Store) -> None:
    put_array(store, "one", 5, size=4, retried=1)
    put_array(store, "two", 4, size=3, retried=2)
    put_array(store, "all", 3, size=2, retried=2, rest=False)
    put(store, a_job("before", 1))
    assert heads(store) == [("all", 2), ("two", 2), ("one", 1), ("before", 1), ("two", 1), ("one", 3)]
