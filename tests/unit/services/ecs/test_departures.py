"""Which tasks go first: every step is what the rules say by counting everything anew."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.fleet.room import Strategy
from windlass.services.ecs.departures import Candidate, choose

ZONES = Strategy("spread", "zone")
RACKS = Strategy("spread", "rack")
EACH = Strategy("spread", "instanceId")
CPU = Strategy("binpack", "cpu")
MEMORY = Strategy("binpack", "memory")
RANDOM = Strategy("random")

HOSTS: dict[str, dict[str, Any]] = {
    f"h{n}": {
        "traits": {"zone": "abc"[n % 3], **({"rack": "xy"[n % 2]} if n else {})},
        "cpu_free": 10 * (n % 4),
        "memory_free": 7 * (n % 5),
    }
    for n in range(7)
}


def a_task(number: int, host: str, **members: Any) -> Candidate:
    """A healthy running task; "" is no host, as on Fargate."""
    on = HOSTS.get(host, {"traits": {"zone": "abc"[number % 3]}})
    return Candidate((f"t{number:03}",), instance=host, **{"cpu_units": 5, "memory_mib": 5, **on, **members})


TASKS = st.lists(
    st.builds(
        lambda host, phase, healthy, protected, size, count: replace(
            a_task(
                0,
                host,
                phase=phase,
                healthy=healthy,
                protected=protected,
                cpu_units=size,
                memory_mib=3 * size,
            ),
            ids=("",) * (count if host else 1),
        ),
        st.sampled_from(["", *HOSTS]),
        st.sampled_from(["running", "running", "pending"]),
        st.sampled_from([True, True, False]),
        st.sampled_from([False, False, False, True]),
        st.sampled_from([1, 4]),
        st.integers(1, 3),
    ),
    max_size=12,
).map(
    lambda found: [
        replace(alike, ids=tuple(f"t{number:03}-{one}" for one in range(len(alike.ids))))
        for number, alike in enumerate(found)
    ]
)
CHAINS = st.lists(st.sampled_from([ZONES, RACKS, EACH, CPU, MEMORY, RANDOM]), max_size=4)


def best(there: list[Candidate], free: list[Candidate], chain: list[Strategy]) -> set[str]:
    """Ids of those that may go next, when `there` are all that are left."""
    kept = [task for task in free if task.rank == min(task.rank for task in free)]
    for rule in chain:
        if rule.kind == "random":
            break
        kept = most(kept, [value(rule, task, there) for task in kept])
    return {task.ids[0] for task in kept}


def singles(candidates: list[Candidate]) -> list[Candidate]:
    """Each task as a candidate of its own."""
    return [replace(alike, ids=(task_id,)) for alike in candidates for task_id in alike.ids]


def value(rule: Strategy, task: Candidate, there: list[Candidate]) -> int:
    if rule.kind == "spread":
        return sum(other.value(rule.field) == task.value(rule.field) for other in there)
    on_host = [other for other in there if other.host == task.host]
    if rule.field == "cpu":
        return ROOM[task.host, "cpu"] - sum(other.cpu_units for other in on_host) + task.cpu_units
    return ROOM[task.host, "memory"] - sum(other.memory_mib for other in on_host) + task.memory_mib


ROOM: dict[tuple[str, str], int] = {}
"""What a host has for all these tasks together; filled in by the test."""


def most(kept: list[Candidate], values: list[int]) -> list[Candidate]:
    return [task for task, value in zip(kept, values, strict=True) if value == max(values)]


@given(TASKS, TASKS, CHAINS, st.integers(0, 25), st.integers(0, 99))
@settings(max_examples=150)
def test_each_step_is_the_best_one(
    candidates: list[Candidate], others: list[Candidate], chain: list[Strategy], count: int, seed: int
) -> None:
    staying = [replace(alike, ids=tuple(f"s{task_id}" for task_id in alike.ids)) for alike in others]
    there = singles([*candidates, *staying])
    for task in there:
        on_host = [other for other in there if other.host == task.host]
        ROOM[task.host, "cpu"] = task.cpu_free + sum(other.cpu_units for other in on_host)
        ROOM[task.host, "memory"] = task.memory_free + sum(other.memory_mib for other in on_host)
    chosen = choose(candidates, count, chain, random.Random(seed).randrange, staying)
    assert chosen == choose(list(reversed(candidates)), count, chain, random.Random(seed).randrange, staying)
    free = {task.ids[0]: task for task in singles(candidates) if not task.protected}
    assert len(chosen) == min(count, len(free))
    for task_id in chosen:
        assert task_id in best(there, list(free.values()), chain)
        there.remove(free.pop(task_id))


def zones(tasks: list[Candidate]) -> list[int]:
    return sorted(Counter(task.traits["zone"] for task in tasks).values())


def test_balance_of_zones_is_kept() -> None:
    """Nine tasks, five of them in zone a: four go, and two zones keep two, one keeps one."""
    tasks = [a_task(n, "", traits={"zone": "aaaaabbcc"[n]}) for n in range(9)]
    gone = choose(tasks, 4, [ZONES], random.Random(1).randrange)
    assert zones([task for task in tasks if task.ids[0] not in gone]) == [1, 2, 2]


def test_tasks_that_stay_count_for_the_balance() -> None:
    """Two candidates in each zone, but another deployment has three in zone b: it goes from b."""
    tasks = [a_task(n, "", traits={"zone": "ab"[n % 2]}) for n in range(4)]
    older = [a_task(10 + n, "", traits={"zone": "b"}) for n in range(3)]
    gone = choose(tasks, 2, [ZONES], random.Random(1).randrange, older)
    assert {task.traits["zone"] for task in tasks if task.ids[0] in gone} == {"b"}


def test_binpack_empties_the_host_that_is_nearly_empty() -> None:
    """The host with the most free after a stop; with every stop it has more, so it is emptied."""
    full = [a_task(n, "full", cpu_free=0, traits={}) for n in range(4)]
    airy = [a_task(4 + n, "airy", cpu_free=90, traits={}) for n in range(2)]
    gone = choose([*full, *airy], 3, [CPU], random.Random(1).randrange)
    assert set(gone[:2]) == {"t004", "t005"}


def test_those_that_serve_nobody_go_first_and_protected_ones_never() -> None:
    tasks = [
        a_task(0, "h1", protected=True, phase="pending"),
        a_task(1, "h1", healthy=False),
        a_task(2, "h2", phase="pending", healthy=False),
        a_task(3, "h3"),
        a_task(4, "h4", protected=True),
    ]
    assert choose(tasks, 9, [EACH], random.Random(0).randrange) == ["t002", "t001", "t003"]


def test_chance_decides_among_equals() -> None:
    """Every one of five goes first in some of forty draws."""
    tasks = [a_task(n, "", traits={"zone": "a"}) for n in range(5)]
    assert len({choose(tasks, 1, [ZONES], random.Random(seed).randrange)[0] for seed in range(40)}) == 5


@pytest.mark.parametrize("chain", [[ZONES, EACH], [MEMORY], [ZONES, MEMORY]])
def test_three_thousand_tasks_on_three_hundred_hosts(chain: list[Strategy]) -> None:
    """Half of them go, and what stays is spread, or packed on as few hosts as it can be."""
    tasks = [
        a_task(
            n,
            f"host{n % 300}",
            traits={"zone": "abc"[n % 300 % 3], "rack": str(n % 300 % 10)},
            memory_free=n % 300,
        )
        for n in range(3_000)
    ]
    gone = set(choose(tasks, 1_500, chain, random.Random(1).randrange))
    assert len(gone) == 1_500
    per_host = Counter(task.instance for task in tasks if task.ids[0] not in gone)
    if EACH in chain:
        assert set(per_host.values()) == {5}
    elif ZONES not in chain:
        assert len(per_host) == 150
