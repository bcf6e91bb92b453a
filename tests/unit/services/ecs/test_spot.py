"""What an interruption of Fargate Spot does to a task."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import ACCOUNT, NOW, REGION
from tests.ecs_build import SUBNET, Ecs, a_fargate_definition, running, with_ecs
from windlass.aws.bus import Bus, Notice
from windlass.aws.quotas import Profile
from windlass.fleet import spot
from windlass.fleet.model import UNITS
from windlass.fleet.spot_hazard import WARNING
from windlass.kernel.clock import MINUTE, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.ecs.interruptions import Interruptions
from windlass.services.ecs.model import TASKS, Task


class Heard:
    """A listener of the bus that wants everything."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def wants(self, account: str, region: str, source: str) -> bool:
        return True

    def take(self, tx: Transaction, notice: Notice) -> None:
        self.notices.append(notice)


async def a_spot_task(ecs: Ecs, provider: str = "FARGATE_SPOT") -> str:
    """It runs; its id."""
    await ecs.call("RegisterTaskDefinition", **a_fargate_definition())
    strategy = [{"capacityProvider": provider, "weight": 1}]
    task = await ecs.run_one(capacityProviderStrategy=strategy, networkConfiguration=SUBNET)
    await ecs.report(task, "running", containers=(running(),), started_at=ecs.clock.time)
    return task


def test_a_task_is_interrupted_by_hand() -> None:
    """The event is the warning; load balancers hear before it; the unit has two minutes; then STOPPED."""

    async def scenario(ecs: Ecs) -> None:
        task = await a_spot_task(ecs)
        heard, order = Heard(), list[str]()
        ecs.plane.calls.part(Bus).subscribe(heard)
        interruptions = ecs.plane.calls.part(Interruptions)

        def departing(tx: Transaction, leaving: Task, now: Instant) -> None:
            order.append(f"{leaving.id} {leaving.desired_status} {len(heard.notices)}")

        interruptions.before_each(departing)
        arn = ecs.plane.store[TASKS].require(task).arn
        assert (await interruptions.interrupt(arn)).stop_code == "SpotInterruption"
        assert order == [f"{task} RUNNING 0"]
        [warning] = heard.notices
        shown = {
            name: warning.detail[name]
            for name in ("desiredStatus", "lastStatus", "stopCode", "stoppedReason")
        }
        assert shown == {
            "desiredStatus": "STOPPED",
            "lastStatus": "RUNNING",
            "stopCode": "SpotInterruption",
            "stoppedReason": "Your Spot Task was interrupted.",
        }
        unit = ecs.plane.store[UNITS].require(task)
        assert (unit.desired, unit.stop_within) == ("stop", 2 * MINUTE)
        await ecs.report(task, "stopped", containers=())
        [over] = (await ecs.call("DescribeTasks", tasks=[task]))["tasks"]
        assert (over["lastStatus"], over["stopCode"]) == ("STOPPED", "SpotInterruption")
        assert over["stoppedReason"] == "Your Spot Task was interrupted."

    with_ecs(scenario, Profile("test", delays={WARNING: 120.0}))


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("0" * 32, "there is no task"),
        (f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/other/TASK", "there is no task"),
        ("ON_DEMAND", "does not run on FARGATE_SPOT"),
        ("TWICE", "was to stop already"),
    ],
)
def test_what_cannot_be_interrupted(named: str, why: str) -> None:
    async def scenario(ecs: Ecs) -> None:
        task = await a_spot_task(ecs, "FARGATE" if named == "ON_DEMAND" else "FARGATE_SPOT")
        interrupt = ecs.plane.calls.part(Interruptions).interrupt
        if named == "TWICE":
            await interrupt(task)
        given = task if named.isupper() else named.replace("TASK", task)
        with pytest.raises(Fault, match=why):
            await interrupt(given)

    with_ecs(scenario)


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 10_000), st.floats(1e-6, 1e3))
def test_waiting_until_due_ends(draw: float, tasks: int, rate: float) -> None:
    """Who looks again when told finds the budget gone, after two looks at most: no loop that never sleeps."""
    budget = spot.drawn(rate, draw, NOW, tasks)
    for _ in range(2):
        budget = spot.used(budget, tasks, spot.due(budget) or NOW)
    assert budget.left <= 0
