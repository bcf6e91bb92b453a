"""Stages of a service deployment, and its lifecycle hooks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.build import NOW
from windlass.kernel.clock import SECOND
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
