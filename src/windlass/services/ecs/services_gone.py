"""What is forgotten of services: of a deleted one everything, of one that is often deployed the oldest.

Rows of a service name it by its id, so that its name may be used again.
"""

from __future__ import annotations

from typing import Any

from windlass.kernel.store import Table, Transaction
from windlass.services.ecs import limits
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    SERVICE_EVENTS,
    SERVICES,
    TASK_SETS,
    Service,
)

_BY_ID: tuple[Table[Any], ...] = (REVISIONS, DEPLOYMENTS, SERVICE_DEPLOYMENTS, TASK_SETS)


def forget(tx: Transaction, service: Service) -> None:
    """Forget an INACTIVE service: after a while, or because another one takes its name."""
    for table in _BY_ID:
        for row in tx[table].by("service", service.id):
            tx[table].delete(row.id)
    for event in tx[SERVICE_EVENTS].by("service", service.id):
        tx[SERVICE_EVENTS].delete((event.service_id, event.number))
    tx[SERVICES].delete(service.key)


def trim(tx: Transaction, service: Service, kept: int = limits.SERVICE_DEPLOYMENTS_KEPT_MAX) -> None:
    """Forget the oldest service deployments above `kept`, with the deployments and revisions they made.

    A revision that one may roll back to stays, and so does the deployment that completed it.
    """
    surplus = tx[SERVICE_DEPLOYMENTS].count("service", service.id) - kept
    if surplus <= 0:
        return
    deployments = tx[DEPLOYMENTS].by("service", service.id)
    completed = [row.id for row in deployments if row.has_completed][-1:]
    for record in tx[SERVICE_DEPLOYMENTS].page("service", service.id, limit=surplus):
        for row in deployments:
            ours = row.service_deployment_id == record.id
            if ours and row.status == "INACTIVE" and row.id not in completed:
                tx[DEPLOYMENTS].delete(row.id)
        tx[SERVICE_DEPLOYMENTS].delete(record.id)
    needed = {row.revision_id for row in tx[DEPLOYMENTS].by("service", service.id)}
    for record in tx[SERVICE_DEPLOYMENTS].by("service", service.id):
        needed |= {record.target_revision, *record.source_revisions}
    for revision in tx[REVISIONS].by("service", service.id):
        if revision.id not in needed:
            tx[REVISIONS].delete(revision.id)
