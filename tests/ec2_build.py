"""Builders for EC2: a subnet whose id a test may write down, so that no test has to look one up."""

from __future__ import annotations

import random

from tests.build import ACCOUNT, NOW, REGION
from windlass.kernel.ids import Ids
from windlass.kernel.store import Store
from windlass.services.ec2 import defaults, find
from windlass.services.ec2.cidr import Block
from windlass.services.ec2.model import SUBNETS, Subnet

SUBNET_ID = "subnet-00000000000000001"


def a_subnet(store: Store, subnet_id: str = SUBNET_ID, prefix: int = 20, zone: str = f"{REGION}b") -> Subnet:
    """A further subnet of the test account's default VPC, at 172.31.128.0."""
    scope = (ACCOUNT, REGION)
    defaults.begin(store, scope, NOW, Ids(random.Random(subnet_id)))
    vpc = find.default_vpc(store, scope)
    assert vpc is not None
    with store.transact() as tx:
        block = Block(vpc.block.first + 128 * 256, prefix)
        return tx[SUBNETS].put(Subnet(subnet_id, *scope, vpc.id, block, zone, NOW))
