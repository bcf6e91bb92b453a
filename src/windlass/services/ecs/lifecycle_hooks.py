"""Calls the Lambda functions that are hooks of service deployments, and writes down what they answer.

At least once: a call whose answer a killed plane did not write down is made again. What an answer means is
stages.py's business.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import msgspec

from windlass.aws.calls import Principal
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.ecs import references, stages, traffic
from windlass.services.ecs.service_model import SERVICE_DEPLOYMENTS, HookCall, ServiceDeployment
from windlass.services.plane import Plane

LOOK_PERIOD: Duration = MINUTE
PRINCIPAL = "ecs.amazonaws.com"


class LifecycleHooks:
    """Makes the calls that are due, each in a task of its own: functions may take minutes."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._calling: set[str] = set()
        self.loop = Loop("ecs.lifecycle_hooks", plane.clock, plane.journal, self._pass, period=LOOK_PERIOD)
        plane.store.watch((SERVICE_DEPLOYMENTS,), self._changed)

    def _changed(self, change: Change) -> None:
        row: ServiceDeployment | None = change.new
        if row is not None and row.hooks and not row.ended:
            self.loop.wake(row.id)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        due: list[Instant] = []
        for row in self._plane.store[SERVICE_DEPLOYMENTS].by("hooked", "yes"):
            for call in row.hooks:
                if call.status != "IN_PROGRESS" or call.id in self._calling:
                    continue
                if call.call_at <= now:
                    self._calling.add(call.id)
                    self._plane.spawn.start(f"lifecycle hook {call.id}", self._call(row, call))
                else:
                    due.append(call.call_at)
        return min(due, default=None)

    async def _call(self, row: ServiceDeployment, call: HookCall) -> None:
        try:
            answer = await self._answer(row, call)
            with self._plane.store.transact() as tx:
                fresh = tx[SERVICE_DEPLOYMENTS].get(row.id)
                if fresh is not None and not fresh.ended:
                    now = self._plane.clock.now()
                    tx[SERVICE_DEPLOYMENTS].put(stages.answered(fresh, call.id, answer, now))
            self._plane.journal.note("ecs", row.arn, f"hook {answer.status}", call.target_arn)
        finally:
            self._calling.discard(call.id)
            self.loop.wake(row.id)

    async def _answer(self, row: ServiceDeployment, call: HookCall) -> stages.Answer:
        """A function that cannot be called, or fails, fails the hook."""
        principal = Principal(row.account, row.region, PRINCIPAL)
        payload = msgspec.json.encode(_event(row, call, traffic.percents(self._plane.store, row)))
        try:
            answer = await self._plane.calls.call(
                "lambda", "Invoke", {"FunctionName": call.target_arn, "Payload": payload}, principal
            )
        except Fault as fault:
            self._plane.journal.note("ecs", row.arn, "hook not called", fault.message)
            return stages.Answer("FAILED")
        if answer.get("FunctionError"):
            return stages.Answer("FAILED")
        try:
            return stages.read(msgspec.json.decode(answer["Payload"]))
        except msgspec.DecodeError:
            return stages.Answer("FAILED")


def _event(
    row: ServiceDeployment, call: HookCall, percents: Mapping[str, tuple[float, float]]
) -> dict[str, Any]:
    """What the function is given (ECS Developer Guide, lifecycle hook functions).

    The weights are by ARN of the revision, as far as the strategy shifts requests; the page shows none.
    """
    scope = (row.account, row.region, row.cluster, row.service)
    arns = {id: references.revision_arn(*scope, id) for id in percents} if row.rolling.shifts else {}
    event = {
        "executionDetails": {
            "serviceArn": references.service_arn(*scope),
            "targetServiceRevisionArn": references.revision_arn(*scope, row.target_revision),
            "testTrafficWeights": {arn: percents[id][1] for id, arn in arns.items()},
            "productionTrafficWeights": {arn: percents[id][0] for id, arn in arns.items()},
        },
        "executionId": call.id,
        "lifecycleStage": call.stage,
        "resourceArn": row.arn,
    }
    return event if call.details is None else {**event, "hookDetails": call.details}
