"""The stages of a service deployment, and what lifecycle hooks have to say at each. Pure.

A rolling update is in SCALE_UP while tasks are started and stopped; it waits before it, in PRE_SCALE_UP, and
after it, in POST_SCALE_UP, until the hooks of that stage have succeeded; one that fails fails the deployment.
RECONCILE_SERVICE comes first when several revisions have tasks. Stages in which requests are shifted, and
their order, are shifting.py's; hooks are the same for all. Source: ECS Developer Guide, "Lifecycle hooks for
Amazon ECS service deployments" (UNVERIFIED for rolling updates: AWS describes them for blue/green ones).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from windlass.kernel.clock import HOUR, MINUTE, SECOND, Duration, Instant
from windlass.kernel.rows import replace
from windlass.services.ecs.model import Shape
from windlass.services.ecs.service_model import HookAction, HookCall, HookStatus, ServiceDeployment

BEFORE = ("RECONCILE_SERVICE", "PRE_SCALE_UP", "SCALE_UP")
CALL_BACK: Duration = 30 * SECOND
"""How long a hook that is IN_PROGRESS is left alone when it does not say (callBackDelay)."""
HOOK_TIMEOUT: Duration = 24 * HOUR
"""When a hook is given up that says nothing of it; ECS Developer Guide, lifecycle hooks (UNVERIFIED)."""


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
    calls = tuple(_begun(id, hook, stage, now) for id, hook in zip(ids, meant, strict=False))
    return replace(record, stage=stage, stage_at=now, hooks=record.hooks + calls)


def _begun(id: str, hook: Shape, stage: str, now: Instant) -> HookCall:
    timeout = hook.get("timeoutConfiguration", {})
    minutes = timeout.get("timeoutInMinutes")
    pauses = hook.get("targetType") == "PAUSE"
    return HookCall(
        id,
        "" if pauses else hook["hookTargetArn"],
        stage,
        hook.get("hookDetails"),
        status="AWAITING_ACTION" if pauses else "IN_PROGRESS",
        call_at=now,
        expires_at=now + (HOOK_TIMEOUT if minutes is None else minutes * MINUTE),
        timeout_action=timeout.get("action", "ROLLBACK"),
    )


def waits(record: ServiceDeployment) -> bool:
    """Whether a hook of the stage that it is in does not let it go on."""
    return any(not call.passed for call in record.hooks if call.stage == record.stage)


def failure(record: ServiceDeployment) -> str:
    """Why its hooks fail the deployment; "" when they do not. The wording is ours."""
    for call in record.hooks:
        if not call.open and not call.passed:
            how = "timed out" if call.status == "TIMED_OUT" else "failed"
            return f"Lifecycle hook {call.target_arn or call.id} {how} at stage {call.stage}."
    return ""


def expired(record: ServiceDeployment, now: Instant) -> ServiceDeployment:
    """The deployment with those hooks given up that had their time."""
    calls = tuple(
        replace(call, status="TIMED_OUT") if call.open and 0 < call.expires_at <= now else call
        for call in record.hooks
    )
    return record if calls == record.hooks else replace(record, hooks=calls, updated_at=now)


def expires_at(record: ServiceDeployment) -> Instant | None:
    """When the next hook is given up."""
    return min((call.expires_at for call in record.hooks if call.open and call.expires_at), default=None)


def decided(
    record: ServiceDeployment, call_id: str, action: HookAction, now: Instant
) -> ServiceDeployment | None:
    """The deployment after ContinueServiceDeployment; None when no such hook waits for it."""
    if not any(call.id == call_id and call.status == "AWAITING_ACTION" for call in record.hooks):
        return None
    return _with_status(record, call_id, "SUCCEEDED" if action == "CONTINUE" else "FAILED", now, now)


def reached(stage: str, record: ServiceDeployment, several: bool) -> str:
    """The stage after `stage` on the way to SCALE_UP; `several` revisions have tasks."""
    following = BEFORE[BEFORE.index(stage) + 1] if stage else BEFORE[0]
    return following if several or following != "RECONCILE_SERVICE" else BEFORE[1]


def answered(record: ServiceDeployment, call_id: str, answer: Answer, now: Instant) -> ServiceDeployment:
    """The deployment after a hook has answered; an answer that comes too late changes nothing."""
    return _with_status(record, call_id, answer.status, now + answer.again, now)


def _with_status(
    record: ServiceDeployment, call_id: str, status: HookStatus, call_at: Instant, now: Instant
) -> ServiceDeployment:
    calls = tuple(
        replace(call, status=status, call_at=call_at) if call.id == call_id and call.open else call
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
