"""`/_windlass/why`, `services` and `overview`: tasks and services as people look at them, and why they wait.

For `windlass why`, `ps` and `top`, and for the console. Reads only; of every account and Region. What is
waited for services/ecs/why_task.py and why_service.py decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.fleet.model import INSTANCES as MACHINES
from windlass.fleet.model import NODES, UNITS, Unit
from windlass.front import batch, functions
from windlass.front.shapes import at, bucket_levels, journal_entry, reason
from windlass.kernel.clock import Instant, in_seconds
from windlass.kernel.faults import Fault
from windlass.services.ecs import describe_service, seeing, service_events
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import CLUSTERS, TASKS, Cluster, Task
from windlass.services.ecs.provider_model import PROVIDERS, WAITING
from windlass.services.ecs.seeing import Seeing, Seen
from windlass.services.ecs.service_model import SERVICE_DEPLOYMENTS, SERVICES, Deployment, Service
from windlass.services.ecs.tempo import Tempo
from windlass.services.plane import Plane

SERVICES_PER_ANSWER_MAX = 500
EVENTS_PER_ANSWER = 50
EVENTS_LOOKED_AT_MAX = 2_000
"""Entries of the journal among which those about services are looked for."""


def why(plane: Plane, query: Mapping[str, str]) -> Any:
    """What everything that `subject` means waits for, of tasks, services, jobs and functions.

    Raises Fault when it means none.
    """
    subject = query["subject"]
    tasks, services = seeing.find(plane.store, subject)
    others = [*batch.why(plane, subject), *functions.waits(plane, subject)]
    if not tasks and not services and not others:
        said = f"no task, service, job or function is called {subject!r}; see windlass ps"
        raise Fault("NotFound", said, status=404)
    look = Seeing(plane)
    return {
        "found": [
            *({"kind": "task", **_task_named(t), "why": [reason(look.why_task(t))]} for t in tasks),
            *({"kind": "service", **_service_named(s), "why": _why(look, s)} for s in services),
            *others,
        ]
    }


def services(plane: Plane, query: Mapping[str, str]) -> Any:
    """All services that are not INACTIVE, by cluster and name; the first SERVICES_PER_ANSWER_MAX."""
    found = _live_services(plane)
    look = Seeing(plane)
    return {
        "services": [service(look, plane, row) for row in found[:SERVICES_PER_ANSWER_MAX]],
        "total": len(found),
    }


def overview(plane: Plane, query: Mapping[str, str]) -> Any:
    """One look at everything: what a terminal or a page refreshes each second."""
    store = plane.store
    tempo = plane.calls.part(Tempo)
    nodes = list(store[NODES].all())
    units = store[UNITS]
    return {
        "at": in_seconds(plane.clock.now()),
        "profile": plane.quotas.profile.name,
        "trouble": store.trouble,
        "nodes": {"connected": sum(node.connected for node in nodes), "total": len(nodes)},
        "units": {str(state): units.count("state", state) for state in units.values("state")},
        "clusters": [_cluster(plane, row) for row in _clusters(plane)],
        **services(plane, query),
        "providers": _providers(plane),
        "levels": bucket_levels(plane),
        "tempo": _tempo(tempo),
        "events": _events(plane),
    }


def service(look: Seeing, plane: Plane, row: Service) -> dict[str, Any]:
    """One service with its deployments and what it waits for."""
    events = service_events.latest(plane.store, row)[:1]
    seen = look.deployments(row)
    return {
        **_service_named(row),
        "id": row.id,
        "status": row.status,
        "scheduling": row.scheduling,
        "controller": row.controller,
        "kind": row.kind,
        "percent_min": row.rolling.percent_min,
        "percent_max": row.rolling.percent_max,
        "desired": row.desired_count,
        "running": sum(describe_service.counts(plane.store, one.row.id).running for one in seen),
        "pending": sum(one.counts.pending for one in seen),
        "steady_since": at(row.steady_at),
        "created_at": in_seconds(row.created_at),
        "deployments": [_deployment(one) for one in seen],
        "service_deployment": _service_deployment(plane, row),
        "why": _why(look, row),
        "last_event": {"at": in_seconds(events[0].created_at), "message": events[0].message}
        if events
        else None,
    }


def task_of(look: Seeing, plane: Plane, unit: Unit) -> dict[str, Any] | None:
    """What ECS knows of a unit; None for units of others."""
    task = plane.store[TASKS].get(unit.id)
    if task is None:
        return None
    instance = plane.store[INSTANCES].get(task.instance) if task.instance else None
    return {
        **_task_named(task),
        "definition": task.definition_arn.rpartition("/")[2],
        "launch_type": task.launch_type,
        "capacity_provider": task.capacity_provider,
        "instance": task.instance,
        "machine": instance.machine_id if instance is not None else "",
        "zone": task.zone,
        "last_status": task.last_status,
        "desired_status": task.desired_status,
        "health": task.health,
        "since": in_seconds(_since(task)),
        "why": reason(look.why_task(task)),
    }


def _since(task: Task) -> Instant:
    """When it got to the status that it has, as far as that is written down."""
    if task.last_status == "STOPPED":
        return task.stopped_at
    return task.stopping_at or task.started_at or task.pull_started_at or task.connected_at or task.created_at


def _task_named(task: Task) -> dict[str, Any]:
    return {
        "arn": task.arn,
        "id": task.id,
        "account": task.account,
        "region": task.region,
        "cluster": task.cluster,
        "family": task.family,
        "service": task.service,
        "deployment": task.deployment,
    }


def _service_named(row: Service) -> dict[str, Any]:
    return {
        "arn": row.arn,
        "account": row.account,
        "region": row.region,
        "cluster": row.cluster,
        "name": row.name,
    }


def _live_services(plane: Plane) -> list[Service]:
    rows = (row for row in plane.store[SERVICES].all() if row.status != "INACTIVE")
    return sorted(rows, key=lambda row: row.key)


def _why(look: Seeing, row: Service) -> list[dict[str, Any]]:
    return [reason(one) for one in look.why_service(row)]


def _deployment(seen: Seen) -> dict[str, Any]:
    """A deployment or a task set."""
    row, counts = seen.row, seen.counts
    shown = {
        "id": row.id,
        "status": row.status,
        "definition": seen.revision.definition_arn.rpartition("/")[2],
        "created_at": in_seconds(row.created_at),
        "pending": counts.pending,
        "waiting": counts.waiting,
        "healthy": counts.healthy,
        "unhealthy": counts.unhealthy,
        "leaving": counts.leaving + seen.stopping,
        "backoff_until": at(row.backoff_until),
        "backoff_failures": row.backoff_failures,
    }
    if isinstance(row, Deployment):
        told = {
            "rollout": row.rollout,
            "rollout_reason": row.rollout_reason,
            "failed_tasks": row.failed_tasks,
        }
        return {**shown, **told}
    return {**shown, "rollout": "COMPLETED" if row.stable_at else "IN_PROGRESS", "desired": row.desired_count}


def _service_deployment(plane: Plane, row: Service) -> dict[str, Any] | None:
    record = plane.store[SERVICE_DEPLOYMENTS].get(row.service_deployment_id)
    if record is None:
        return None
    return {
        "arn": record.arn,
        "status": record.status,
        "reason": record.status_reason,
        "stage": record.stage,
        "breaker": record.breaker,
        "breaker_failures": record.breaker_failures,
        "breaker_threshold": record.breaker_threshold,
        "started_at": at(record.started_at),
        "finished_at": at(record.finished_at),
    }


def _clusters(plane: Plane) -> list[Cluster]:
    rows = (row for row in plane.store[CLUSTERS].all() if row.status == "ACTIVE")
    return sorted(rows, key=lambda row: (row.account, row.region, row.name))


def _cluster(plane: Plane, row: Cluster) -> dict[str, Any]:
    key, store = (row.account, row.region, row.name), plane.store
    tasks = store[TASKS]
    phases = {
        phase: sum(tasks.count("phase", (*key, kind, phase)) for kind in ("FARGATE", "EC2", "EXTERNAL"))
        for phase in ("pending", "running")
    }
    machines = store[INSTANCES].by("cluster", key)
    last = plane.calls.part(Tempo).history(key)[-1]
    return {
        "account": row.account,
        "region": row.region,
        "name": row.name,
        **phases,
        "services": store[SERVICES].count("cluster", key),
        "instances": {
            "total": len(machines),
            "connected": sum(machine.connected for machine in machines),
            "draining": sum(machine.status == "DRAINING" for machine in machines),
        },
        "per_second": dict(zip(("launched", "running", "stopped"), last, strict=True)),
    }


def _providers(plane: Plane) -> list[dict[str, Any]]:
    """Capacity providers on groups, by the clusters that have instances of them or tasks that wait."""
    store = plane.store
    found = []
    for cluster in _clusters(plane):
        key = (cluster.account, cluster.region, cluster.name)
        machines = [row for row in store[INSTANCES].by("cluster", key) if row.capacity_provider]
        waiting = [row.provider for row in store[WAITING].by("cluster", key)]
        for name in sorted({*waiting, *(row.capacity_provider for row in machines)}):
            provider = store[PROVIDERS].get((cluster.account, cluster.region, name))
            own = [row for row in machines if row.capacity_provider == name]
            found.append(
                {
                    "name": name,
                    "account": cluster.account,
                    "region": cluster.region,
                    "cluster": cluster.name,
                    "group": provider.group_arn.rpartition("/")[2] if provider else "",
                    "target_percent": provider.scaling.target if provider else None,
                    "instances": len(own),
                    "draining": sum(row.status == "DRAINING" for row in own),
                    "booting": _booting(plane, key),
                    "tasks_waiting": waiting.count(name),
                }
            )
    return found


def _booting(plane: Plane, cluster: tuple[str, str, str]) -> int:
    """Machines that are to join that cluster and have not."""
    registered = {row.machine_id for row in plane.store[INSTANCES].by("cluster", cluster)}
    return sum(
        (row.account, row.region, row.cluster) == cluster
        and row.phase in ("pending", "running")
        and row.id not in registered
        for row in plane.store[MACHINES].all()
    )


def _tempo(tempo: Tempo) -> dict[str, list[int]]:
    launched, running, stopped = zip(*tempo.history(), strict=True)
    return {"launched": list(launched), "running": list(running), "stopped": list(stopped)}


def _events(plane: Plane) -> list[dict[str, Any]]:
    """The newest of what was told, the oldest first; where there are services, without the steps of tasks."""
    entries = plane.journal.newest(EVENTS_LOOKED_AT_MAX)
    if any(":service/" in entry.subject for entry in entries):
        entries = [entry for entry in entries if ":task/" not in entry.subject]
    return [journal_entry(entry) for entry in entries[-EVENTS_PER_ANSWER:]]
