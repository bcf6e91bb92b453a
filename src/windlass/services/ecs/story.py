"""Tells the journal what services go through, so that `windlass events -f` tells the story of a roll-out.

Watches rows and writes journal entries, nothing else: what is told was committed, and is told once. A task's
own steps are told by controller.py.
"""

from __future__ import annotations

from windlass.fleet.reasons import span
from windlass.kernel.journal import Journal
from windlass.kernel.store import Change, Store
from windlass.services.ecs.launch import OWNER
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    SERVICE_EVENTS,
    SERVICES,
    Deployment,
    HookCall,
    Service,
    ServiceDeployment,
    ServiceEvent,
)

_TOLD_BY_ITSELF = ("IN_PROGRESS", "PENDING")
"""Statuses of a service deployment that its deployment tells already."""


class Story:
    """Follows services, their events, deployments and service deployments."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._journal = journal
        store.watch((SERVICES,), self._on_service)
        store.watch((SERVICE_EVENTS,), self._on_event)
        store.watch((DEPLOYMENTS,), self._on_deployment)
        store.watch((SERVICE_DEPLOYMENTS,), self._on_record)

    def _on_service(self, change: Change) -> None:
        old: Service | None = change.old
        new: Service | None = change.new
        if new is None:
            return
        if old is None or old.id != new.id:
            self._note(new.arn, "created", f"{_tasks(new.desired_count)} wanted")
            return
        if old.desired_count != new.desired_count:
            self._note(new.arn, "desired count", f"{old.desired_count} → {new.desired_count}")
        if old.status != new.status:
            self._note(new.arn, new.status, "its last task has ended" if new.status == "INACTIVE" else "")

    def _on_event(self, change: Change) -> None:
        event: ServiceEvent | None = change.new
        if event is not None and (arn := self._arn(event.service_id)):
            self._note(arn, "event", event.message.partition(") ")[2] or event.message)

    def _on_deployment(self, change: Change) -> None:
        old: Deployment | None = change.old
        new: Deployment | None = change.new
        if new is None or not (arn := self._arn(new.service_id)):
            return
        if old is None:
            self._note(arn, "deployment", f"(deployment {new.id}) begins: {self._brings(new)}")
        elif new.backoff_failures > old.backoff_failures:
            self._note(arn, "back-off", f"(deployment {new.id}) {_pauses(new)}")
        elif old.backoff_failures and not new.backoff_failures:
            self._note(arn, "back-off", f"(deployment {new.id}) is over: a task stayed up")

    def _on_record(self, change: Change) -> None:
        old: ServiceDeployment | None = change.old
        new: ServiceDeployment | None = change.new
        if new is None:
            return
        service, before = _service_of(new), () if old is None else old.hooks
        for call in new.hooks:
            if call not in before and (call.status != "IN_PROGRESS" or _is_new(call, before)):
                doing = "is asked" if call.status == "IN_PROGRESS" else f"says {call.status}"
                self._note(service, f"hook {call.stage}", f"{call.target_arn} {doing}")
        if old is not None and old.status != new.status and new.status not in _TOLD_BY_ITSELF:
            self._note(service, "service deployment", f"{new.status}: {new.status_reason}".rstrip(": "))

    def _brings(self, row: Deployment) -> str:
        """What the deployment is made of; why, if that is not the usual."""
        revision = self._store[REVISIONS].get(row.revision_id)
        definition = revision.definition_arn.rpartition("/")[2] if revision else row.revision_id
        usual = row.rollout_reason.endswith("in progress.")
        return definition if usual else f"{definition}. {row.rollout_reason.rstrip('.')}"

    def _arn(self, service_id: str) -> str:
        found = self._store[SERVICES].first("id", service_id)
        return found.arn if found is not None else ""

    def _note(self, arn: str, what: str, why: str) -> None:
        self._journal.note(OWNER, arn, what, why)


def _pauses(row: Deployment) -> str:
    count = row.backoff_failures
    attempts = "an attempt" if count == 1 else f"{count} attempts in a row"
    return f"starts no task for {span(row.backoff_until - row.updated_at)}: {attempts} failed"


def _service_of(record: ServiceDeployment) -> str:
    """The ARN of its service: that of the record, as a service and without the id."""
    return record.arn.replace(":service-deployment/", ":service/").rpartition("/")[0]


def _is_new(call: HookCall, before: tuple[HookCall, ...]) -> bool:
    return all(call.id != one.id for one in before)


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count} tasks"
