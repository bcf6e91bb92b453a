"""Placement: microseconds a task on 1,000 and on 10,000 instances in three zones, as many tasks as instances.

Instances have three sizes, some of them tasks of others, so that they are not all alike. Each task is
reserved before the next one is placed, as a service's tasks are. The cost may grow by a logarithm, not with
the number of instances: the promise is on the ratio.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

from bench.result import Result
from windlass.fleet.room import Need, Room, Strategy, Target
from windlass.services.ecs import placement, query
from windlass.services.ecs.placement import Constraints, Demand

FEW, MANY = 1_000, 10_000
GROWTH_MAX = 3.0
"""Time a task at ten times as many instances, and as many tasks more."""
ZONE = Strategy("spread", "ecs.availability-zone")
EACH = Strategy("spread", "instanceId")
MEMORY = Strategy("binpack", "memory")
BLUE = query.compile("attribute:stack in [blue, green] and attribute:ecs.os-type == linux")
GROUP = "service:web"
DEMANDS: Mapping[str, tuple[Constraints, tuple[Strategy, ...]]] = {
    "no strategy": (Constraints(), ()),
    "random": (Constraints(), (Strategy("random"),)),
    "spread zone, instance": (Constraints(), (ZONE, EACH)),
    "binpack memory": (Constraints(), (MEMORY,)),
    "spread zone, binpack memory": (Constraints(), (ZONE, MEMORY)),
    "distinctInstance": (Constraints(distinct_group=GROUP), ()),
    "memberOf, spread zone, instance": (Constraints((BLUE,)), (ZONE, EACH)),
}


def results() -> Iterator[Result]:
    for name, (constraints, strategies) in DEMANDS.items():
        demand = Demand(Need(256, 512), GROUP, constraints, strategies)
        few, many = _time(demand, FEW), _time(demand, MANY)
        note = f"{few:.0f} µs on {FEW:,} instances, {many:.0f} µs on {MANY:,}"
        yield Result(f"placement, {name}: µs a task", many, "µs", note=note)
        yield Result(f"placement, {name}: growth", many / few, "x", promise=GROWTH_MAX, at_least=False)


def _time(demand: Demand, count: int) -> float:
    """Microseconds of CPU a task."""
    room, draw = a_room(count), random.Random(1).randrange
    began = time.process_time()
    for _ in range(count):
        [found] = placement.choose(room, demand, 1, _no_subject, draw)
        room.take(found, demand.need, demand.group)
    return (time.process_time() - began) / count * 1e6


def a_room(count: int) -> Room:
    """Instances of three sizes in three zones, each with a name of its own; every other one has tasks."""
    room, chance = Room(), random.Random(2)
    for number in range(count):
        size = 1 << number % 3
        traits = {
            "ecs.availability-zone": f"eu-west-1{'abc'[number // 3 % 3]}",
            "ecs.os-type": "linux",
            "name": f"host-{number}",
            "stack": ("blue", "green")[number % 2],
        }
        target_id = f"{chance.getrandbits(128):032x}"
        room.put(Target(target_id, 2_048 * size, 8_192 * size, traits=traits))
        for _ in range(chance.randrange(4)):
            room.take(target_id, Need(128 * chance.randint(1, 4), 256), f"family:{chance.randrange(50)}")
    return room


def _no_subject(instance_id: str) -> Any:
    raise AssertionError("no expression here is about one instance")
