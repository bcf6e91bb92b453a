"""Capacity providers on Auto Scaling groups, as the rest of ECS asks for them. Reads, and one write.

The instances of a provider are those whose machines are of its group, whenever they joined.
"""

from __future__ import annotations

from windlass.fleet import model as fleet
from windlass.fleet.model import Instance
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import references
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.lookup import Reads, Scope
from windlass.services.ecs.model import CAPACITY_PROVIDERS
from windlass.services.ecs.provider_model import PROVIDERS, CapacityProvider


def known(reads: Reads, scope: Scope) -> frozenset[str]:
    """The names of all providers that clusters may use."""
    return frozenset((*CAPACITY_PROVIDERS, *(row.name for row in reads[PROVIDERS].by("active", scope))))


def named(reads: Reads, scope: Scope, reference: str) -> CapacityProvider | None:
    """The provider on a group of that name or ARN, INACTIVE ones included."""
    name = references.in_scope(reference, "capacity-provider", scope)
    return None if name is None else reads[PROVIDERS].get((*scope, name))


def of_machine(reads: Reads, machine: Instance) -> str:
    """The name of the provider whose group the machine is of, "" for none."""
    found = reads[PROVIDERS].first("group", machine.group) if machine.group else None
    return "" if found is None else found.name


def scales(reads: Reads, scope: Scope, name: str) -> bool:
    """Whether tasks may wait for the provider's instances: it is there, and managed."""
    found = reads[PROVIDERS].get((*scope, name)) if name else None
    return found is not None and found.status == "ACTIVE" and found.scaling.enabled


def adopt(tx: Transaction, provider: CapacityProvider) -> None:
    """The container instances that the group has already are the provider's."""
    for machine in tx[fleet.INSTANCES].by("group", provider.group_arn):
        for row in tx[INSTANCES].by("machine", machine.id):
            if row.status != "INACTIVE":
                tx[INSTANCES].put(replace(row, capacity_provider=provider.name, version=row.version + 1))
