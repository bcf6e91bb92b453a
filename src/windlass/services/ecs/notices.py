"""Tells the event bus of every change of a task: "ECS Task State Change" (source aws.ecs).

Whoever raises a task's version calls `tell` in the same transaction, so each version is told exactly once and
in order for one task, whenever the plane is killed; delivery from there on is at least once. Detail: ECS
Developer Guide, ecs_cwe_events; `version` tells duplicates.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.aws.bus import Bus, Notice
from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.store import Transaction
from windlass.services.ecs import describe
from windlass.services.ecs.model import Task

SOURCE = "aws.ecs"
DETAIL_TYPE = "ECS Task State Change"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_IN_EVENTS = ("tags", "enableExecuteCommand", "inferenceAccelerators", "healthStatus")


def tell(bus: Bus, tx: Transaction, task: Task, now: Instant) -> None:
    """Publish the task as it is now; call it once for each version."""
    bus.publish(tx, task.account, task.region, SOURCE, lambda: notice(task, now))


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
