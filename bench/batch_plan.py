"""The scheduler of Batch: time of one decision, and memory, with 5,000 and with 500,000 jobs queued.

On the tables of a real store: 50 arrays of 100 and of 10,000 children, a tenth as many single jobs (their
rows take room), and 500 share identifiers with ten and with a thousand children each. A decision is one vCPU
that has become free: read the line, plan, take the child out of its array, write both rows and what its share
uses.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

from bench.result import Result
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.rows import replace
from windlass.kernel.store import Store, Transaction
from windlass.services.batch import arrays
from windlass.services.batch.ledger import Ledger
from windlass.services.batch.line import Lines
from windlass.services.batch.model import ARRAYS, JOB_TABLES, JOBS, Job
from windlass.services.batch.order import Queue, Start, plan
from windlass.services.batch.reasons import Room
from windlass.services.batch.resource_model import Key, SchedulingPolicy
from windlass.services.batch.shares import window

DECISION_MS_MAX = 1.0
GROWTH_MAX = 3.0
"""Time a decision with a hundred times as many queued: a logarithm, not the number."""
MEMORY_MIB_MAX = 100.0
"""Issue 6 says less than a gigabyte."""
ARRAYS_COUNT, FEW, MANY = 50, 100, 10_000
SINGLES_FEW, SINGLES_MANY = 500, 50_000
SHARES_COUNT = 500
DECISIONS = 1_000
QUEUE: Key = ("123456789012", "eu-west-1", "bench")
POLICY = SchedulingPolicy(*QUEUE, created_at=0, decay_s=600)
ROOM = Room("ce", 1_024, 256 * 1_024)


def results() -> Iterator[Result]:
    few, _ = _measured(lambda: _of_arrays(FEW))
    many, mib = _measured(lambda: _of_arrays(MANY))
    yield _decision("batch: decision, 500,000 children queued", many, few)
    few_singles, _ = _measured(lambda: _of_singles(SINGLES_FEW))
    singles, singles_mib = _measured(lambda: _of_singles(SINGLES_MANY))
    yield _decision("batch: decision, 50,000 single jobs queued", singles, few_singles)
    few_shares, _ = _measured(lambda: _of_shares(FEW // 10))
    shares, _ = _measured(lambda: _of_shares(MANY // 10))
    yield _decision("batch: decision, 500,000 in 500 shares", shares, few_shares)
    yield Result("batch: growth, 5,000 → 500,000 queued", many / few, "x", GROWTH_MAX, at_least=False)
    yield Result("batch: memory, 500,000 children queued", mib, "MiB", MEMORY_MIB_MAX, at_least=False)
    yield Result("batch: memory, 50,000 single jobs queued", singles_mib, "MiB")


def _decision(name: str, took_s: float, with_few_s: float) -> Result:
    note = f"with a hundredth of them {with_few_s * 1e3:.3f} ms"
    return Result(name, took_s * 1e3, "ms", DECISION_MS_MAX, at_least=False, note=note)


@dataclass(frozen=True)
class World:
    """A store, and what the shares of its queue use; None: first in, first out."""

    store: Store
    ledger: Ledger | None = None

    def decide(self) -> None:
        """Give the vCPU that is free to whoever is next."""
        shares = None if self.ledger is None else self.ledger.shares(QUEUE, POLICY, 0)
        queue = Queue(QUEUE, 1, (ROOM.environment,), shares)
        lines = Lines(self.store[JOBS], self.store[ARRAYS])
        found = plan([queue], {ROOM.environment: ROOM}, lines, 0, 1)
        with self.store.transact() as tx:
            for start in found.starts:
                self._start(tx, start)

    def _start(self, tx: Transaction, start: Start) -> None:
        job = tx[JOBS].require(start.job_id)
        if job.size:
            array, _ = arrays.took(tx[ARRAYS].require(job.id), start.count)
            tx[ARRAYS].put(array)
            after = replace(job, lined=arrays.line(array)[0])
        else:
            after = replace(job, lined="", status="STARTING")
        tx[JOBS].put(after)
        if self.ledger is not None:
            self.ledger.runs(QUEUE, job.share, job.cpu_units, window(POLICY.decay_s), 0)
            self.ledger.holds(QUEUE, job.share, 0, bool(after.lined) - bool(job.lined), 0)


def _measured(build: Callable[[], World]) -> tuple[float, float]:
    """Seconds of the middle decision, and MiB of the rows."""
    tracemalloc.start()
    world = build()
    mib = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    times = []
    for _ in range(DECISIONS):
        begun = time.perf_counter()
        world.decide()
        times.append(time.perf_counter() - begun)
    return median(times), mib


def _of_arrays(size: int) -> World:
    store = _store()
    for number in range(ARRAYS_COUNT):
        _put_array(store, number, size, "")
    return World(store)


def _of_singles(count: int) -> World:
    store = _store()
    for number in range(count):
        with store.transact() as tx:
            tx[JOBS].put(_job(number, 0, ""))
    return World(store)


def _of_shares(size: int) -> World:
    store, ledger = _store(), Ledger()
    for number in range(SHARES_COUNT):
        share = f"team{number:03}"
        _put_array(store, number, size, share)
        ledger.holds(QUEUE, share, live=1, lined=1, now=0)
    return World(store, ledger)


def _put_array(store: Store, number: int, size: int, share: str) -> None:
    job = _job(number, size, share)
    array = arrays.begun(job.id, size)
    with store.transact() as tx:
        tx[ARRAYS].put(arrays.opened(array, arrays.ready_bits(size, (), False, array)))
        tx[JOBS].put(job)


def _job(number: int, size: int, share: str) -> Job:
    account, region, queue = QUEUE
    return Job(
        f"00000000-0000-4000-8000-{number:012}", account, region, "bench", queue, "arn", number, size=size,
        status="PENDING" if size else "RUNNABLE", cpu_units=1_024, memory_mib=2_048, share=share,
        lined="back", ready_at=number,
    )  # fmt: skip


def _store() -> Store:
    return Store(JOB_TABLES, DurableLog(MemoryLog()))
