"""Stages of a service deployment, and its lifecycle hooks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import NOW
from windlass.kernel.clock import HOUR, MINUTE, SECOND
from windlass.kernel.rows import replace
from windlass.services.ecs import stages
from windlass.services.ecs.service_model import Rolling, ServiceDeployment

BEFORE_HOOK = {"hookTargetArn": "arn:check", "roleArn": "arn:role", "lifecycleStages": ["PRE_SCALE_UP"]}
RECORD = ServiceDeployment(
    "d", "1", "r", "main", "web", "s", NOW, NOW, "7", rolling=Rolling(shape={"lifecycleHooks": [BEFORE_HOOK]})
)


def test_the_way_to_scaling_up() -> None:
    """RECONCILE_SERVICE is only for services of which several revisions run."""
    assert stages.reached("", RECORD, several=False) == "PRE_SCALE_UP"
    assert stages.reached("", RECORD, several=True) == "RECONCILE_SERVICE"
    assert stages.reached("RECONCILE_SERVICE", RECORD, several=False) == "PRE_SCALE_UP"
    assert stages.reached("PRE_SCALE_UP", RECORD, several=True) == "SCALE_UP"


def test_a_stage_waits_for_its_hooks_alone() -> None:
    """1. It waits. 2. Not done yet: later again. 3. Done. 4. Another stage has none."""
    entered = stages.enter(RECORD, "PRE_SCALE_UP", NOW, ["h1"])
    assert stages.waits(entered) and entered.hooks[0].call_at == NOW
    asked = stages.answered(entered, "h1", stages.Answer("IN_PROGRESS", 5 * SECOND), NOW)
    assert stages.waits(asked) and asked.hooks[0].call_at == NOW + 5 * SECOND
    done = stages.answered(asked, "h1", stages.Answer("SUCCEEDED"), NOW)
    assert not stages.waits(done) and not stages.failure(done)
    assert not stages.waits(stages.enter(done, "SCALE_UP", NOW, ["h2"]))


def test_a_hook_that_failed_fails_the_deployment() -> None:
    entered = stages.enter(RECORD, "PRE_SCALE_UP", NOW, ["h1"])
    failed = stages.answered(entered, "h1", stages.Answer("FAILED"), NOW)
    assert stages.waits(failed)
    assert stages.failure(failed) == "Lifecycle hook arn:check failed at stage PRE_SCALE_UP."
    assert stages.failure(replace(failed, stage="SCALE_UP"))


PAUSE_HOOK = {
    "targetType": "PAUSE",
    "lifecycleStages": ["PRE_SCALE_UP"],
    "timeoutConfiguration": {"timeoutInMinutes": 1, "action": "CONTINUE"},
}


def test_a_pause_waits_for_a_decision() -> None:
    """1. It waits. 2. Only for its own decision. 3. CONTINUE goes on. 4. ROLLBACK fails it. 5. Once only."""
    record = replace(RECORD, rolling=Rolling(shape={"lifecycleHooks": [PAUSE_HOOK]}))
    entered = stages.enter(record, "PRE_SCALE_UP", NOW, ["h1"])
    assert stages.waits(entered) and entered.hooks[0].status == "AWAITING_ACTION"
    assert stages.decided(entered, "h2", "CONTINUE", NOW) is None
    gone_on = stages.decided(entered, "h1", "CONTINUE", NOW)
    assert gone_on is not None and not stages.waits(gone_on) and not stages.failure(gone_on)
    back = stages.decided(entered, "h1", "ROLLBACK", NOW)
    assert back is not None and stages.failure(back) == "Lifecycle hook h1 failed at stage PRE_SCALE_UP."
    assert stages.decided(back, "h1", "CONTINUE", NOW) is None


def test_a_hook_is_given_up_in_time() -> None:
    """A pause goes on after its minute, as it says; a function has a day and then fails the deployment."""
    record = replace(RECORD, rolling=Rolling(shape={"lifecycleHooks": [PAUSE_HOOK, BEFORE_HOOK]}))
    entered = stages.enter(record, "PRE_SCALE_UP", NOW, ["h1", "h2"])
    assert stages.expires_at(entered) == NOW + MINUTE
    assert stages.expired(entered, NOW + MINUTE - 1) == entered
    first = stages.expired(entered, NOW + MINUTE)
    assert [call.status for call in first.hooks] == ["TIMED_OUT", "IN_PROGRESS"]
    assert stages.waits(first) and not stages.failure(first)
    second = stages.expired(first, NOW + 24 * HOUR)
    assert stages.failure(second) == "Lifecycle hook arn:check timed out at stage PRE_SCALE_UP."
    assert stages.expires_at(second) is None
    late = stages.answered(second, "h2", stages.Answer("SUCCEEDED"), NOW)
    assert stages.failure(late)


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        ({"hookStatus": "SUCCEEDED"}, stages.Answer("SUCCEEDED")),
        ({"hookStatus": "IN_PROGRESS", "callBackDelay": 60}, stages.Answer("IN_PROGRESS", 60 * SECOND)),
        ({"hookStatus": "IN_PROGRESS", "callBackDelay": -1}, stages.Answer("IN_PROGRESS")),
        ({"hookStatus": "IN_PROGRESS", "callBackDelay": "soon"}, stages.Answer("IN_PROGRESS")),
        ({"hookStatus": "fine"}, stages.Answer("FAILED")),
        (None, stages.Answer("FAILED")),
        ("SUCCEEDED", stages.Answer("FAILED")),
    ],
)
def test_what_a_function_may_answer(payload: Any, answer: stages.Answer) -> None:
    assert stages.read(payload) == answer
