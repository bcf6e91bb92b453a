"""Task scale-in protection: how long it holds, whom it is refused, and the way from inside the task."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import ACCOUNT, NOW, REGION
from tests.ecs_build import Ecs, a_task, a_task_unit, with_ecs
from windlass.fleet.model import UNITS
from windlass.fleet.task_messages import Protection, ProtectionWanted
from windlass.kernel.clock import MINUTE
from windlass.kernel.faults import Fault
from windlass.services.ecs import scale_in
from windlass.services.ecs.model import TASKS, Task
from windlass.services.ecs.service_model import DEPLOYMENTS, SERVICES, Deployment, Service
from windlass.services.ecs.task_protection import TaskProtection

WEB = "web"


@given(st.integers(1, scale_in.MINUTES_MAX), st.integers(0, 2 * scale_in.MINUTES_MAX))
def test_it_ends_by_itself(minutes: int, later: int) -> None:
    """Protected for that many minutes from the call on, to the nanosecond, and from then on not."""
    task = scale_in.changed(a_task(service=WEB), True, minutes, NOW)
    assert scale_in.is_protected(task, NOW + later * MINUTE) == (later < minutes)
    renewed = scale_in.changed(task, True, minutes, NOW + later * MINUTE)
    assert renewed.protected_until == NOW + (later + minutes) * MINUTE
    assert not scale_in.is_protected(scale_in.changed(task, False, minutes, NOW), NOW)
    assert scale_in.ends([renewed, a_task(), task], NOW) == [
        NOW + n * MINUTE for n in (minutes, later + minutes)
    ]


@pytest.mark.parametrize("minutes", [0, -1, 2_881])
def test_minutes_have_bounds(minutes: int) -> None:
    with pytest.raises(Fault) as refused:
        scale_in.changed(a_task(service=WEB), True, minutes, NOW)
    assert refused.value.code == "InvalidParameterException"


def old(task_id: str, *, protected: bool) -> Task:
    return a_task(task_id, service=WEB, protected_until=NOW + MINUTE if protected else 0)


@pytest.mark.parametrize(
    ("task", "others", "blocked"),
    [
        (old("t", protected=False), [], False),
        (old("t", protected=True), [], True),
        (old("t", protected=False), [old("o", protected=True)], True),
        (old("t", protected=True), [old("o", protected=False)], False),
        (old("t", protected=True), [old("o", protected=True), old("p", protected=False)], False),
    ],
)
def test_when_protection_holds_a_deployment_up(task: Task, others: list[Task], blocked: bool) -> None:
    """While others can still go, it does not; once the protected ones are what is left, it does."""
    assert scale_in.blocks(task, [task, *others], NOW) == blocked
    assert not scale_in.blocks(old("t", protected=False), [task, *others], NOW + MINUTE)


def stored(ecs: Ecs, *members: dict[str, Any]) -> None:
    """Tasks t0, t1, … that run on the node n1."""
    with ecs.plane.store.transact() as tx:
        for number, given in enumerate(members):
            task = a_task(f"{number:032x}", **given)
            tx[TASKS].put(task)
            tx[UNITS].put(a_task_unit(task, "running"))


def test_each_task_has_its_answer() -> None:
    """Those of services are protected for two hours; standalone, stopped and missing ones are failures."""

    async def scenario(ecs: Ecs) -> None:
        stored(ecs, {"service": WEB}, {}, {"service": WEB, "last_status": "STOPPED"})
        named = [f"{number:032x}" for number in range(4)]
        arns = [ecs.plane.store[TASKS].require(named[0]).arn.replace(named[0], name) for name in named]
        answer = await ecs.call(
            "UpdateTaskProtection", cluster="default", tasks=[named[0], *arns[1:]], protectionEnabled=True
        )
        until = ecs.clock.time + 120 * MINUTE
        protected = {"taskArn": arns[0], "protectionEnabled": True, "expirationDate": until / 1e9}
        failures = [
            {"arn": arns[1], "reason": "TASK_NOT_VALID"},
            {"arn": arns[2], "reason": "TASK_NOT_VALID"},
            {"arn": arns[3], "reason": "MISSING"},
        ]
        assert answer == {"protectedTasks": [protected], "failures": failures}
        assert await ecs.call("GetTaskProtection", cluster="default", tasks=named) == answer
        ecs.clock.time = until
        [expired] = (await ecs.call("GetTaskProtection", cluster="default", tasks=named))["protectedTasks"]
        assert expired == {"taskArn": arns[0], "protectionEnabled": False}

    with_ecs(scenario)


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        (
            "UpdateTaskProtection",
            {"tasks": ["t"] * 11, "protectionEnabled": True},
            "InvalidParameterException",
        ),
        ("UpdateTaskProtection", {"tasks": [], "protectionEnabled": True}, "InvalidParameterException"),
        ("GetTaskProtection", {"tasks": ["t"] * 101}, "InvalidParameterException"),
        ("GetTaskProtection", {}, "InvalidParameterException"),
        ("GetTaskProtection", {"tasks": ["t"], "cluster": "none"}, "ClusterNotFoundException"),
    ],
)
def test_calls_that_are_refused(operation: str, params: dict[str, Any], code: str) -> None:
    async def scenario(ecs: Ecs) -> None:
        with pytest.raises(Fault) as refused:
            await ecs.call(operation, **{"cluster": "default", **params})
        assert refused.value.code == code

    with_ecs(scenario)


def test_a_task_asks_from_inside() -> None:
    """1. For itself, as with the API. 2. What is wrong with it. 3. Only on the node that runs it."""

    async def scenario(ecs: Ecs) -> None:
        stored(ecs, {"service": WEB}, {})
        web, alone = (f"{number:032x}" for number in range(2))
        answer = ecs.plane.calls.part(TaskProtection).answer
        until = ecs.clock.time + 60 * MINUTE
        assert answer("n1", ProtectionWanted(1, web)) == Protection(1)
        assert answer("n1", ProtectionWanted(2, web, True, 60)) == Protection(2, until=until)
        shown = await ecs.call("GetTaskProtection", cluster="default", tasks=[web])
        assert shown["protectedTasks"][0]["expirationDate"] == until / 1e9
        assert answer("n1", ProtectionWanted(3, web)) == Protection(3, until=until)
        assert answer("n1", ProtectionWanted(4, web, True, 0)).code == "InvalidParameterException"
        assert answer("n1", ProtectionWanted(5, alone, True)) == Protection(5, failure="TASK_NOT_VALID")
        assert answer("n2", ProtectionWanted(6, web, False)) == Protection(6, failure="MISSING")
        assert answer("n1", ProtectionWanted(7, web, False)) == Protection(7)
        ecs.clock.time = until
        assert answer("n1", ProtectionWanted(8, web)) == Protection(8)

    with_ecs(scenario)


def test_a_deployment_that_waits_for_protected_tasks() -> None:
    """Old tasks get no more protection; new ones do, and old ones may always give theirs up."""

    async def scenario(ecs: Ecs) -> None:
        until = ecs.clock.time + MINUTE
        members = {"service": WEB, "last_status": "RUNNING"}
        stored(
            ecs,
            {**members, "deployment": "old", "protected_until": until},
            {**members, "deployment": "old", "protected_until": until},
            {**members, "deployment": "new"},
        )
        with ecs.plane.store.transact() as tx:
            new = Deployment("new", ACCOUNT, REGION, "s", "r", "d", NOW, NOW)
            tx[DEPLOYMENTS].put(new)
            tx[SERVICES].put(Service("s", ACCOUNT, REGION, "default", WEB, NOW, "r", deployment_id="new"))
        named = [f"{number:032x}" for number in range(3)]
        asked = {"cluster": "default", "tasks": named, "protectionEnabled": True}
        answer = await ecs.call("UpdateTaskProtection", **asked)
        assert [failure["reason"] for failure in answer["failures"]] == ["DEPLOYMENT_BLOCKED"] * 2
        assert [task["taskArn"][-1] for task in answer["protectedTasks"]] == ["2"]
        inside = ecs.plane.calls.part(TaskProtection).answer
        assert inside("n1", ProtectionWanted(1, named[0], True)).failure == "DEPLOYMENT_BLOCKED"
        assert inside("n1", ProtectionWanted(2, named[0])).until == until
        answer = await ecs.call("UpdateTaskProtection", **{**asked, "protectionEnabled": False})
        assert answer["failures"] == []

    with_ecs(scenario)
