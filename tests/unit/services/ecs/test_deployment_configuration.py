"""deploymentConfiguration: defaults, members over what was there, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.ecs import deployment_configuration
from windlass.services.ecs.deployment_configuration import default, read
from windlass.services.ecs.service_model import Rolling

HOOK = {
    "hookTargetArn": "arn:aws:lambda:eu-west-1:123456789012:function:check",
    "roleArn": "arn:aws:iam::123456789012:role/hooks",
    "lifecycleStages": ["POST_SCALE_UP"],
}


def test_defaults_follow_the_scheduling_strategy() -> None:
    """REPLICA 100 to 200 %, DAEMON 0 to 100 %, and neither breaker nor alarms."""
    assert default("REPLICA") == Rolling(percent_min=100, percent_max=200)
    assert default("DAEMON") == Rolling(percent_min=0, percent_max=100)


def test_members_that_are_left_out_stay() -> None:
    """An update of one percentage changes nothing else."""
    before = read(
        {"deploymentCircuitBreaker": {"enable": True, "rollback": True}, "minimumHealthyPercent": 50},
        "REPLICA",
        "ECS",
        default("REPLICA"),
    )
    after = read({"maximumPercent": 150}, "REPLICA", "ECS", before)
    assert after == Rolling(percent_min=50, percent_max=150, breaker=True, breaker_rollback=True)
    shown = deployment_configuration.show(after, "ECS")
    assert shown["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (shown["maximumPercent"], shown["minimumHealthyPercent"], shown["strategy"]) == (
        150,
        50,
        "ROLLING",
    )


def test_alarms_that_are_off_fail_nothing() -> None:
    """They are shown as they were given, and only acted on when they are enabled."""
    given: dict[str, Any] = {"alarmNames": ["high", " high"], "rollback": True, "enable": True}
    on = read({"alarms": given}, "REPLICA", "ECS", default("REPLICA"))
    assert (on.alarms, on.alarms_rollback) == (("high",), True)
    off = read({"alarms": {**given, "enable": False}}, "REPLICA", "ECS", on)
    assert off.alarms == ()
    assert deployment_configuration.show(off, "ECS")["alarms"] == {**given, "enable": False}


def test_lifecycle_hooks_are_kept() -> None:
    """Hooks that call functions, and those that pause, are stored and shown."""
    hooks = [HOOK, {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}]
    made = read({"lifecycleHooks": hooks}, "REPLICA", "ECS", default("REPLICA"))
    assert deployment_configuration.show(made, "ECS")["lifecycleHooks"] == hooks


def test_strategies_that_shift_requests() -> None:
    """Defaults as AWS's; what is left out stays; another strategy forgets the steps of the one before."""
    canary = read({"strategy": "CANARY"}, "REPLICA", "ECS", default("REPLICA"))
    assert (canary.shifts, canary.step, canary.pause_m, canary.bake_m) == (True, 50, 10, 0)
    given = {"canaryConfiguration": {"canaryPercent": 12.5}, "bakeTimeInMinutes": 3}
    changed = read(given, "REPLICA", "ECS", canary)
    shown = deployment_configuration.show(changed, "ECS")
    assert shown["strategy"] == "CANARY" and shown["bakeTimeInMinutes"] == 3
    assert shown["canaryConfiguration"] == {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 10}
    linear = read({"strategy": "LINEAR"}, "REPLICA", "ECS", changed)
    assert (linear.step, linear.pause_m, linear.bake_m) == (100, 6, 3)
    rolling = read({"strategy": "ROLLING"}, "REPLICA", "ECS", linear)
    assert (rolling.shifts, rolling.step, rolling.pause_m) == (False, 0, 0)
    assert "linearConfiguration" not in deployment_configuration.show(rolling, "ECS")


