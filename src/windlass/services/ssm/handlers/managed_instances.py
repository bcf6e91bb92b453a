"""DescribeInstanceInformation, DeregisterManagedInstance, UpdateManagedInstanceRole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from windlass import __version__
from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.fleet.model import NODES, Node
from windlass.kernel.clock import Instant, in_seconds
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Store, Transaction
from windlass.services.ssm import limits
from windlass.services.ssm.handlers.activations import bad_token, check_role
from windlass.services.ssm.model import MANAGED, ManagedInstance
from windlass.services.ssm.registrar import Registrar

AGENT_VERSION = ".".join(__version__.split(".")[:3])
Filter: TypeAlias = tuple[str, tuple[str, ...]]


def describe_instance_information(call: Call, params: Params) -> Result:
    """SSM DescribeInstanceInformation: oldest first. PingStatus tells whether the machine has a session."""
    filters = _filters(params)
    for key, values in filters:
        for instance_id in values if key == "InstanceIds" else ():
            managed_instance(call, instance_id)
    rows, token = paging.page(
        call.store[MANAGED],
        "scope",
        call.scope,
        operation="DescribeInstanceInformation",
        filters=(*call.scope, filters),
        token=params.get("NextToken"),
        limit=params.get("MaxResults", limits.INSTANCES_PAGE),
        fault=bad_token,
        where=lambda row: _passes(row, call.store, filters),
    )
    shown: Result = {"InstanceInformationList": [_describe(row, call.store, call.now) for row in rows]}
    return shown if token is None else {**shown, "NextToken": token}


def deregister_managed_instance(call: Call, params: Params) -> None:
    """SSM DeregisterManagedInstance: its agent is turned away from now on; what it runs, it runs on."""
    call.part(Registrar).deregister(managed_instance(call, params["InstanceId"]))


async def update_managed_instance_role(call: Call, params: Params) -> None:
    """SSM UpdateManagedInstanceRole."""
    managed_instance(call, params["InstanceId"])
    await check_role(call, params["IamRole"])
    with call.store.transact() as tx:
        row = managed_instance(call, params["InstanceId"], tx)
        tx[MANAGED].put(replace(row, iam_role=params["IamRole"]))


def managed_instance(
    call: Call, instance_id: str, reads: Store | Transaction | None = None
) -> ManagedInstance:
    """The caller's machine of that id. Raises InvalidInstanceId."""
    row = (call.store if reads is None else reads)[MANAGED].get(instance_id)
    if row is None or (row.account, row.region) != call.scope:
        raise Fault("InvalidInstanceId", f"Not existing InstanceId {instance_id}")
    return row


_KEYS: dict[str, Callable[[ManagedInstance, Store], str]] = {
    "InstanceIds": lambda row, store: row.id,
    "ActivationIds": lambda row, store: row.activation_id,
    "IamRole": lambda row, store: row.iam_role,
    "AgentVersion": lambda row, store: AGENT_VERSION,
    "PingStatus": lambda row, store: _ping_status(store[NODES].get(row.id)),
    "PlatformTypes": lambda row, store: "Linux",
    "ResourceType": lambda row, store: "ManagedInstance",
    "AssociationStatus": lambda row, store: "",
}


def _filters(params: Params) -> Sequence[Filter]:
    """Both kinds of filters as (key, values). Raises InvalidFilterKey."""
    legacy, current = params.get("InstanceInformationFilterList", ()), params.get("Filters", ())
    if legacy and current:
        raise Fault("ValidationException", "Use Filters or InstanceInformationFilterList, not both.")
    found = [(given["key"], tuple(given["valueSet"])) for given in legacy]
    found += [(given["Key"], tuple(given["Values"])) for given in current]
    for key, _ in found:
        if key not in _KEYS and key != "tag-key" and not key.startswith("tag:"):
            raise Fault("InvalidFilterKey", f"The filter key {key[:128]} isn't valid.")
    return found


def _passes(row: ManagedInstance, store: Store, filters: Sequence[Filter]) -> bool:
    tags = dict(row.tags)
    for key, values in filters:
        if key == "tag-key":
            passes = any(value in tags for value in values)
        elif key.startswith("tag:"):
            passes = tags.get(key.removeprefix("tag:")) in values
        else:
            passes = _KEYS[key](row, store) in values
        if not passes:
            return False
    return True


def _ping_status(node: Node | None) -> str:
    return "Online" if node is not None and node.connected else "ConnectionLost"


def _describe(row: ManagedInstance, store: Store, now: Instant) -> dict[str, Any]:
    node = store[NODES].get(row.id)
    heard_at = row.registered_at
    if node is not None:
        heard_at = now if node.connected else max(heard_at, node.disconnected_at)
    shown = {
        "InstanceId": row.id,
        "PingStatus": _ping_status(node),
        "LastPingDateTime": in_seconds(heard_at),
        "AgentVersion": AGENT_VERSION,
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": row.platform_name,
        "PlatformVersion": row.platform_version,
        "ActivationId": row.activation_id,
        "IamRole": row.iam_role,
        "RegistrationDate": in_seconds(row.registered_at),
        "ResourceType": "ManagedInstance",
        "Name": row.name,
        "IPAddress": row.ip_address,
        "ComputerName": row.computer_name,
        "SourceId": row.id,
        "SourceType": "AWS::SSM::ManagedInstance",
    }
    return {name: value for name, value in shown.items() if value != ""}
