"""What must be true of a fleet whenever nothing is in motion: checked between the instants of a world.

Each check takes rows and says what is wrong, as sentences; none is right. They are pure, so they hold for a
real plane's rows too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from windlass.fleet.messages import UnitState
from windlass.fleet.model import Instance, Node, Unit
from windlass.fleet.place import Reserved
from windlass.fleet.room import Taken
from windlass.fleet.transitions import ENDED, occupies
from windlass.services.autoscaling.model import Member
from windlass.services.ec2.model import NetworkInterface
from windlass.services.ecs.instance_model import ContainerInstance
from windlass.services.ecs.model import Task


def unplaced(units: Iterable[Unit], nodes: Mapping[str, Node]) -> list[str]:
    """A unit has a node exactly from its assignment on, and the node exists."""
    return [
        f"unit {unit.id} is {unit.state} on node {unit.node_id!r}"
        for unit in units
        if (unit.state == "waiting" and unit.node_id) or (occupies(unit) and unit.node_id not in nodes)
    ]


def doubled(held: Mapping[str, Mapping[str, UnitState]]) -> list[str]:
    """No unit lives on two nodes. `held`: node id → unit id → state as the node itself has it."""
    places: dict[str, str] = {}
    wrong: list[str] = []
    for node_id, states in held.items():
        living = {unit_id: node_id for unit_id, state in states.items() if state.status != "stopped"}
        twice = sorted(places.keys() & living.keys())
        wrong += [f"unit {unit_id} lives on {places[unit_id]} and {node_id}" for unit_id in twice]
        places |= living
    return wrong


def miscounted(units: Iterable[Unit], counted: Callable[[str], Reserved]) -> list[str]:
    """What the controller counts as reserved on each node is the sum over its units."""
    sums: dict[str, list[int]] = {}
    for unit in units:
        if occupies(unit):
            of_node = sums.setdefault(unit.node_id, [0, 0, 0])
            of_node[0] += unit.cpu_units
            of_node[1] += unit.memory_mib
            of_node[2] += 1
    return [
        f"node {node_id}: counted {counted(node_id)}, its units reserve {of_node}"
        for node_id, of_node in sums.items()
        if counted(node_id) != Reserved(*of_node)
    ]


def overfull(nodes: Iterable[Node], counted: Callable[[str], Reserved]) -> list[str]:
    """No bounded node has more reserved than it has."""
    return [
        f"node {node.id} has {node.cpu_units} CPU units, {node.memory_mib} MiB; reserved {counted(node.id)}"
        for node in nodes
        if not node.unbounded
        and (counted(node.id).cpu_units > node.cpu_units or counted(node.id).memory_mib > node.memory_mib)
    ]


def misbound(units: Iterable[Unit]) -> list[str]:
    """A unit that is bound to a node is on no other."""
    return [
        f"unit {unit.id} is bound to {unit.bound_to} and is on {unit.node_id}"
        for unit in units
        if unit.bound_to and unit.node_id not in ("", unit.bound_to)
    ]


def crowded(
    units: Iterable[Unit],
    instances: Iterable[ContainerInstance],
    taken: Callable[[ContainerInstance], Taken],
) -> list[str]:
    """Container instances are counted right, and have no more reserved than they have, no port twice."""
    on: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.target_id and unit.state not in ENDED:
            on.setdefault(unit.target_id, []).append(unit)
    wrong: list[str] = []
    for row in instances:
        here = on.get(row.id, [])
        cpu, memory = sum(unit.cpu_units for unit in here), sum(unit.memory_mib for unit in here)
        ports = [port for unit in here for port in unit.ports]
        gpus = sum(unit.gpus for unit in here)
        enis = sum(unit.spec.network.interface is not None for unit in here)
        sums = Taken(cpu, memory, frozenset(ports), gpus, enis)
        if taken(row) != sums:
            wrong.append(f"instance {row.id}: counted {taken(row)}, its units take {sums}")
        if not row.unbounded and (cpu > row.cpu_units or memory > row.memory_mib):
            wrong.append(
                f"instance {row.id} has {row.cpu_units} and {row.memory_mib}; {cpu} and {memory} taken"
            )
        if len(set(ports)) < len(ports):
            wrong.append(f"instance {row.id} has a port taken twice: {ports}")
    return wrong


def misparked(units: Iterable[Unit], tasks: Iterable[Task], waiting: Collection[str]) -> list[str]:
    """What waits for capacity is a parked unit, a task without an instance and a row that waits, or none.

    A task that was stopped while it waited stays parked until that is taken in.
    """
    parked = {unit.id for unit in units if unit.parked and unit.desired == "run"}
    bare = {
        task.id
        for task in tasks
        if task.launch_type == "EC2" and not task.instance and task.desired_status == "RUNNING"
    }
    return [
        *(f"task {one} waits and its unit is not parked" for one in sorted(set(waiting) - parked)),
        *(f"unit {one} is parked and nothing waits" for one in sorted(parked - set(waiting))),
        *(f"task {one} has no instance and does not wait" for one in sorted(bare - set(waiting))),
    ]


def mismatched(members: Iterable[Member], machines: Iterable[Instance]) -> list[str]:
    """An Auto Scaling group's instance is a machine of that group, and the other way round."""
    of_group = {
        machine.id for machine in machines if machine.group and machine.phase in ("pending", "running")
    }
    named = {member.id for member in members}
    return [f"machine {one} is of a group that does not know it" for one in sorted(of_group - named)]


def misattached(
    units: Iterable[Unit], interfaces: Sequence[NetworkInterface], held: Collection[str] = ()
) -> list[str]:
    """Units have the interfaces that services asked for, none is left over, no address is taken twice.

    `held` are interfaces that a service keeps without a unit, or before there is one.
    """
    owners = {one.id: unit.id for unit in units if (one := unit.spec.network.interface) is not None}
    made = {row.id for row in interfaces if row.requester}
    taken = Counter((row.subnet_id, row.address) for row in interfaces)
    return [
        *(f"unit {owners[gone]} has lost its interface {gone}" for gone in sorted(owners.keys() - made)),
        *(f"interface {left} belongs to no unit" for left in sorted(made - owners.keys() - set(held))),
        *(f"the interface {gone}, which a service keeps, is gone" for gone in sorted(set(held) - made)),
        *(f"address {where} is taken {times} times" for where, times in taken.items() if times > 1),
    ]


def misindexed(units: Sequence[Unit], count_by_state: Callable[[str], int]) -> list[str]:
    """The index of states counts each unit once."""
    states = Counter(unit.state for unit in units)
    return [
        f"{count} units are {state}, the index has {count_by_state(state)}"
        for state, count in sorted(states.items())
        if count != count_by_state(state)
    ]
