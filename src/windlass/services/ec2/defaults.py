"""What an account has in a Region before it does anything: the default VPC, made on the first call.

172.31.0.0/16, one /20 subnet in each zone, a default security group, an internet gateway and a main route
table (VPC User Guide, "Default VPCs"). Who deletes it goes without, until CreateDefaultVpc.
"""

from __future__ import annotations

from windlass.kernel.clock import Instant
from windlass.kernel.ids import Ids
from windlass.kernel.store import Store, Transaction
from windlass.services.ec2 import zones
from windlass.services.ec2.cidr import Block, block, divided
from windlass.services.ec2.find import DEFAULT_GROUP
from windlass.services.ec2.model import (
    BEGUN,
    GROUPS,
    RULES,
    SUBNETS,
    VPCS,
    Begun,
    Scope,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
)
from windlass.services.ec2.permissions import ALL, Opening

DEFAULT_RANGE = block("172.31.0.0/16") or Block(0, 16)
DEFAULT_SUBNET_PREFIX = 20
ANYWHERE = "0.0.0.0/0"


def begin(store: Store, scope: Scope, now: Instant, ids: Ids) -> None:
    """Give the account its default VPC there, unless it has had one."""
    if store[BEGUN].get(scope) is None:
        with store.transact() as tx:
            begin_in(tx, scope, now, ids)


def begin_in(tx: Transaction, scope: Scope, now: Instant, ids: Ids) -> None:
    """The same inside a transaction of somebody else's."""
    if tx[BEGUN].get(scope) is None:
        tx[BEGUN].put(Begun(*scope))
        make_default_vpc(tx, scope, now, ids)


def make_default_vpc(tx: Transaction, scope: Scope, now: Instant, ids: Ids) -> Vpc:
    """The default VPC with its subnets; there must be none."""
    vpc = make_vpc(tx, scope, DEFAULT_RANGE, now, ids, is_default=True)
    names = zones.zones(scope[1])
    parts = divided(DEFAULT_RANGE, DEFAULT_SUBNET_PREFIX, len(names))
    for zone, part in zip(names, parts, strict=True):
        tx[SUBNETS].put(
            Subnet(
                new_id(ids, "subnet"),
                *scope,
                vpc.id,
                part,
                zone,
                now,
                default_for_zone=True,
                map_public_address=True,
            )
        )
    return vpc


def make_vpc(
    tx: Transaction,
    scope: Scope,
    whole: Block,
    now: Instant,
    ids: Ids,
    *,
    is_default: bool = False,
    tenancy: str = "default",
) -> Vpc:
    """A VPC with what every VPC has: a default security group and a main route table."""
    vpc = Vpc(
        id=new_id(ids, "vpc"),
        account=scope[0],
        region=scope[1],
        block=whole,
        created_at=now,
        dhcp_options_id=_dhcp_options(tx, scope, ids),
        route_table_id=new_id(ids, "rtb"),
        association_id=new_id(ids, "vpc-cidr-assoc"),
        main_id=new_id(ids, "rtbassoc"),
        internet_gateway_id=new_id(ids, "igw") if is_default else "",
        is_default=is_default,
        tenancy="dedicated" if tenancy == "dedicated" else "default",
        dns_hostnames=is_default,
    )
    tx[VPCS].put(vpc)
    group = make_group(tx, vpc, DEFAULT_GROUP, "default VPC security group", now, ids)
    own = Opening(ALL, -1, -1, group_id=group.id)
    tx[RULES].put(SecurityGroupRule(new_id(ids, "sgr"), *scope, group.id, False, own, now))
    return vpc


def make_group(
    tx: Transaction, vpc: Vpc, name: str, description: str, now: Instant, ids: Ids
) -> SecurityGroup:
    """A group that lets everything out and nothing in, as every new one."""
    scope = (vpc.account, vpc.region)
    group = tx[GROUPS].put(SecurityGroup(new_id(ids, "sg"), *scope, vpc.id, name, description, now))
    out = Opening(ALL, -1, -1, cidr=ANYWHERE)
    tx[RULES].put(SecurityGroupRule(new_id(ids, "sgr"), *scope, group.id, True, out, now))
    return group


def new_id(ids: Ids, prefix: str) -> str:
    """An id as EC2 makes them: the kind and 17 hex digits."""
    return f"{prefix}-0{ids.hex(16)}"


def _dhcp_options(tx: Transaction, scope: Scope, ids: Ids) -> str:
    """All VPCs of an account and Region share one set of DHCP options, which is only a name here."""
    other = tx[VPCS].page("scope", scope, limit=1)
    return other[0].dhcp_options_id if other else new_id(ids, "dopt")
