"""How many tasks were launched, got to run and stopped in each of the last seconds, by cluster.

Counts what is committed; in memory, for people: after a restart it begins with nothing.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from windlass.kernel.clock import SECOND, Clock
from windlass.kernel.store import Change, Store
from windlass.services.ecs.model import TASKS, Task

SECONDS_KEPT = 60
ClusterKey: TypeAlias = tuple[str, str, str]
LAUNCHED, RUNNING, STOPPED = range(3)
Counts: TypeAlias = list[int]
"""Tasks by LAUNCHED, RUNNING and STOPPED."""


class Tempo:
    """One per plane: `plane.calls.part(Tempo)`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._clock = clock
        self._seconds: deque[tuple[int, dict[ClusterKey, Counts]]] = deque(maxlen=SECONDS_KEPT)
        store.watch((TASKS,), self._on_task)

    def history(self, cluster: ClusterKey | None = None) -> list[Counts]:
        """The last whole seconds, the oldest first: tasks of that cluster, or of all."""
        now = self._clock.now() // SECOND
        found = [[0, 0, 0] for _ in range(SECONDS_KEPT)]
        for second, clusters in self._seconds:
            place = second - now + SECONDS_KEPT
            if 0 <= place < SECONDS_KEPT:
                for key, counts in clusters.items():
                    if cluster in (None, key):
                        found[place] = [old + new for old, new in zip(found[place], counts, strict=True)]
        return found

    def _on_task(self, change: Change) -> None:
        old: Task | None = change.old
        new: Task | None = change.new
        if new is None:
            return
        if old is None:
            self._count(new, LAUNCHED)
            return
        if new.started_at and not old.started_at:
            self._count(new, RUNNING)
        if new.last_status == "STOPPED" and old.last_status != "STOPPED":
            self._count(new, STOPPED)

    def _count(self, task: Task, what: int) -> None:
        second = self._clock.now() // SECOND
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, {}))
        clusters = self._seconds[-1][1]
        clusters.setdefault(task.cluster_key, [0, 0, 0])[what] += 1
