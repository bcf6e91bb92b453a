"""`/_windlass/instances`: machines for EC2 capacity, made out of the agent on this machine.

What `windlass instance` asks for: machines of any size, which EC2's RunInstances does not have. Raises Fault
for what is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from windlass.aws.credentials import caller_of
from windlass.fleet import instances
from windlass.fleet.model import INSTANCES, NODES, UNITS, Instance, Node
from windlass.kernel.clock import in_seconds
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.services.ec2.zones import zones
from windlass.services.ecs import lookup
from windlass.services.ecs.registration import attributes
from windlass.services.plane import Plane

COUNT_MAX = 1_000
"""Machines per request: our choice."""
CPU_UNITS_MAX = 448 * 1024
"""CPU units of a machine: as the largest of EC2."""
MEMORY_MIB_MAX = 32 * 1024 * 1024
"""MiB of a machine: 32 TiB, above the largest of EC2."""
CHANCE = "fleet.instances"
_REGION = re.compile(r"[a-z0-9-]{1,30}", re.ASCII)
_TYPE = re.compile(r"[a-z0-9.-]{0,40}", re.ASCII)


async def run(plane: Plane, query: Mapping[str, str]) -> Any:
    """Launch `count` machines; they boot and register as the profile says."""
    account, region = scope(plane, query)
    count = _number(query, "count", 1, COUNT_MAX)
    given = msgspec.json.decode(query.get("attributes", "{}"), type=dict[str, str])
    told = attributes([{"name": name, "value": value} for name, value in given.items()])
    if not _TYPE.fullmatch(query.get("type", "")):
        raise _refused("an instance type looks like t3.medium")
    stream = plane.chance.stream(CHANCE)
    ids, now, made = Ids(stream), plane.clock.now(), []
    with plane.store.transact() as tx:
        if query.get("cluster"):
            cluster = lookup.cluster(tx, (account, region), query.get("cluster"))
        wanted = Instance(
            id="",
            kind="EC2",
            node_id=_host(tx[NODES].by("whole", "yes")),
            account=account,
            region=region,
            cluster=cluster.name if query.get("cluster") else "",
            cpu_units=_number(query, "cpu", 128, CPU_UNITS_MAX),
            memory_mib=_number(query, "memory", 128, MEMORY_MIB_MAX),
            launched_at=now,
            zone=_zone(query.get("zone", ""), region),
            instance_type=query.get("type", ""),
            attributes=told,
            details=instances.SPOT if query.get("spot") == "true" else {},
        )
        for _ in range(count):
            boot = instances.draw_boot(plane.quotas, stream)
            machine = msgspec.structs.replace(wanted, id=f"i-{ids.hex(17)}")
            made.append(instances.launch(tx, machine, boot))
    await plane.store.durable()
    return {"instances": [_shown(plane, machine) for machine in made]}


async def terminate(plane: Plane, query: Mapping[str, str]) -> Any:
    """Shut a machine down: its tasks stop, and its container instance is deregistered."""
    with plane.store.transact() as tx:
        machine = tx[INSTANCES].get(query["id"])
        if machine is None or machine.kind != "EC2":
            raise _refused(f"there is no instance {query['id']}")
        ended = instances.terminate(tx, machine.id, "terminated by user")
    answer = {"instances": [_shown(plane, ended)]}
    await plane.store.durable()
    return answer


def shown(plane: Plane, query: Mapping[str, str]) -> Any:
    """All machines, oldest first; of every account."""
    found = sorted(plane.store[INSTANCES].all(), key=lambda machine: (machine.launched_at, machine.id))
    return {"instances": [_shown(plane, machine) for machine in found]}


def scope(plane: Plane, query: Mapping[str, str]) -> tuple[str, str]:
    """(account, Region) of a request: the account itself, or whose access key it names."""
    region = query["region"]
    if not _REGION.fullmatch(region):
        raise _refused(f"{region!r} is no Region")
    account = query.get("account") or caller_of(query.get("key", ""), plane.store).account
    if not re.fullmatch(r"[0-9]{12}", account, re.ASCII):
        raise _refused("an account has twelve digits")
    return account, region


def _host(nodes: list[Node]) -> str:
    """The agent of this machine."""
    node = instances.host(nodes)
    if node is None:
        raise _refused("there is no agent that machines could be part of (--no-agent)")
    return node.id


def _zone(asked: str, region: str) -> str:
    names = zones(region)
    if asked and asked not in names:
        raise _refused(f"zone {asked!r} is not one of {', '.join(names)}")
    return asked or names[0]


def _number(query: Mapping[str, str], name: str, least: int, most: int) -> int:
    value = int(query[name])
    if not least <= value <= most:
        raise _refused(f"{name} must be from {least} to {most}")
    return value


def _shown(plane: Plane, machine: Instance) -> dict[str, Any]:
    return {
        "id": machine.id,
        "kind": machine.kind,
        "state": machine.phase,
        "why": machine.why,
        "account": machine.account,
        "region": machine.region,
        "cluster": machine.cluster,
        "zone": machine.zone,
        "type": machine.instance_type,
        "cpu_units": machine.cpu_units,
        "memory_mib": machine.memory_mib,
        "node": machine.node_id,
        "units": plane.store[UNITS].count("instance", machine.id),
        "launched_at": in_seconds(machine.launched_at),
    }


def _refused(message: str) -> Fault:
    return Fault("Refused", message)
