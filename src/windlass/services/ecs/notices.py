"""Tells the event bus of every change of a task or container instance (source aws.ecs).

Whoever raises a row's version calls `tell` or `tell_instance` in the same transaction, so each version is
told exactly once and in order for one row, whenever the plane is killed; of two that one transaction tells
the row may have the later only. Delivery from there on is at least once. Detail: ECS Developer Guide,
ecs_cwe_events; `version` tells duplicates. Known gap: that an instance has more or less room left is no event
of its own.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from windlass.aws.bus import Bus, Notice
from windlass.fleet.room import Taken
from windlass.kernel.clock import SECOND, Instant
from windlass.kernel.store import Transaction
from windlass.services.ecs import describe, describe_instance, references
from windlass.services.ecs.instance_model import ContainerInstance
from windlass.services.ecs.model import TASKS, Task

SOURCE = "aws.ecs"
DETAIL_TYPE = "ECS Task State Change"
INSTANCE_DETAIL_TYPE = "ECS Container Instance State Change"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_IN_EVENTS = ("tags", "inferenceAccelerators", "healthStatus", "platformFamily")
"""Members of a described task that its events leave out."""


def tell(bus: Bus, tx: Transaction, task: Task, now: Instant) -> None:
    """Publish the task as it is now; call it once for each version."""
    bus.publish(tx, task.account, task.region, SOURCE, lambda: notice(task, now))


def notice(task: Task, now: Instant) -> Notice:
    """A task as its state change event shows it."""
    detail = describe.task(task, with_tags=False)
    for name in _NOT_IN_EVENTS:
        detail.pop(name, None)
    del detail["overrides"]["inferenceAcceleratorOverrides"]
    for container in detail["containers"]:
        del container["healthStatus"]
        for agent in container.get("managedAgents", ()):
            agent["status"] = agent.pop("lastStatus")
            agent.pop("lastStartedAt", None)
    for attachment in detail["attachments"]:
        attachment["type"] = "eni"  # as events spell it (ecs_cwe_events)
    return _notice(task, DETAIL_TYPE, detail, now)


def tell_instance(bus: Bus, tx: Transaction, instance: ContainerInstance, taken: Taken, now: Instant) -> None:
    """Publish a container instance as it is now; call it once for each version."""

    def notice() -> Notice:
        detail = describe_instance.container_instance(instance, taken, tx[TASKS])
        detail["clusterArn"] = references.cluster_arn(*instance.cluster_key)
        del detail["tags"]
        return _notice(instance, INSTANCE_DETAIL_TYPE, detail, now)

    bus.publish(tx, instance.account, instance.region, SOURCE, notice)


def _notice(row: Task | ContainerInstance, kind: str, detail: dict[str, Any], now: Instant) -> Notice:
    told = {**detail, "updatedAt": now / SECOND}
    return Notice(
        account=row.account,
        region=row.region,
        source=SOURCE,
        detail_type=kind,
        resources=(row.arn,),
        detail={name: _iso(value) if name.endswith("At") else value for name, value in told.items()},
        at=now,
    )


def _iso(epoch_s: Any) -> str:
    """Epoch seconds as events write time.

    >>> _iso(1.5)
    '1970-01-01T00:00:01.500Z'
    """
    return (_EPOCH + timedelta(seconds=epoch_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso(at: Instant) -> str:
    """An instant as events write time."""
    return _iso(at / SECOND)
