from __future__ import annotations

import pytest

from tests.build import ACCOUNT, REGION
from tests.fleet_build import a_state, a_unit
from windlass.fleet.messages import UnitSpec
from windlass.fleet.model import TABLES, UNITS, Unit
from windlass.fleet.networks import Interface, Network, NetworkState
from windlass.fleet.target_addresses import Address, Addresses
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.store import Store

IP = "172.31.0.9"
VPC = "vpc-1"


def in_vpc(unit_id: str, state: NetworkState | None, created_at: int = 0, phase: str = "running") -> Unit:
    interface = Interface("eni-1", "02:00:00:00:00:01", IP, "subnet-1", "172.31.0.0/20", VPC, "172.31.0.0/16")
    spec = UnitSpec(unit_id, "task", network=Network("awsvpc", interface))
    observed = a_state(unit_id, "running", network=state)
    return a_unit(unit_id, spec=spec, observed=observed, created_at=created_at, state=phase)


def addresses(*units: Unit) -> Addresses:
    store = Store(TABLES, DurableLog(MemoryLog()))
    with store.transact() as tx:
        for unit in units:
            tx[UNITS].put(unit)
    return Addresses(store)


@pytest.mark.parametrize(
    ("unit", "address"),
    [
        (a_unit("host"), Address("127.0.0.1")),
        (in_vpc("early", None), None),
        (in_vpc("isolated", NetworkState(IP, True, "windlass-0-vpc-1")), Address(IP, "windlass-0-vpc-1")),
        (in_vpc("plain", NetworkState("127.64.0.9")), Address("127.64.0.9")),
    ],
)
def test_of_unit(unit: Unit, address: Address | None) -> None:
    assert addresses(unit).of_unit(unit) == address


def test_of_ip() -> None:
    """The newest unit that lives has it; nobody's is dialled as it is; other VPCs' are others."""
    router = NetworkState(IP, True, "r")
    old = in_vpc("old", NetworkState(IP, True, "old"), 1)
    found = addresses(old, in_vpc("new", router, 2), in_vpc("dead", router, 3, "stopped"))
    assert found.of_ip(ACCOUNT, REGION, VPC, IP) == Address(IP, "r")
    assert found.of_ip(ACCOUNT, REGION, "vpc-2", IP) == Address(IP)
    assert found.of_ip("000000000000", REGION, VPC, IP) == Address(IP)
    assert addresses(in_vpc("early", None)).of_ip(ACCOUNT, REGION, VPC, IP) is None
    assert found.of_instance("i-1") == "127.0.0.1"
