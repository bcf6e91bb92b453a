"""How functions are connected with VPCs, as rows.

Writers: settings carry a VpcConfig as callers gave it; SharedInterface rows are vpc.py's alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from windlass.fleet.networks import Interface
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table


@dataclass(frozen=True, slots=True)
class VpcConfig:
    """Subnets and security groups in the order in which they were given, and the VPC that all are in.

    Without any: the function was in a VPC once, and is in none now.
    """

    vpc_id: str = ""
    subnets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class Combination(NamedTuple):
    """A subnet with a set of security groups, sorted: what functions of an account share an interface by."""

    account: str
    region: str
    subnet_id: str
    groups: tuple[str, ...]


def combinations(account: str, region: str, vpc: VpcConfig | None) -> list[Combination]:
    """One for each subnet; none without a VPC."""
    if vpc is None:
        return []
    groups = tuple(sorted(vpc.groups))
    return [Combination(account, region, subnet, groups) for subnet in vpc.subnets]


@dataclass(frozen=True, slots=True)
class SharedInterface:
    """The one interface of a combination, in the model "hyperplane". `free_at` 0: it is in use."""

    account: str
    region: str
    subnet_id: str
    groups: tuple[str, ...]
    interface: Interface
    ready_at: Instant
    """Its setup takes as long as the profile says; nobody is connected by it before."""
    free_at: Instant = 0

    @property
    def combination(self) -> Combination:
        return Combination(self.account, self.region, self.subnet_id, self.groups)


SHARED_INTERFACES: Table[SharedInterface] = Table(
    name="lambda.shared_interface",
    row=SharedInterface,
    key=attrgetter("combination"),
    indexes={
        "interface": Index(of=lambda row: row.interface.id),
        "vpc": Index(of=lambda row: row.interface.vpc_id),
    },
)
