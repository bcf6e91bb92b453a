"""What is forgotten of a deleted service: everything that names it by its id, and at last its own row."""

from __future__ import annotations

from typing import Any

from windlass.kernel.store import Table, Transaction
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
