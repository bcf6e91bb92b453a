"""What dependsOn may say, and what a new job then waits for."""

from __future__ import annotations

import pytest

from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.faults import Fault
from windlass.kernel.store import Store
from windlass.services.batch.arrays import begun, ended_many, opened, took
from windlass.services.batch.dependencies import check
from windlass.services.batch.model import ARRAYS, JOB_TABLES, JOBS, Dependency, Job, JobStatus, Wait


def a_job(
    job_id: str, size: int = 0, status: JobStatus = "RUNNABLE", account: str = "1", on: str = ""
) -> Job:
    """`on` is its dependsOn: "a b/N_TO_N /SEQUENTIAL"."""
    parts = [one.partition("/") for one in on.split()]
    depends_on = tuple(Dependency(job, kind) for job, _, kind in parts)  # type: ignore[arg-type]
    return Job(job_id, account, "r", "name", "q", "arn", 1, status=status, size=size, depends_on=depends_on)


@pytest.fixture
def store() -> Store:
    """A single job, one that succeeded, one that failed, one of another account; arrays of three and four."""
    store = Store(JOB_TABLES, DurableLog(MemoryLog()))
    with store.transact() as tx:
        tx[JOBS].put(a_job("single"))
        tx[JOBS].put(a_job("succeeded", status="SUCCEEDED"))
        tx[JOBS].put(a_job("failed", status="FAILED"))
        tx[JOBS].put(a_job("foreign", account="2"))
        for size, name in ((3, "three"), (4, "four")):
            tx[JOBS].put(a_job(name, size, status="PENDING"))
            array, _ = took(opened(begun(name, size), 0b11), 2)
            tx[ARRAYS].put(ended_many(array, {0: "succeeded", 1: "failed"}))
    return store


@pytest.mark.parametrize(
    ("size", "on", "waits"),
    [
        (0, "", []),
        (0, "single", [("single", "")]),
        (0, "single single", [("single", "")]),
        (0, "succeeded failed three", [("failed", ""), ("three", "")]),
        (0, "three:0 three:1 three:2", [("three:1", ""), ("three:2", "")]),
        (3, "/SEQUENTIAL", []),
        (3, "three/N_TO_N single /SEQUENTIAL", [("three", "N_TO_N"), ("single", "")]),
        (3, "three/N_TO_N three", [("three", "N_TO_N"), ("three", "")]),
    ],
)
def test_what_a_job_waits_for(store: Store, size: int, on: str, waits: list[tuple[str, str]]) -> None:
    with store.transact() as tx:
        assert list(check(tx, a_job("new", size, on=on))) == [Wait("new", *wait) for wait in waits]


@pytest.mark.parametrize(
    ("size", "on", "message"),
    [
        (0, "nothing", "Dependent job nothing does not exist"),
        (0, "foreign", "Dependent job foreign does not exist"),
        (0, "new", "Dependent job new does not exist"),
        (0, "three:3", "Dependent job three:3 does not exist"),
        (0, "three:00", "Dependent job three:00 does not exist"),
        (0, "three:", "Dependent job three: does not exist"),
        (0, "three:²", "Dependent job three:² does not exist"),
        (0, "single:0", "Dependent job single:0 does not exist"),
        (0, "/SEQUENTIAL", "for an array job only"),
        (3, "three/SEQUENTIAL", "cannot have a jobId"),
        (3, "/N_TO_N", "of type N_TO_N must have a jobId"),
        (0, "three/N_TO_N", "for an array job only"),
        (3, "single/N_TO_N", "single is not one"),
        (3, "three:1/N_TO_N", "needs another array job"),
        (3, "four/N_TO_N", "four has 4 children, this one 3"),
        (0, "single " * 21, "up to 20 jobs, and has 21"),
    ],
)
def test_what_is_refused(store: Store, size: int, on: str, message: str) -> None:
    with store.transact() as tx, pytest.raises(Fault, match=message) as caught:
        check(tx, a_job("new", size, on=on))
    assert caught.value.code == "ClientException"


def test_an_entry_of_nothing_is_refused(store: Store) -> None:
    with store.transact() as tx, pytest.raises(Fault, match="must have a jobId"):
        check(tx, Job("new", "1", "r", "name", "q", "arn", 1, depends_on=(Dependency(""),)))