REFUSED: list[tuple[str, Any, dict[str, Any], str, str]] = [
    ("REPLICA", "ECS", {"maximumPercent": 100}, "InvalidParameterException", "block deployments"),
    ("REPLICA", "ECS", {"maximumPercent": 99}, "InvalidParameterException", "maximumPercent"),
    ("REPLICA", "ECS", {"minimumHealthyPercent": 101}, "InvalidParameterException", "minimumHealthyPercent"),
    ("REPLICA", "ECS", {"minimumHealthyPercent": -1}, "InvalidParameterException", "minimumHealthyPercent"),
    ("DAEMON", "ECS", {"maximumPercent": 101}, "InvalidParameterException", "daemon scheduling strategy"),
    ("REPLICA", "ECS", {"strategy": "BLUE_GREEN"}, "InvalidParameterException", "bakeTimeInMinutes"),
    ("DAEMON", "ECS", {"strategy": "CANARY"}, "InvalidParameterException", "daemon scheduling strategy"),
    (
        "REPLICA",
        "ECS",
        {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 2.9}},
        "InvalidParameterException",
        "stepPercent must be a multiple of 0.1 between 3.0 and 100.0",
    ),
    (
        "REPLICA",
        "ECS",
        {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0.25}},
        "InvalidParameterException",
        "canaryPercent",
    ),
    (
        "REPLICA",
        "ECS",
        {"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": 1441}},
        "InvalidParameterException",
        "canaryBakeTimeInMinutes",
    ),
    ("REPLICA", "ECS", {"canaryConfiguration": {"canaryPercent": 5}}, "InvalidParameterException", "CANARY"),
    ("REPLICA", "ECS", {"linearConfiguration": {"stepPercent": 5}}, "InvalidParameterException", "LINEAR"),
    ("REPLICA", "ECS", {"bakeTimeInMinutes": 1441}, "InvalidParameterException", "bakeTimeInMinutes"),
    (
        "REPLICA",
        "EXTERNAL",
        {"deploymentCircuitBreaker": {"enable": True, "rollback": False}},
        "InvalidParameterException",
        "ECS deployment controller",
    ),
    (
        "REPLICA",
        "ECS",
        {"alarms": {"alarmNames": [], "rollback": False, "enable": True}},
        "InvalidParameterException",
        "alarmNames",
    ),
    (
        "REPLICA",
        "ECS",
        {"lifecycleHooks": [{**HOOK, "targetType": "PAUSE"}]},
        "InvalidParameterException",
        "PAUSE has no hookTargetArn",
    ),
    (
        "REPLICA",
        "ECS",
        {"lifecycleHooks": [{**HOOK, "lifecycleStages": []}]},
        "InvalidParameterException",
        "lifecycleStages",
    ),
    (
        "REPLICA",
        "ECS",
        {"lifecycleHooks": [{**HOOK, "hookTargetArn": "check"}]},
        "InvalidParameterException",
        "hookTargetArn",
    ),
]


@pytest.mark.parametrize(("scheduling", "controller", "given", "code", "says"), REFUSED)
def test_what_is_refused(
    scheduling: Any, controller: Any, given: dict[str, Any], code: str, says: str
) -> None:
    """Each with AWS's code, and a message that names what is wrong."""
    with pytest.raises(Fault) as caught:
        read(given, scheduling, controller, default(scheduling))
    assert caught.value.code == code
    assert says in caught.value.message


CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "minimumHealthyPercent": st.integers(0, 99),
        "maximumPercent": st.integers(101, 400),
        "deploymentCircuitBreaker": st.fixed_dictionaries(
            {"enable": st.booleans(), "rollback": st.booleans()}
        ),
        "alarms": st.fixed_dictionaries(
            {
                "alarmNames": st.lists(st.sampled_from(["a", "b"]), min_size=1, unique=True),
                "enable": st.booleans(),
                "rollback": st.booleans(),
            }
        ),
        "lifecycleHooks": st.just([HOOK]),
    },
)


@given(CONFIGURATIONS, CONFIGURATIONS)
def test_what_is_shown_can_be_given_back(first: dict[str, Any], second: dict[str, Any]) -> None:
    """A caller that reads a configuration and gives it back changes nothing; the last word holds."""
    before = read(first, "REPLICA", "ECS", default("REPLICA"))
    after = read(second, "REPLICA", "ECS", before)
    shown = deployment_configuration.show(after, "ECS")
    again = read(shown, "REPLICA", "ECS", after)
    assert deployment_configuration.show(again, "ECS") == shown
    for member, value in {**first, **second}.items():
        assert shown[member] == value
