"""What keeps a service from its steady state, the weightiest reason first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import ACCOUNT, NOW, REGION
from windlass.fleet.reasons import Reason
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND
from windlass.kernel.rows import replace
from windlass.services.ecs.deployment import Counts
from windlass.services.ecs.service_model import Deployment, HookCall, Rolling, Service, ServiceDeployment
from windlass.services.ecs.why_service import Empty, ServiceFacts, why

FIXED = Rolling(percent_min=100, percent_max=100)
PULL = Reason("PULL", "Images have been pulled for 3 s: busybox.")


def a_service(**members: Any) -> Service:
    made = Service("s1", ACCOUNT, REGION, "default", "web", NOW, "r1", desired_count=4, deployment_id="new")
    return replace(made, **members)


def a_deployment(**members: Any) -> Deployment:
    made = Deployment("new", ACCOUNT, REGION, "s1", "r1", "d1", created_at=NOW, updated_at=NOW)
    return replace(made, **members)


def a_record(**members: Any) -> ServiceDeployment:
    made = ServiceDeployment("d1", ACCOUNT, REGION, "default", "web", "s1", NOW, NOW, "r1")
    return replace(made, **members)


def facts(service: Service | None = None, **members: Any) -> ServiceFacts:
    return ServiceFacts(service or a_service(), **{"primary": a_deployment(), **members})


def new(**counts: int) -> Counts:
    return Counts("new", **counts)


@pytest.mark.parametrize(
    ("seen", "code", "says"),
    [
        (facts(a_service(status="INACTIVE")), "NOTHING", "It was deleted."),
        (
            facts(a_service(steady_at=NOW - 5 * SECOND), counts=new(healthy=4)),
            "NOTHING",
            "It has been in a steady state for 5 s.",
        ),
        (facts(), "SCHEDULER", "has not had its next turn yet"),
        (
            facts(
                record=a_record(
                    rolling=Rolling(strategy="CANARY", step=50, pause_m=10),
                    status="IN_PROGRESS",
                    stage="PRODUCTION_TRAFFIC_SHIFT",
                    stage_at=NOW - 60 * SECOND,
                    source="old",
                    step=1,
                ),
                counts=new(healthy=4),
                older=(Counts("old", healthy=4),),
            ),
            "TRAFFIC_SHIFT",
            "at PRODUCTION_TRAFFIC_SHIFT; next when this is over: the time between two shifts, 9 min more.",
        ),
        (facts(a_service(status="DRAINING"), counts=new(leaving=2)), "DRAINING", "2 tasks still to end"),
        (
            facts(
                record=a_record(
                    stage="PRE_SCALE_UP",
                    hooks=(HookCall("h", "arn:f", "PRE_SCALE_UP", call_at=NOW + SECOND),),
                )
            ),
            "HOOK",
            "The deployment waits at PRE_SCALE_UP for arn:f, asked again in 1 s.",
        ),
        (
            facts(primary=a_deployment(rollout="FAILED", rollout_reason="tasks failed to start.")),
            "DEPLOYMENT_FAILED",
            "Deployment new has failed and starts no more tasks: tasks failed to start.",
        ),
        (
            facts(backoff_until=NOW + 20 * SECOND, backoff_failures=2, last_failure="app exited with 1"),
            "BACK_OFF",
            "It backs off for 20 s more, after 2 attempts that failed in a row; the last: app exited with 1.",
        ),
        (
            facts(empty=[Empty("fargate.spot", Rate(100, per_second=20), SECOND // 2, in_line=3)]),
            "LAUNCH_RATE",
            "4 tasks missing: launch bucket fargate.spot is empty and refills at 20 a second, the next "
            "token comes in 0.5 s; 2 other services in line.",
        ),
        (
            facts(refused="was unable to place a task because X.", counts=new(healthy=3)),
            "PLACEMENT",
            "1 task missing: X.",
        ),
        (facts(cycle_at=NOW + 9 * SECOND), "WORK_CYCLE", "its next work cycle begins in 9 s"),
        (
            facts(a_service(rolling=FIXED), older=[Counts("old", healthy=4)]),
            "PERCENTAGES",
            "4 tasks missing, but maximumPercent 100 allows 4 in all and 4 are there; "
            "minimumHealthyPercent 100 needs 4 healthy and 4 are, so none may stop.",
        ),
        (
            facts(a_service(rolling=FIXED), older=[Counts("old", healthy=4)], protected=4),
            "PROTECTED",
            "4 tasks protected from scale-in",
        ),
        (
            facts(counts=new(healthy=2, pending=2), pending=[PULL, PULL]),
            "PULL",
            "2 tasks pending: images have been pulled for 3 s: busybox.",
        ),
        (
            facts(counts=new(waiting=4)),
            "HEALTH_CHECK",
            "4 tasks running that no health check has passed yet.",
        ),
        (
            facts(counts=new(waiting=4), healthy_at=NOW + 12 * SECOND),
            "HEALTHY_AFTER",
            "4 tasks running that nothing checks, which count as healthy after a while: the next in 12 s.",
        ),
        (facts(counts=new(healthy=3, unhealthy=1)), "UNHEALTHY", "1 task running and UNHEALTHY"),
        (facts(counts=new(healthy=4), stopping=2), "STOPPING", "2 tasks stopping"),
    ],
)
def test_the_weightiest_reason(seen: ServiceFacts, code: str, says: str) -> None:
    first = why(seen, NOW)[0]
    assert first.code == code
    assert says in first.sentence


def test_a_roll_out_tells_both_sides() -> None:
    """New tasks are on their way, old ones stay until enough are healthy."""
    seen = facts(counts=new(pending=4), older=[Counts("old", healthy=4)], pending=[PULL])
    assert [reason.code for reason in why(seen, NOW)] == ["PULL", "MINIMUM_HEALTHY"]
    assert (
        "4 must stay healthy (minimumHealthyPercent 100), 4 are, 0 of them new" in why(seen, NOW)[1].sentence
    )


@given(
    st.builds(
        new,
        pending=st.integers(0, 5),
        waiting=st.integers(0, 5),
        healthy=st.integers(0, 5),
        unhealthy=st.integers(0, 5),
        leaving=st.integers(0, 5),
    ),
    st.integers(0, 6),
    st.integers(0, 5),
    st.sampled_from([(100, 200), (100, 100), (0, 100), (50, 150)]),
)
def test_there_is_always_a_reason(counts: Counts, desired: int, old: int, percents: tuple[int, int]) -> None:
    """Whatever the counts, something is said, in whole sentences."""
    service = a_service(desired_count=desired, rolling=Rolling(*percents))
    found = why(facts(service, counts=counts, older=[Counts("old", healthy=old)]), NOW)
    assert found
    assert all(reason.sentence.endswith(".") and reason.code.isupper() for reason in found)
