"""The rows that a caller names, with EC2's errors when they are not there (API reference, error codes)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from windlass.fleet.model import INSTANCES, Instance
from windlass.kernel.faults import Fault
from windlass.kernel.store import Table
from windlass.services.ec2.model import (
    GROUPS,
    INTERFACES,
    RULES,
    SUBNETS,
    TEMPLATES,
    VPCS,
    LaunchTemplate,
    NetworkInterface,
    Reads,
    Scope,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
    scope_of,
)

R = TypeVar("R", Vpc, Subnet, SecurityGroup, SecurityGroupRule, NetworkInterface, LaunchTemplate, Instance)


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """One kind of resource: where its rows are, how its ids begin, what its absence is called."""

    table: Table[R]
    prefix: str
    code: str
    named: str
    """"The … ID 'x' does not exist"."""
    resource_type: str
    """As tags and ARNs name it."""
    malformed: str

    def missing(self, resource_id: str) -> Fault:
        if not resource_id.startswith(self.prefix):
            return Fault(self.malformed, f'Invalid id: "{resource_id}" (expecting "{self.prefix}...")')
        return Fault(self.code, f"The {self.named} '{resource_id}' does not exist")

    def one(self, reads: Reads, scope: Scope, resource_id: str) -> R:
        """The row of that id in that account and Region."""
        found = reads[self.table].get(resource_id)
        if found is None or scope_of(found) != scope or not resource_id.startswith(self.prefix):
            raise self.missing(resource_id)
        return found

    def several(self, reads: Reads, scope: Scope, ids: Iterable[str]) -> list[R]:
        """Rows by id, each once, in the order asked for."""
        return [self.one(reads, scope, resource_id) for resource_id in dict.fromkeys(ids)]


VPC = Kind(VPCS, "vpc-", "InvalidVpcID.NotFound", "vpc ID", "vpc", "InvalidVpcID.NotFound")
SUBNET = Kind(
    SUBNETS, "subnet-", "InvalidSubnetID.NotFound", "subnet ID", "subnet", "InvalidSubnetID.NotFound"
)
GROUP = Kind(
    GROUPS, "sg-", "InvalidGroup.NotFound", "security group", "security-group", "InvalidGroupId.Malformed"
)
RULE = Kind(
    RULES,
    "sgr-",
    "InvalidSecurityGroupRuleId.NotFound",
    "security group rule ID",
    "security-group-rule",
    "InvalidSecurityGroupRuleId.Malformed",
)
INTERFACE = Kind(
    INTERFACES,
    "eni-",
    "InvalidNetworkInterfaceID.NotFound",
    "networkInterface ID",
    "network-interface",
    "InvalidNetworkInterfaceId.Malformed",
)
TEMPLATE = Kind(
    TEMPLATES,
    "lt-",
    "InvalidLaunchTemplateId.NotFound",
    "specified launch template, with template ID",
    "launch-template",
    "InvalidLaunchTemplateId.Malformed",
)
INSTANCE = Kind(
    INSTANCES, "i-", "InvalidInstanceID.NotFound", "instance ID", "instance", "InvalidInstanceID.Malformed"
)
KINDS: Sequence[Kind[Any]] = (VPC, SUBNET, GROUP, RULE, INTERFACE, TEMPLATE, INSTANCE)


def kind_of(resource_id: str) -> Kind[Any] | None:
    """The kind of resource that an id is of."""
    return next((kind for kind in KINDS if resource_id.startswith(kind.prefix)), None)


def group_named(reads: Reads, scope: Scope, group_id: str | None, name: str | None) -> SecurityGroup:
    """A group by id, or by name in the default VPC, which is where AWS looks for names."""
    if group_id:
        return GROUP.one(reads, scope, group_id)
    if not name:
        raise Fault("MissingParameter", "The request must contain the parameter groupName or groupId")
    vpc = default_vpc(reads, scope)
    found = reads[GROUPS].first("name", (vpc.id, name)) if vpc is not None else None
    if found is None:
        raise Fault("InvalidGroup.NotFound", f"The security group '{name}' does not exist in default VPC")
    return found


def default_vpc(reads: Reads, scope: Scope) -> Vpc | None:
    return reads[VPCS].first("default", scope)


def default_group(reads: Reads, vpc_id: str) -> SecurityGroup:
    """The group that a VPC has from its beginning and that nobody can delete."""
    found = reads[GROUPS].first("name", (vpc_id, DEFAULT_GROUP))
    if found is None:
        raise Fault("InvalidGroup.NotFound", f"The VPC {vpc_id} has no default security group")
    return found


DEFAULT_GROUP = "default"
