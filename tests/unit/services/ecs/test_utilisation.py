"""The metrics of services and clusters: what is divided by what, and what is not published at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import ACCOUNT, REGION
from tests.ecs_build import Ecs, a_task, a_task_unit, an_instance, with_ecs
from tests.metric_values import means
from windlass.aws.metrics import Metrics
from windlass.aws.quotas import Profile
from windlass.fleet.model import UNITS
from windlass.fleet.task_messages import Used
from windlass.kernel.clock import SECOND
from windlass.kernel.rows import replace
from windlass.services.ecs import utilisation
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.measuring import PERIOD_QUOTA, Measuring
from windlass.services.ecs.model import CLUSTERS, TASKS, Cluster
from windlass.services.ecs.rooms import Rooms
from windlass.services.ecs.service_model import SERVICES, Service
from windlass.services.ecs.utilisation import Reserved, Tally, tally

PERIOD = 60 * SECOND


def values(points: list[utilisation.Point], namespace: str = utilisation.ECS) -> dict[str, float]:
    return {point.name: point.value for point in points if point.namespace == namespace}


def test_a_service_uses_a_part_of_what_its_tasks_reserve() -> None:
    """Two of three tasks were measured: the third counts as running, and dilutes nothing."""
    half, none = Reserved(512, 1024), None
    tasks = tally([(half, Used("a", 512, 256)), (half, Used("b", 256, 256)), (half, none)], pending=2)
    assert tasks == Tally(3, 2, 2, Reserved(1024, 2048), 768, 512)
    points = utilisation.of_service(tasks, 5, 1, insights=True)
    assert values(points) == {"CPUUtilization": 75.0, "MemoryUtilization": 25.0}
    assert values(points, utilisation.INSIGHTS) == {
        "RunningTaskCount": 3,
        "PendingTaskCount": 2,
        "DesiredTaskCount": 5,
        "DeploymentCount": 1,
        "CpuUtilized": 768,
        "CpuReserved": 1024,
        "MemoryUtilized": 512,
        "MemoryReserved": 2048,
    }
    assert values(utilisation.of_service(tasks, 5, 1, insights=False), utilisation.INSIGHTS) == {}


@pytest.mark.parametrize(
    ("tasks", "names"),
    [
        (tally([]), set()),
        (tally([(Reserved(512, 512), None)]), set()),
        (tally([(Reserved(0, 512), Used("a", 7, 7))]), {"MemoryUtilization"}),
    ],
)
def test_nothing_is_divided_by_nothing(tasks: Tally, names: set[str]) -> None:
    """No tasks, none that were measured, no CPU reserved: the metric is not there, rather than 0."""
    assert set(values(utilisation.of_service(tasks, 1, 1, insights=False))) == names


def test_instances_are_divided_by_their_size() -> None:
    tasks = tally([(Reserved(512, 512), Used("a", 1024, 256))])
    points = utilisation.of_instances(tasks, Reserved(512, 512), Reserved(2048, 4096))
    assert values(points) == {
        "CPUUtilization": 50.0,
        "MemoryUtilization": 6.25,
        "CPUReservation": 25.0,
        "MemoryReservation": 12.5,
    }
    idle = utilisation.of_instances(tally([]), Reserved(), Reserved(2048, 4096))
    assert values(idle) == dict.fromkeys(values(points), 0.0)


@given(st.lists(st.tuples(st.integers(1, 4096), st.integers(1, 8192), st.floats(0, 1))))
def test_no_task_over_its_share_no_service_over_its(tasks: list[tuple[int, int, float]]) -> None:
    """A service is never used more than its most used task."""
    running = [(Reserved(c, m), Used("t", c * share, m * share)) for c, m, share in tasks]
    most = max((share for _, _, share in tasks), default=0)
    for point in utilisation.of_service(tally(running), 1, 1, insights=False):
        assert 0 <= point.value <= 100 * most + 1e-6


def test_a_round_publishes_at_the_end_of_each_period() -> None:
    """1. Nothing before a period is over. 2. Service and cluster, with their dimensions, at its end."""

    async def scenario(ecs: Ecs) -> None:
        store = ecs.plane.store
        settings = {"containerInsights": "enabled"}
        with store.transact() as tx:
            tx[CLUSTERS].put(Cluster(ACCOUNT, REGION, "default", settings=settings))
            tx[SERVICES].put(Service("s", ACCOUNT, REGION, "default", "web", 0, "", desired_count=2))
            tx[SERVICES].put(Service("g", ACCOUNT, REGION, "default", "gone", 0, "", status="INACTIVE"))
            tx[INSTANCES].put(an_instance())
            for task_id in ("a", "b"):
                task = a_task(task_id, service="web", instance="c1", last_status="RUNNING", started_at=1)
                tx[TASKS].put(task)
                unit = replace(a_task_unit(task, "running"), cpu_units=512, memory_mib=1024, target_id="c1")
                tx[UNITS].put(unit)
        ecs.plane.links.used = {"a": Used("a", 256, 512), "b": Used("b", 128, 0)}  # type: ignore[attr-defined]
        measuring = Measuring(ecs.plane, ecs.plane.calls.part(Rooms))
        begun = ecs.clock.time - ecs.clock.time % PERIOD
        assert await measuring.publish(begun + PERIOD - 1, frozenset()) == begun + PERIOD
        metrics = ecs.plane.calls.part(Metrics)
        assert metrics.latest() == []
        assert await measuring.publish(begun + PERIOD + 5, frozenset()) == begun + 2 * PERIOD
        where = {"ClusterName": "default", "ServiceName": "web"}
        scope = (ACCOUNT, REGION, utilisation.ECS)
        assert means(metrics, *scope, "CPUUtilization", where) == [37.5]
        assert means(metrics, *scope, "MemoryUtilization", where) == [25.0]
        del where["ServiceName"]
        assert means(metrics, *scope, "CPUReservation", where) == [50.0]
        assert means(metrics, ACCOUNT, REGION, utilisation.INSIGHTS, "TaskCount", where) == [2]
        assert {one.bucket.start for one in metrics.latest()} == {begun // SECOND}
        assert "gone" not in str(metrics.latest())

    with_ecs(scenario, Profile("test", quotas={PERIOD_QUOTA: 60}))
