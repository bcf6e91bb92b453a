"""ECS clusters: create, describe, list, update, delete, and their capacity providers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from windlass.aws import paging
from windlass.aws.bus import Bus
from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ecs import (
    capacity,
    describe,
    instances,
    limits,
    lookup,
    providers,
    references,
    tagging,
)
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import CLUSTERS, DEFAULT_CLUSTER, TASKS, Cluster
from windlass.services.ecs.service_model import REVISIONS, SERVICES

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
INSIGHTS = ("enabled", "disabled", "enhanced")
"""Values of the cluster setting containerInsights; ECS API reference, ClusterSetting."""


def create_cluster(call: Call, params: Params) -> Result:
    """ECS CreateCluster. The same call again gives the same cluster; other arguments are refused."""
    name = params.get("clusterName") or DEFAULT_CLUSTER
    if not _NAME.fullmatch(name):
        raise _invalid(
            f"Invalid cluster name: up to {limits.NAME_LENGTH_MAX} letters, digits, hyphens and underscores "
            "are allowed."
        )
    names = capacity.check_providers(
        params.get("capacityProviders", ()), providers.known(call.store, call.scope)
    )
    wanted = Cluster(
        *call.scope,
        name=name,
        settings={"containerInsights": "disabled", **_settings(params.get("settings", ()))},
        configuration=params.get("configuration"),
        capacity_providers=names,
        default_strategy=capacity.check_strategy(params.get("defaultCapacityProviderStrategy", ()), names),
        tags=tagging.read(params.get("tags", ())),
    )
    _check_not_here(params)
    with call.store.transact() as tx:
        existing = tx[CLUSTERS].get((*call.scope, name))
        if existing is not None and existing.status == "ACTIVE":
            if len(params) > ("clusterName" in params) and existing != wanted:
                raise _invalid(
                    "Arguments on this idempotent request are inconsistent with arguments used in previous "
                    "request(s)."
                )
        else:
            _check_room(call, tx[CLUSTERS].count("active", call.scope))
            existing = tx[CLUSTERS].put(wanted)
    return {"cluster": describe.cluster(existing, call.store, ("TAGS", "SETTINGS", "CONFIGURATIONS"))}


def delete_cluster(call: Call, params: Params) -> Result:
    """ECS DeleteCluster. Refused while it has services, tasks or instances; it stays describable as INACTIVE.

    A node that the cluster was lent is given back without asking.
    """
    with call.store.transact() as tx:
        found = lookup.cluster(tx, call.scope, params["cluster"])
        registered = tx[INSTANCES].by("cluster", (*call.scope, found.name))
        if not all(instance.lent for instance in registered):
            raise Fault(
                "ClusterContainsContainerInstancesException",
                "The Cluster cannot be deleted while Container Instances are active or draining.",
            )
        if tx[SERVICES].count("cluster", (*call.scope, found.name)):
            raise Fault(
                "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
            )
        if _live_tasks(call, found):
            raise Fault(
                "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."
            )
        for instance in registered:
            instances.deregister(tx, call.part(Bus), instance, instances.USER, instances.FORCED, call.now)
        deleted = tx[CLUSTERS].put(replace(found, status="INACTIVE"))
    return {"cluster": describe.cluster(deleted, call.store)}


def describe_clusters(call: Call, params: Params) -> Result:
    """ECS DescribeClusters. A name that never was is a failure MISSING, not an error."""
    names: Sequence[str] = params.get("clusters") or (DEFAULT_CLUSTER,)
    if len(names) > limits.DESCRIBE_MAX:
        raise _invalid(f"clusters can have at most {limits.DESCRIBE_MAX} items.")
    found, failures = listing.described(
        names,
        find=lambda name: lookup.any_cluster(call.store, call.scope, name),
        show=lambda row: describe.cluster(row, call.store, params.get("include", ())),
        arn=lambda name: references.cluster_arn(*call.scope, name),
    )
    return {"clusters": found, "failures": failures}


def list_clusters(call: Call, params: Params) -> Result:
    """ECS ListClusters: those that are ACTIVE."""
    rows, token = paging.page(
        call.store[CLUSTERS],
        "active",
        call.scope,
        operation="ListClusters",
        filters=call.scope,
        token=params.get("nextToken"),
        limit=listing.limit(params),
        fault=listing.bad_token,
    )
    return listing.answer("clusterArns", [row.arn for row in rows], token)


def update_cluster(call: Call, params: Params) -> Result:
    """ECS UpdateCluster: settings and configuration."""
    _check_not_here(params)
    with call.store.transact() as tx:
        found = lookup.cluster(tx, call.scope, params["cluster"])
        changed = replace(
            found,
            settings={**found.settings, **_settings(params.get("settings", ()))},
            configuration=params.get("configuration", found.configuration),
        )
        tx[CLUSTERS].put(changed)
    return {"cluster": describe.cluster(changed, call.store, ("SETTINGS", "CONFIGURATIONS", "TAGS"))}


def update_cluster_settings(call: Call, params: Params) -> Result:
    """ECS UpdateClusterSettings: the part of UpdateCluster that came first."""
    return update_cluster(call, {"cluster": params["cluster"], "settings": params["settings"]})


def put_cluster_capacity_providers(call: Call, params: Params) -> Result:
    """ECS PutClusterCapacityProviders. Replaces both lists; refused while what it takes away is used."""
    names = capacity.check_providers(params["capacityProviders"], providers.known(call.store, call.scope))
    strategy = capacity.check_strategy(params["defaultCapacityProviderStrategy"], names)
    with call.store.transact() as tx:
        found = lookup.cluster(tx, call.scope, params["cluster"])
        for name in sorted(set(found.capacity_providers) - set(names)):
            users = _users(tx, found, name)
            if users:
                raise Fault(
                    "ResourceInUseException",
                    f"The capacity provider {name} is in use by {users} of the cluster and cannot be "
                    "removed.",
                )
        changed = tx[CLUSTERS].put(replace(found, capacity_providers=names, default_strategy=strategy))
    return {"cluster": describe.cluster(changed, call.store, ("ATTACHMENTS",))}


def _users(tx: Transaction, found: Cluster, provider: str) -> str:
    """What of the cluster uses the provider; "" when nothing does."""
    key = (found.account, found.region, found.name)
    if tx[TASKS].count("provider", (*key, provider)):
        return "tasks"
    for service in tx[SERVICES].by("cluster", key):
        revision = tx[REVISIONS].get(service.revision_id)
        if revision and any(item["capacityProvider"] == provider for item in revision.strategy):
            return "services"
    return ""


def _settings(settings: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    read = {}
    for setting in settings:
        if setting.get("value") not in INSIGHTS or "name" not in setting:
            raise _invalid(f"Invalid value for containerInsights; it is one of {', '.join(INSIGHTS)}.")
        read[setting["name"]] = setting["value"]
    return read


def _check_not_here(params: Params) -> None:
    if "serviceConnectDefaults" in params:
        raise Fault("ClientException", "Windlass does not have Service Connect (serviceConnectDefaults) yet.")


def _check_room(call: Call, active: int) -> None:
    quota = call.part(Quotas).value("ecs.clusters", call.scope)
    if quota is not None and active >= quota:
        raise Fault("ClientException", f"The maximum number of clusters ({quota:.0f}) has been reached.")


def _live_tasks(call: Call, found: Cluster) -> int:
    return sum(
        call.store[TASKS].count("phase", (*call.scope, found.name, kind, phase))
        for kind in describe.COUNTED_LAUNCH_TYPES
        for phase in ("pending", "running")
    )


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
