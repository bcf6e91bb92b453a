"""What services tell: the `events` list that DescribeServices shows, and EventBridge events about them.

Both are written in the transaction that makes them true. Texts: facts/ecs.md section 7.4; details of the
events: ECS Developer Guide, ecs_cwe_events and "service deployment state change events".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from windlass.aws.bus import Bus, Notice
from windlass.aws.calls import Call
from windlass.kernel.clock import Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import limits, notices, references
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.service_model import SERVICE_EVENTS, SERVICES, Deployment, Service, ServiceEvent

ACTION = "ECS Service Action"
DEPLOYMENT_CHANGE = "ECS Deployment State Change"
Level = Literal["INFO", "WARN", "ERROR"]


def say(tx: Transaction, call: Call, service: Service, text: str, task_set: str = "") -> Service:
    """Add "(service NAME) TEXT." to the service's events, unless it said just that a short while ago.

    What concerns a task set begins with "(service NAME, taskSet ID)". Returns the service as it is then. The
    oldest of too many events go.
    """
    subject = f"{service.name}, taskSet {task_set}" if task_set else service.name
    message = f"(service {subject}) {text}."
    table = tx[SERVICE_EVENTS]
    if not text.startswith(_ALWAYS_TOLD):
        recent = table.page("service", service.id, limit=limits.SERVICE_EVENTS_MAX, reverse=True)
        said = next((row for row in recent if row.message == message), None)
        if said is not None and call.now - said.created_at < limits.SAME_EVENT_EVERY:
            return service
    number = service.last_event + 1
    table.put(ServiceEvent(service.id, number, call.ids.uuid(), call.now, message))
    table.delete((service.id, number - limits.SERVICE_EVENTS_MAX))
    return tx[SERVICES].put(replace(service, last_event=number))


_ALWAYS_TOLD = ("has ", "(deployment", "registered", "deregistered", "(task ")
"""How texts begin that tell of something done, not of something that goes on."""


def latest(reads: Reads, service: Service) -> list[ServiceEvent]:
    """The newest first (ECS API reference, Service, events)."""
    return list(
        reads[SERVICE_EVENTS].page("service", service.id, limit=limits.SERVICE_EVENTS_MAX, reverse=True)
    )


def tasks_named(ids: Iterable[str]) -> str:
    """Task ids as event texts have them.

    >>> tasks_named(["ab", "cd"])
    '(task ab) (task cd)'
    """
    return " ".join(f"(task {task_id})" for task_id in ids)


def act(
    tx: Transaction, bus: Bus, service: Service, level: Level, name: str, now: Instant, **more: Any
) -> None:
    """Publish a Service Action, "SERVICE_STEADY_STATE" and the like; `more` are members of its detail."""
    detail = {
        "eventType": level,
        "eventName": name,
        "clusterArn": references.cluster_arn(*service.cluster_key),
        "createdAt": notices.iso(now),
        **more,
    }
    _publish(tx, bus, service, ACTION, detail, now)


def tell_deployment(
    tx: Transaction, bus: Bus, service: Service, deployment: Deployment, name: str, now: Instant
) -> None:
    """Publish that a deployment began, completed or failed: "SERVICE_DEPLOYMENT_IN_PROGRESS" and so on."""
    detail = {
        "eventType": "ERROR" if name.endswith("FAILED") else "INFO",
        "eventName": name,
        "deploymentId": deployment.id,
        "updatedAt": notices.iso(now),
        "reason": deployment.rollout_reason,
    }
    _publish(tx, bus, service, DEPLOYMENT_CHANGE, detail, now)


def _publish(
    tx: Transaction, bus: Bus, service: Service, kind: str, detail: dict[str, Any], now: Instant
) -> None:
    bus.publish(
        tx,
        service.account,
        service.region,
        notices.SOURCE,
        lambda: Notice(service.account, service.region, notices.SOURCE, kind, (service.arn,), detail, now),
    )
