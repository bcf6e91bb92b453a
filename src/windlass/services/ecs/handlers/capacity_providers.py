"""ECS capacity providers on Auto Scaling groups: create, update, delete, describe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.fleet.groups import Group, Groups
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import describe, limits, managed_draining, providers, references, tagging
from windlass.services.ecs import describe_provider as shown
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.model import CAPACITY_PROVIDERS, CLUSTERS
from windlass.services.ecs.provider_model import PROVIDERS, CapacityProvider, ManagedScaling

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_RESERVED = ("aws", "ecs", "fargate")
NOT_PROTECTED = (
    "The managed termination protection setting for the capacity provider is invalid. To enable managed "
    "termination protection for a capacity provider, the Auto Scaling group must have instance protection "
    "from scale in enabled."
)


def create_capacity_provider(call: Call, params: Params) -> Result:
    """ECS CreateCapacityProvider: of an Auto Scaling group that is there and has no other provider."""
    name = params["name"]
    if not _NAME.fullmatch(name) or name.lower().startswith(_RESERVED):
        raise _client(
            "The specified capacity provider name is invalid. Up to 255 letters, numbers, underscores and "
            'hyphens are allowed, and the name cannot be prefixed with "aws", "ecs" or "fargate".'
        )
    given = _given(params)
    tags = tagging.read(params.get("tags", ()))
    with call.store.transact() as tx:
        group = call.part(Groups).find(tx, call.scope, given.get("autoScalingGroupArn", ""))
        if group is None:
            raise _client(
                "The specified Auto Scaling group ARN does not exist. Specify a valid ARN and try again."
            )
        before = tx[PROVIDERS].get((*call.scope, name))
        if before is not None and before.status == "ACTIVE":
            raise _client(
                "The specified capacity provider already exists. To change the configuration of an existing "
                "capacity provider, update the capacity provider."
            )
        if tx[PROVIDERS].count("group", group.arn):
            raise _client("The specified Auto Scaling group is already in use by another capacity provider.")
        if tx[PROVIDERS].count("active", call.scope) >= limits.PROVIDERS_MAX:
            raise Fault(
                "LimitExceededException",
                f"An account can have at most {limits.PROVIDERS_MAX} capacity providers.",
            )
        bare = CapacityProvider(*call.scope, name, group.arn, ManagedScaling(), tags=tags)
        made = tx[PROVIDERS].put(_changed(bare, given, group))
        providers.adopt(tx, made)
        managed_draining.arrange(tx, call.part(Groups), made)
    return {"capacityProvider": shown.provider(made, with_tags=True)}


def update_capacity_provider(call: Call, params: Params) -> Result:
    """ECS UpdateCapacityProvider: what is not given stays."""
    given = _given(params)
    with call.store.transact() as tx:
        before = _active(tx, call, params["name"])
        group = call.part(Groups).find(tx, call.scope, before.group_arn)
        changed = _changed(before, given, group)
        made = tx[PROVIDERS].put(replace(changed, update_status="UPDATE_COMPLETE"))
        managed_draining.arrange(tx, call.part(Groups), made)
    return {"capacityProvider": shown.provider(made, with_tags=True)}


def delete_capacity_provider(call: Call, params: Params) -> Result:
    """ECS DeleteCapacityProvider; refused while a cluster has it. It stays describable as INACTIVE."""
    with call.store.transact() as tx:
        found = _active(tx, call, params["capacityProvider"])
        for cluster in tx[CLUSTERS].by("active", call.scope):
            if found.name in cluster.capacity_providers:
                raise _client("The specified capacity provider is in use and cannot be removed.")
        gone = tx[PROVIDERS].put(replace(found, status="INACTIVE", update_status="DELETE_COMPLETE"))
        managed_draining.arrange(tx, call.part(Groups), gone)
    return {"capacityProvider": shown.provider(gone, with_tags=True)}


def describe_capacity_providers(call: Call, params: Params) -> Result:
    """ECS DescribeCapacityProviders: those named, or all, FARGATE and FARGATE_SPOT first."""
    with_tags = "TAGS" in params.get("include", ())
    wanted = params.get("capacityProviders")
    if wanted and len(wanted) > limits.DESCRIBE_MAX:
        raise _invalid(f"capacityProviders can have at most {limits.DESCRIBE_MAX} items.")
    mine = [row.name for row in call.store[PROVIDERS].by("active", call.scope)]
    found: list[object] = []
    failures = []
    for reference in dict.fromkeys(wanted or (*CAPACITY_PROVIDERS, *mine)):
        name = references.in_scope(reference, "capacity-provider", call.scope)
        row = providers.named(call.store, call.scope, reference)
        if name in CAPACITY_PROVIDERS:
            found.append(shown.fargate(call.scope, name))
        elif row is not None:
            found.append(shown.provider(row, with_tags=with_tags))
        else:
            whole = reference if reference.startswith("arn:") else _arn(call, reference)
            failures.append(describe.failure(whole, "MISSING"))
    page, token = paging.cut(
        found,
        operation="DescribeCapacityProviders",
        filters=[*call.scope, wanted, with_tags],
        token=params.get("nextToken"),
        limit=min(max(1, params.get("maxResults", limits.PROVIDERS_PAGE_MAX)), limits.PROVIDERS_PAGE_MAX),
        fault=listing.bad_token,
    )
    return {**listing.answer("capacityProviders", page, token), "failures": failures}


def _given(params: Params) -> Mapping[str, Any]:
    if params.get("managedInstancesProvider") or params.get("cluster"):
        raise Fault("UnsupportedFeatureException", "Windlass does not have ECS Managed Instances.")
    given: Mapping[str, Any] | None = params.get("autoScalingGroupProvider")
    if given is None:
        raise _invalid("autoScalingGroupProvider must be given.")
    return given


def _active(tx: Transaction, call: Call, reference: str) -> CapacityProvider:
    """The provider that may be changed. Raises ClientException."""
    if references.in_scope(reference, "capacity-provider", call.scope) in CAPACITY_PROVIDERS:
        raise _client("The specified capacity provider is reserved and cannot be changed or removed.")
    found = providers.named(tx, call.scope, reference)
    if found is None or found.status != "ACTIVE":
        raise _client("The specified capacity provider does not exist. Specify a valid name or ARN.")
    return found


def _changed(before: CapacityProvider, given: Mapping[str, Any], group: Group | None) -> CapacityProvider:
    """The provider with what the call says, checked as a whole."""
    protects = _switch(given.get("managedTerminationProtection"), before.protects)
    scaling = _scaling(before.scaling, given.get("managedScaling"))
    if protects and not scaling.enabled:
        raise _client(
            "The managed termination protection setting for the capacity provider is invalid. To enable "
            "managed termination protection for a capacity provider, managed scaling must be enabled."
        )
    if protects and not before.protects and (group is None or not group.protects_new):
        raise _client(NOT_PROTECTED)
    drains = _switch(given.get("managedDraining"), before.drains)
    return replace(before, scaling=scaling, protects=protects, drains=drains)


def _scaling(before: ManagedScaling, given: Mapping[str, Any] | None) -> ManagedScaling:
    """A structure without a status means that scaling is to be managed."""
    if given is None:
        return before
    made = ManagedScaling(
        enabled=given.get("status", "ENABLED") == "ENABLED",
        target=given.get("targetCapacity", before.target),
        step_min=given.get("minimumScalingStepSize", before.step_min),
        step_max=given.get("maximumScalingStepSize", before.step_max),
        warmup_s=given.get("instanceWarmupPeriod", before.warmup_s),
    )
    if made.step_min > made.step_max:
        raise _invalid("minimumScalingStepSize must not be greater than maximumScalingStepSize.")
    return made


def _switch(given: str | None, before: bool) -> bool:
    return before if given is None else given == "ENABLED"


def _arn(call: Call, name: str) -> str:
    return references.provider_arn(*call.scope, name)


def _client(message: str) -> Fault:
    return Fault("ClientException", message)


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
