"""What a task waits for, or why it ended, in one sentence. Pure.

Decides from rows that others have read (seeing.py); changes nothing. The sentences are ours: AWS shows a
status and leaves the reason to the reader. Known gap: of an image that is being pulled only its name is known
here, not how much of it has come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from windlass.fleet import reasons
from windlass.fleet.model import Unit
from windlass.fleet.reasons import NOTHING, Reason, span
from windlass.kernel.clock import Duration, Instant
from windlass.services.ecs import scale_in
from windlass.services.ecs.model import Task


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """A task and what it depends on."""

    task: Task
    unit: Unit | None = None
    """None before the fleet has it and after its end was taken in."""
    node_connected: bool = True
    """Of the node that has the unit."""
    healthy_after: Duration = 0
    """How long a task of a service must run that nothing checks until it counts as healthy."""


def why(facts: TaskFacts, now: Instant) -> Reason:
    """The one thing that keeps the task from the next step of its life."""
    task = facts.task
    if task.last_status == "STOPPED":
        return _stopped(task)
    if task.desired_status == "STOPPED":
        return _stopping(facts, now)
    if task.started_at:
        return _running(facts, now)
    return _pending(facts, now)


def _pending(facts: TaskFacts, now: Instant) -> Reason:
    """On its way to RUNNING."""
    task, unit = facts.task, facts.unit
    if unit is not None and unit.parked:
        return Reason(
            "CAPACITY_PROVIDER",
            f"No instance of capacity provider {task.capacity_provider} has room for it: it waits until the "
            "provider scales out, or a task leaves.",
        )
    unplaced = reasons.on_the_way(unit, facts.node_connected)
    if unplaced is not None:
        return unplaced
    if task.pull_started_at and task.pull_stopped_at < task.pull_started_at:
        images = ", ".join(sorted({container.image for container in task.containers}))
        return Reason("PULL", f"Images have been pulled for {span(now - task.pull_started_at)}: {images}.")
    return _starting(facts)


def _starting(facts: TaskFacts) -> Reason:
    assert facts.unit is not None
    waiting = _names(c.name for c in facts.task.containers if c.last_status == "PENDING")
    there = _names(c.name for c in facts.task.containers if c.last_status == "RUNNING")
    after = f"; {there} already {_verb(there, 'runs', 'run')}" if there else ""
    return Reason(
        "CONTAINERS",
        f"Node {facts.unit.node_id} is starting {waiting or 'its containers'}, after what "
        f"{_verb(waiting, 'it depends', 'they depend')} on{after}.",
    )


def _running(facts: TaskFacts, now: Instant) -> Reason:
    """It runs: what its health is, and what is to become of it."""
    task = facts.task
    for_ = span(now - task.started_at)
    if facts.unit is not None and not facts.node_connected:
        return Reason(
            "NODE",
            f"It ran when its node {facts.unit.node_id} was last heard of; the node is not connected.",
        )
    if task.draining:
        return Reason("DRAINING", f"It has run for {for_}; its instance drains, so it is to be replaced.")
    if task.standing == "unhealthy":
        whose = _names(c.name for c in task.containers if c.health == "UNHEALTHY") or "its load balancer"
        return Reason("UNHEALTHY", f"It has run for {for_} and is UNHEALTHY, says {whose}.")
    if task.checked and task.health == "UNKNOWN":
        checked = _names(c.name for c in task.containers if c.essential and c.health == "UNKNOWN")
        return Reason(
            "HEALTH_CHECK", f"It has run for {for_}; the health check of {checked} has not passed yet."
        )
    if task.target_health and task.standing == "running":
        return Reason(
            "HEALTH_CHECK", f"It has run for {for_}; its load balancer calls it {task.target_health}."
        )
    healthy_at = task.started_at + facts.healthy_after
    if task.service and not task.checked and not task.target_health and now < healthy_at:
        return Reason(
            "HEALTHY_AFTER",
            f"It has run for {for_}; nothing checks it, so it counts as healthy in {span(healthy_at - now)}.",
            healthy_at,
        )
    return Reason(NOTHING, f"It has run for {for_}{_remark(task, now)}.")


def _remark(task: Task, now: Instant) -> str:
    health = " and is HEALTHY" if task.checked else ""
    if not scale_in.is_protected(task, now):
        return health
    return f"{health}; protected from scale-in for {span(task.protected_until - now)} more"


def _stopping(facts: TaskFacts, now: Instant) -> Reason:
    """It was told to end, or one of its essential containers has ended."""
    task, unit = facts.task, facts.unit
    said = f" ({task.stopped_reason.rstrip('.')})" if task.stopped_reason else ""
    if unit is not None and not facts.node_connected:
        return Reason("NODE", f"It is to stop{said}, which its node {unit.node_id} hears when it is back.")
    left = _names(c.name for c in task.containers if c.last_status != "STOPPED") or "its containers"
    since = f" for {span(now - task.stopping_at)}" if task.stopping_at else ""
    return Reason(
        "STOPPING", f"It has been stopping{since}{said}: {left} had SIGTERM, SIGKILL follows stopTimeout."
    )


def _stopped(task: Task) -> Reason:
    codes = ", ".join(
        f"{c.name} exited with {c.exit_code}" for c in task.containers if c.exit_code is not None
    )
    reasons = ", ".join(f"{c.name}: {c.reason}" for c in task.containers if c.reason)
    told = "; ".join(part for part in (task.stopped_reason.rstrip("."), codes, reasons) if part)
    return Reason("STOPPED", f"It has stopped: {task.stop_code or 'no stop code'}: {told or 'no reason'}.")


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _verb(names: str, one: str, many: str) -> str:
    return many if ", " in names else one
