"""What is next for a task's targets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.target_groups import State
from windlass.fleet.networks import Binding
from windlass.kernel.rows import replace
from windlass.services.ecs import targets
from windlass.services.ecs.model import Attachment, Container, Registered, Task

GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/web/0123456789abcdef"
BALANCER = {"targetGroupArn": GROUP, "containerName": "app", "containerPort": 80}
STATES: tuple[State, ...] = ("initial", "healthy", "unhealthy", "draining", "unused")
ONE = (Registered(GROUP, "10.0.0.1", 80),)


def a_task(**columns: object) -> Task:
    app = Container("c1", "app", "web", "r1", bindings=(Binding("127.0.0.1", 32768, 80),))
    made = Task(
        id="t1",
        account="123456789012",
        region="us-east-1",
        cluster="default",
        definition_arn="",
        family="web",
        group="service:web",
        launch_type="EC2",
        containers=(app,),
        created_at=1,
        service="web",
        deployment="ecs-svc/1",
        target_health="initial",
    )
    return replace(made, **columns)


@pytest.mark.parametrize(
    ("columns", "states", "next_step"),
    [
        ({}, [], "none"),
        ({"started_at": 5}, [], "register"),
        ({"started_at": 5, "targets": ONE}, ["healthy"], "look"),
        ({"started_at": 5, "desired_status": "STOPPED"}, [], "none"),
        ({"started_at": 5, "desired_status": "STOPPED", "targets": ONE}, ["healthy"], "deregister"),
        (
            {"desired_status": "STOPPED", "targets": ONE, "target_health": "draining"},
            ["draining", "unused"],
            "none",
        ),
        ({"desired_status": "STOPPED", "targets": ONE, "target_health": "draining"}, ["unused"], "drained"),
        ({"last_status": "STOPPED", "desired_status": "STOPPED", "targets": ONE}, ["draining"], "deregister"),
        ({"last_status": "STOPPED", "targets": ONE, "target_health": "draining"}, ["draining"], "forget"),
        ({"last_status": "STOPPED", "desired_status": "STOPPED"}, [], "none"),
    ],
)
def test_next(columns: dict[str, object], states: list[State], next_step: targets.Step) -> None:
    assert targets.step(a_task(**columns), states) == next_step


def test_what_a_task_is_registered_as() -> None:
    """An address and the container's port, or the instance and the host's; nothing for a port not bound."""
    on_instance = a_task(instance="i1")
    assert targets.of(on_instance, [BALANCER], "i-1") == (Registered(GROUP, "i-1", 32768),)
    assert targets.of(on_instance, [{**BALANCER, "containerPort": 81}], "i-1") == ()
    assert targets.of(on_instance, [BALANCER], "") == ()
    interface = Attachment("a", "eni-1", "subnet-1", "02:00:00:00:00:01", "10.0.0.9", "")
    assert targets.of(a_task(attachment=interface), [BALANCER], "") == (Registered(GROUP, "10.0.0.9", 80),)


@given(st.lists(st.sampled_from(STATES), min_size=1))
def test_the_worst_of_several_counts(states: list[State]) -> None:
    """Healthy only if all say so; unhealthy as soon as one does."""
    said = targets.combined(states)
    assert (said == "healthy") == all(state == "healthy" for state in states)
    assert (said == "unhealthy") == ("unhealthy" in states)


@pytest.mark.parametrize(
    ("mode", "kind", "fits"),
    [
        ("awsvpc", "ip", True),
        ("awsvpc", "instance", False),
        ("bridge", "instance", True),
        ("host", "ip", False),
    ],
)
def test_target_types(mode: str, kind: targets.TargetType, fits: bool) -> None:
    assert targets.fits(mode, kind) == fits
