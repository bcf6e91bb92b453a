"""The checks of services find what they are there to find."""

from __future__ import annotations

from tests.build import ACCOUNT, NOW, REGION
from tests.ecs_build import a_task
from windlass.kernel.clock import SECOND
from windlass.kernel.durable import DurableLog, MemoryLog
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Store
from windlass.services.ecs.model import TASKS, Task
from windlass.services.ecs.service_model import (
    SERVICE_TABLES,
    SERVICES,
    Deployment,
    Rolling,
    Service,
    ServiceDeployment,
)
from windlass.sim import service_checks
from windlass.sim.service_checks import ServiceLedger

WEB = Service(
    "s", ACCOUNT, REGION, "main", "web", NOW, "1", desired_count=2, deployment_id="d1", last_event=2
)
D1 = Deployment("d1", ACCOUNT, REGION, "s", "1", "c1", NOW, NOW)
UP = replace(
    a_task(),
    account=ACCOUNT,
    region=REGION,
    cluster="main",
    service="web",
    deployment="d1",
    last_status="RUNNING",
    started_at=NOW - 60 * SECOND,
)


def test_tasks_and_units() -> None:
    """A task without a unit is lost, a unit without a task is left over; one that has stopped has none."""
    ended = replace(UP, id="t2", last_status="STOPPED")
    assert service_checks.unowned([UP, ended], {UP.id}) == []
    assert service_checks.unowned([UP], {"u"}) == [
        f"task {UP.id} has no unit",
        "unit u belongs to no task",
    ]


def test_stray() -> None:
    """Its deployment is of the service it names; not of another one that has the name now."""
    assert service_checks.stray([UP], [WEB], {"d1": "s"}, {}) == []
    assert service_checks.stray([UP], [WEB], {}, {"d1": "s"}) == []
    for deployments in ({}, {"d1": "other"}):
        assert len(service_checks.stray([UP], [WEB], deployments, {})) == 1
    assert len(service_checks.stray([UP], [replace(WEB, status="INACTIVE")], {"d1": "s"}, {})) == 1


def test_primaries() -> None:
    """Just one, which the service names; none once it is gone."""
    older = replace(D1, id="d0", status="ACTIVE")
    assert service_checks.not_one_primary([WEB], [D1, older]) == []
    for wrong in ([], [D1, replace(older, status="PRIMARY")], [replace(D1, id="d9")]):
        assert len(service_checks.not_one_primary([WEB], wrong)) == 1
    assert len(service_checks.not_one_primary([replace(WEB, status="INACTIVE")], [D1])) == 1
    assert len(service_checks.not_one_primary([], [D1])) == 1


def test_changes() -> None:
    """Only the service's own service deployment may go on."""
    going = ServiceDeployment("c1", ACCOUNT, REGION, "main", "web", "s", NOW, NOW, "1")
    assert service_checks.several_changes([replace(WEB, service_deployment_id="c1")], [going]) == []
    assert len(service_checks.several_changes([replace(WEB, service_deployment_id="c2")], [going])) == 1


def test_events() -> None:
    """Numbers without a gap, up to the last."""
    assert service_checks.misnumbered([WEB], lambda _: [1, 2]) == []
    for numbers in ([1], [2], [1, 2, 3], []):
        assert len(service_checks.misnumbered([WEB], lambda _, n=numbers: n)) == 1  # type: ignore[misc]


def judged(service: Service, before: list[Task], after: list[Task]) -> list[str]:
    """What the ledger says of a transaction that brings the tasks from `before` to `after`."""
    store = Store((TASKS, *SERVICE_TABLES), DurableLog(MemoryLog()))
    with store.transact() as tx:
        tx[SERVICES].put(service)
        for task in after:
            tx[TASKS].put(task)
    was = {task.id: task for task in before}
    changes = [Change(TASKS.name, task.id, was.get(task.id), task) for task in after]
    return ServiceLedger(lambda: NOW, 40 * SECOND).after(changes, store)


def test_starts_within_the_maximum() -> None:
    """The one more than maximumPercent is wrong; so is one of an older deployment."""
    two, three = [replace(UP, id=f"t{n}") for n in range(2)], [replace(UP, id=f"t{n}") for n in range(3)]
    tight = replace(WEB, rolling=Rolling(percent_max=100))
    assert judged(tight, two[:1], two) == []
    assert len(judged(tight, two, three)) == 1
    assert judged(tight, three, three) == []  # they were there before: the user scaled in
    assert len(judged(WEB, [], [replace(UP, deployment="d0")])) == 1
    assert len(judged(replace(WEB, status="DRAINING"), [], [UP])) == 1


def test_stops_above_the_minimum() -> None:
    """What the scheduler stops leaves enough healthy ones; what others stop is not its doing."""
    before = [replace(UP, id=f"t{n}") for n in range(2)]
    stopped = replace(before[0], desired_status="STOPPED", stop_code=service_checks.SCHEDULER)
    after = [stopped, before[1]]
    assert len(judged(WEB, before, after)) == 1
    assert judged(replace(WEB, rolling=Rolling(percent_min=50)), before, after) == []
    assert judged(WEB, before, [replace(stopped, stop_code="UserInitiated"), before[1]]) == []
    young = [replace(task, started_at=NOW - SECOND) for task in before]
    assert judged(WEB, young, [replace(young[0], desired_status="STOPPED", stop_code="x"), young[1]]) == []


def test_never_back() -> None:
    """A task that was told to stop is not wanted again, and its end is reckoned once."""
    told = replace(UP, desired_status="STOPPED", reckoned=True)
    assert len(judged(WEB, [told], [UP])) == 2
