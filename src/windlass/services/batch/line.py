"""The lines of jobs that wait for a place, read lazily from the index "line": O(log n) for each head.

Only reads. An array of which children are retried stands in two places: its retries at the front, the others
where the array stood before.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import Any

from windlass.kernel.rows import replace
from windlass.kernel.store import View
from windlass.services.batch import arrays
from windlass.services.batch.model import Array, Job
from windlass.services.batch.order import Head
from windlass.services.batch.resource_model import Key


class Lines:
    """An order.Heads over the rows as they stand now: valid for one plan, without `await`."""

    def __init__(self, jobs: View[Job], arrays: View[Array]) -> None:
        self._jobs = jobs
        self._arrays = arrays
        self._open: dict[tuple[Key, str], tuple[Iterator[Head], list[Head]]] = {}

    def next(self, queue: Key, share: str, skipped: int) -> Head | None:
        line = self._open.get((queue, share))
        if line is None:
            line = self._open[queue, share] = (self.walk(queue, share), [])
        rest, seen = line
        while len(seen) <= skipped:
            head = next(rest, None)
            if head is None:
                return None
            seen.append(head)
        return seen[skipped]

    def walk(self, queue: Key, share: str) -> Iterator[Head]:
        """Heads in the order of starting."""
        value = (*queue, share)
        later: list[tuple[Any, str, Head]] = []
        after = None
        while rows := self._jobs.page("line", value, after, limit=1):
            job = rows[0]
            after = self._jobs.place("line", job)
            while later and later[0][:2] < after:
                yield heappop(later)[2]
            if not job.size:
                yield _head(job, 1)
                continue
            array = self._arrays.require(job.id)
            lined, count = arrays.line(array)
            if lined == "front" and (others := arrays.runnable_count(array) - count):
                order, _ = self._jobs.place("line", replace(job, lined="back"))
                heappush(later, (order, job.id, _head(job, others)))
            if count:
                yield _head(job, count)
        while later:
            yield heappop(later)[2]


def _head(job: Job, count: int) -> Head:
    return Head(job.id, job.share, job.cpu_units, job.memory_mib, job.gpus, count)
