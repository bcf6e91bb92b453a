"""Tells the event bus of every change of a task: "ECS Task State Change" (source aws.ecs).

The bus hears of a change when it is durable, at least once and in order for one task; a change that the log
took back is not told. A notice that waits while the plane dies is lost: AWS promises no more than best
effort here. Detail: ECS Developer Guide, ecs_cwe_events; `version` tells duplicates.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.aws.bus import Bus, Notice
from windlass.kernel.clock import HOUR, SECOND, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.ecs import describe
from windlass.services.ecs.model import TASKS, Task
from windlass.services.plane import Plane

SOURCE = "aws.ecs"
DETAIL_TYPE = "ECS Task State Change"
PERIOD: Duration = HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_IN_EVENTS = ("tags", "enableExecuteCommand", "inferenceAccelerators", "healthStatus")


class TaskNotices:
    """Follows the table of tasks and publishes each change that raised a task's version."""

    def __init__(self, plane: Plane, bus: Bus) -> None:
        self._store = plane.store
        self._bus = bus
        self._waiting: deque[Task] = deque()
        self.loop = Loop("ecs.notices", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((TASKS,), self._changed)

    def _changed(self, change: Change) -> None:
        new: Task | None = change.new
        old: Task | None = change.old
        if new is None or (old is not None and new.version <= old.version) or not self._bus.heard:
            return
        self._waiting.append(new)
        self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        batch = list(self._waiting)
        self._waiting.clear()
        if not batch:
            return None
        await self._store.durable()
        for task in batch:
            stands = self._store[TASKS].get(task.id)
            if stands is not None and stands.version >= task.version:
                self._bus.publish(notice(task, now))
        return None


def notice(task: Task, now: Instant) -> Notice:
    """A task as its state change event shows it."""
    detail = describe.task(task, with_tags=False)
    for name in _NOT_IN_EVENTS:
        del detail[name]
    detail["updatedAt"] = now / SECOND
    return Notice(
        account=task.account,
        region=task.region,
        source=SOURCE,
        detail_type=DETAIL_TYPE,
        resources=(task.arn,),
        detail={name: _iso(value) if name.endswith("At") else value for name, value in detail.items()},
        at=now,
    )


def _iso(epoch_s: Any) -> str:
    """Epoch seconds as events write time.

    >>> _iso(1.5)
    '1970-01-01T00:00:01.500Z'
    """
    return (_EPOCH + timedelta(seconds=epoch_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
