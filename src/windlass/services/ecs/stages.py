"""The stages of a service deployment, and what lifecycle hooks have to say at each. Pure.

A rolling update is in SCALE_UP while tasks are started and stopped; it waits before it, in PRE_SCALE_UP, and
after it, in POST_SCALE_UP, until the hooks of that stage have succeeded; one that fails fails the deployment.
RECONCILE_SERVICE comes first when several revisions have tasks. Source: ECS Developer Guide, "Lifecycle hooks
for Amazon ECS service deployments" (UNVERIFIED for rolling updates: AWS describes them for blue/green ones).
Known gap: the stages in which traffic shifts belong to strategies that need load balancers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.rows import replace
from windlass.services.ecs.service_model import HookCall, HookStatus, ServiceDeployment

BEFORE = ("RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP")
AFTER = ("POST_SCALE_UP", "BAKE_TIME")
CALL_BACK: Duration = 30 * SECOND
"""How long a hook that is IN_PROGRESS is left alone when it does not say (callBackDelay)."""


_STATUSES: tuple[HookStatus, ...] = ("SUCCEEDED", "FAILED", "IN_PROGRESS")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hook's function answered."""

    status: HookStatus
    again: Duration = CALL_BACK
    """For IN_PROGRESS: when to call it again."""


def enter(record: ServiceDeployment, stage: str, now: Instant, ids: Iterable[str]) -> ServiceDeployment:
    """The deployment at the beginning of that stage, with the calls of its hooks; `ids` name them."""
    meant = [
        hook for hook in record.rolling.shape.get("lifecycleHooks", ()) if stage in hook["lifecycleStages"]
    ]
    calls = tuple(
        HookCall(id, hook["hookTargetArn"], stage, hook.get("hookDetails"), call_at=now)
        for id, hook in zip(ids, meant, strict=False)
    )
    return replace(record, stage=stage, stage_at=now, hooks=record.hooks + calls)


def waits(record: ServiceDeployment) -> bool:
    """Whether a hook of the stage that it is in has not succeeded."""
    return any(call.status != "SUCCEEDED" for call in record.hooks if call.stage == record.stage)


def failure(record: ServiceDeployment) -> str:
    """Why its hooks fail the deployment; "" when they do not. The wording is ours."""
    for call in record.hooks:
        if call.status == "FAILED":
            return f"Lifecycle hook {call.target_arn} failed at stage {call.stage}."
    return ""


def reached(stage: str, record: ServiceDeployment, several: bool) -> str:
    """The stage after `stage` on the way to SCALE_UP; `several` revisions have tasks."""
    following = BEFORE[BEFORE.index(stage) + 1] if stage else BEFORE[0]
    return following if several or following != "RECONCILE_SERVICE" else BEFORE[1]


def answered(record: ServiceDeployment, call_id: str, answer: Answer, now: Instant) -> ServiceDeployment:
    """The deployment after a hook has answered."""
    calls = tuple(
        replace(call, status=answer.status, call_at=now + answer.again) if call.id == call_id else call
        for call in record.hooks
    )
    return replace(record, hooks=calls, updated_at=now)


def read(payload: Any) -> Answer:
    """A function's answer. What is no answer at all fails the hook.

    >>> read({"hookStatus": "IN_PROGRESS", "callBackDelay": 5})
    Answer(status='IN_PROGRESS', again=5000000000)
    """
    if not isinstance(payload, dict) or payload.get("hookStatus") not in (
        "SUCCEEDED",
        "FAILED",
        "IN_PROGRESS",
    ):
        return Answer("FAILED")
    delay = payload.get("callBackDelay")
    seconds = delay if isinstance(delay, int) and 0 < delay <= 86_400 else CALL_BACK // SECOND
    return Answer(payload["hookStatus"], seconds * SECOND)
