"""Rows that a caller names, with AWS's answer when they are not there.

The cluster `default` exists in every account and Region without being created, as the AWS console makes it:
until something is written to it, it is only a value here; RunTask stores it. Once deleted it stays deleted.
"""

from __future__ import annotations

from typing import TypeAlias

from windlass.kernel.faults import Fault
from windlass.kernel.store import Store, Transaction
from windlass.services.ecs import references
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.model import (
    CAPACITY_PROVIDERS,
    CLUSTERS,
    DEFAULT_CLUSTER,
    DEFINITIONS,
    TASKS,
    Cluster,
    Task,
    TaskDefinition,
)
from windlass.services.ecs.service_model import DEPLOYMENTS, REVISIONS, SERVICES, TASK_SETS, Service

Reads: TypeAlias = Store | Transaction
Scope: TypeAlias = tuple[str, str]


def default_cluster(scope: Scope) -> Cluster:
    """The cluster `default` as the console makes it."""
    return Cluster(*scope, name=DEFAULT_CLUSTER, capacity_providers=CAPACITY_PROVIDERS)


def any_cluster(reads: Reads, scope: Scope, reference: str | None) -> Cluster | None:
    """The cluster of that name or ARN, deleted ones included; None when there never was one."""
    name = references.in_scope(reference or DEFAULT_CLUSTER, "cluster", scope)
    if name is None:
        return None
    found = reads[CLUSTERS].get((*scope, name))
    return default_cluster(scope) if found is None and name == DEFAULT_CLUSTER else found


def cluster(reads: Reads, scope: Scope, reference: str | None) -> Cluster:
    """The ACTIVE cluster of that name or ARN; `default` when none is named."""
    found = any_cluster(reads, scope, reference)
    if found is None:
        raise Fault("ClusterNotFoundException", "Cluster not found.")
    if found.status == "INACTIVE":
        raise Fault("ClusterNotFoundException", "The referenced cluster was inactive.")
    return found


def definition(reads: Reads, scope: Scope, reference: str) -> TaskDefinition | None:
    """The revision named by `family:revision` or ARN, or a family's latest ACTIVE one."""
    named = references.family_and_revision(reference, scope)
    if named is None:
        return None
    family, revision = named
    if revision is not None:
        return reads[DEFINITIONS].get((*scope, family, revision))
    return reads[DEFINITIONS].last("family", (*scope, "ACTIVE", family))


def task(reads: Reads, within: Cluster, reference: str) -> Task | None:
    """The task of that id or ARN in that cluster."""
    scope = (within.account, within.region)
    task_id = references.task_id(reference, within.name, scope)
    found = reads[TASKS].get(task_id) if task_id else None
    return found if found is not None and found.cluster_key == (*scope, within.name) else None


def instance(reads: Reads, within: Cluster, reference: str) -> ContainerInstance | None:
    """The container instance of that id or ARN in that cluster, INACTIVE ones included."""
    scope = (within.account, within.region)
    instance_id = references.instance_id(reference, within.name, scope)
    found = reads[INSTANCES].get(instance_id) if instance_id else None
    return found if found is not None and found.cluster_key == (*scope, within.name) else None


def arn_of_machine(reads: Reads, machine_id: str) -> str:
    """The ARN of the machine's container instance, of several the newest; "" when it never was one."""
    rows = reads[INSTANCES].by("machine", machine_id)
    return max(rows, key=lambda row: (row.registered_at, row.id)).arn if rows else ""


def service(reads: Reads, within: Cluster, reference: str) -> Service | None:
    """The service of that name or ARN in that cluster, a deleted one included."""
    scope = (within.account, within.region)
    name = references.service_name(reference, within.name, scope)
    return reads[SERVICES].get((*scope, within.name, name)) if name else None


def live_service(reads: Reads, within: Cluster, reference: str) -> Service:
    """The ACTIVE service of that name or ARN. Raises what UpdateService raises."""
    found = known_service(reads, within, reference)
    if found.status != "ACTIVE":
        raise Fault("ServiceNotActiveException", "Service was not ACTIVE.")
    return found


def known_service(reads: Reads, within: Cluster, reference: str) -> Service:
    """The service of that name or ARN, whatever its status. Raises ServiceNotFoundException."""
    found = service(reads, within, reference)
    if found is None:
        raise Fault("ServiceNotFoundException", "Service not found.")
    return found


def in_service(reads: Reads, definition_arn: str) -> bool:
    """Whether a service or a task set is of that task definition, or still has tasks of it to replace."""
    revisions = {row.id: row.service_id for row in reads[REVISIONS].by("definition", definition_arn)}
    services = set(revisions.values())
    deployed = (row for id in services for row in reads[DEPLOYMENTS].by("shown", id))
    sets = (row for id in services for row in reads[TASK_SETS].by("service", id))
    return any(row.revision_id in revisions for rows in (deployed, sets) for row in rows)
