"""Which instances of a deployment are started, given up and let go."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import MINUTE, SECOND
from windlass.kernel.rows import replace
from windlass.services.apprunner import replacing
from windlass.services.apprunner.instance_model import Instance, InstanceSet
from windlass.services.apprunner.replacing import NOT_NEEDED, Patience, Plan

NOW = 1_000 * MINUTE
NOT_HEALTHY = replacing.NOT_HEALTHY.format(seconds=300)
PATIENCE = Patience(first=SECOND, cap=10 * SECOND, steady=MINUTE)


def a_set(wanted: int = 1, **columns: Any) -> InstanceSet:
    return InstanceSet("arn", "d1", "1" * 12, "eu-west-1", wanted=wanted, **columns)


def an_instance(id: str, state: Any = "provisioned", **columns: Any) -> Instance:
    columns = {"created_at": NOW - MINUTE, "since": NOW - MINUTE, **columns}
    healthy = {} if state == "starting" else {"healthy_at": columns["created_at"]}
    return Instance(id, "arn", "d1", "1" * 12, "eu-west-1", state=state, **{**healthy, **columns})


def decide(
    row: InstanceSet, *instances: Instance, ended: dict[str, str] | None = None, now: int = NOW
) -> Plan:
    return replacing.plan(row, instances, ended or {}, now, PATIENCE)


def test_as_many_as_are_wanted() -> None:
    """Starts fill up to the wanted count; those that stop count for nothing."""
    assert decide(a_set(3), an_instance("a"), an_instance("b", "stopping")).starts == 2
    assert decide(a_set(1), an_instance("a")) == Plan(a_set(1), 0, {}, (), None)


def test_surplus_goes_cheapest_first() -> None:
    """What starts before what is idle, idle before active; of equals the youngest."""
    young = an_instance("young", created_at=NOW - SECOND)
    standing = [an_instance("busy", "active"), young, an_instance("old"), an_instance("new", "starting")]
    assert decide(a_set(2), *standing).stops == {"new": NOT_NEEDED, "young": NOT_NEEDED}
    assert list(decide(a_set(0), *standing).stops) == ["new", "young", "old", "busy"]


def test_five_minutes_to_become_healthy() -> None:
    """Then it is given up, counts as failed, and another is started after a pause."""
    slow = an_instance("slow", "starting", created_at=NOW)
    waiting = decide(a_set(), slow)
    assert (waiting.stops, waiting.again) == ({}, NOW + 5 * MINUTE)
    plan = decide(a_set(), slow, now=NOW + 5 * MINUTE)
    assert plan.stops == {"slow": NOT_HEALTHY}
    assert (plan.row.failed, plan.row.why) == (1, NOT_HEALTHY)
    assert (plan.starts, plan.again) == (0, NOW + 5 * MINUTE + SECOND)


def test_back_off_doubles_and_ends() -> None:
    """1, 2, 4, 8, 10, 10 s between starts that fail; one that was steady is replaced at once."""
    row, now, waits = a_set(), NOW, []
    for n in range(6):
        plan = decide(
            row, an_instance(f"i{n}", "starting"), ended={f"i{n}": "Container exit code: 1"}, now=now
        )
        assert plan.lost == (f"i{n}",) and plan.again is not None
        waits.append((plan.again - now) // SECOND)
        row, now = plan.row, plan.again
    assert waits == [1, 2, 4, 8, 10, 10]
    assert (row.failed, row.why) == (6, "Container exit code: 1")
    steady = decide(row, an_instance("s", "active"), ended={"s": "Container exit code: 1"}, now=now)
    assert (steady.starts, steady.row.failures, steady.row.failed) == (1, 1, 6)


def test_unhealthy_ones_are_replaced() -> None:
    """One that was healthy and is not any more: it stops, and does not count as failed at its start."""
    sick = an_instance("sick", "active", unhealthy="Health checks failed")
    plan = decide(a_set(2), sick, an_instance("well"))
    assert (plan.stops, plan.starts, plan.row.failed) == ({"sick": "Health checks failed"}, 1, 0)


states = st.sampled_from(["starting", "provisioned", "active", "stopping"])
drawn = st.lists(st.tuples(states, st.integers(0, 10 * MINUTE), st.booleans(), st.booleans()), max_size=8)


@given(st.integers(0, 6), drawn, st.integers(0, 5), st.integers(-MINUTE, MINUTE))
def test_settles_at_what_is_wanted(
    wanted: int, found: list[tuple[Any, int, bool, bool]], failures: int, wait: int
) -> None:
    """From any situation: no instance twice, never more than wanted, and at last exactly these."""
    row = a_set(wanted, failures=failures, not_before=NOW + wait)
    instances = [
        an_instance(
            str(n), state, created_at=NOW - age, unhealthy="sick" if sick and state != "starting" else ""
        )
        for n, (state, age, sick, _) in enumerate(found)
    ]
    ended = {str(n): "exited" for n, (_, _, _, over) in enumerate(found) if over}
    now = NOW
    for turn in range(4):
        plan = decide(row, *instances, ended=ended, now=now)
        assert plan.again is None or plan.again > now
        assert not set(plan.stops) & set(plan.lost)
        assert not set(plan.stops) & {one.id for one in instances if one.state == "stopping"}
        kept = [one for one in instances if one.id not in ended and one.id not in plan.stops]
        standing = [one for one in kept if one.state != "stopping"]
        assert len(standing) + plan.starts <= max(wanted, 0) or not plan.starts
        new = [an_instance(f"{turn}-{n}", created_at=now) for n in range(plan.starts)]
        row, instances, ended = plan.row, [*standing, *new], {}
        now = plan.again or now
        instances = [replace(one, unhealthy="", state="provisioned") for one in instances]
    assert len(instances) == wanted
