"""The hot path: one event to one environment, and its result.

Admission → an idle environment or a new one → the node → the result. Writes nothing for a warm start. Knows
neither who calls nor why; handlers/invocations.py and events.py do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from windlass.fleet.messages import ENVIRONMENT_GONE, Invoke, InvokeResult
from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Fault
from windlass.kernel.store import Change
from windlass.services.lambda_ import find
from windlass.services.lambda_.concurrency import Reason, Usage, account_limit, admit
from windlass.services.lambda_.environments import Environments
from windlass.services.lambda_.limits import ENVIRONMENT_LIFE
from windlass.services.lambda_.model import FUNCTIONS, Function
from windlass.services.lambda_.pool import Warm
from windlass.services.lambda_.target import Target
from windlass.services.plane import Plane

ENVIRONMENTS_STARTED_MAX = 5
"""Environments started for one invocation before it gives up, should each end before the event gets there."""
SCALING_BUCKET = "lambda.environment_starts"
"""New environments of one function: 1,000 per 10 s; Lambda developer guide, "Lambda function scaling"."""


@dataclass(frozen=True, slots=True)
class Event:
    """What to invoke with. `tail` asks for the end of the log."""

    request_id: str
    payload: bytes
    client_context: str = ""
    tail: bool = False


class Invoker:
    """Invokes functions of one plane, and counts what runs."""

    def __init__(self, plane: Plane, environments: Environments) -> None:
        self._plane = plane
        self._environments = environments
        self._chance = plane.chance.stream("lambda.alias")
        self._running: Counter[str] = Counter()
        self._unreserved: Counter[tuple[str, str]] = Counter()
        self._reserved: Counter[tuple[str, str]] = Counter()
        for function in plane.store[FUNCTIONS].all():
            self._reserved[function.account, function.region] += function.reserved or 0
        plane.store.watch((FUNCTIONS,), self._on_function)

    def target(self, function: Function, qualifier: str = "") -> Target:
        """What an invocation with that qualifier runs; an alias with weights chooses each time anew.

        Raises Fault: ResourceNotFoundException for a qualifier that is not, ResourceConflictException for
        a function or version that is still Pending.
        """
        return find.target(self._plane.store, function, qualifier, self._chance.random)

    async def invoke(self, target: Target, event: Event) -> InvokeResult:
        """Run the event; its result may be a function error.

        Raises Fault (TooManyRequestsException, ServiceException) and Retry when the node was lost on the
        way: the event may have run then.
        """
        function = target.function
        scope = (function.account, function.region)
        counted = 1 if function.reserved is None else 0
        self._admit(function, scope)
        self._running[function.uid] += 1
        self._unreserved[scope] += counted
        try:
            return await self._run(target, event)
        finally:
            self._unreserved[scope] -= counted
            self._running[function.uid] -= 1
            if not self._running[function.uid]:
                del self._running[function.uid]

    def _admit(self, function: Function, scope: tuple[str, str]) -> None:
        usage = Usage(self._running[function.uid], self._unreserved[scope], self._reserved[scope])
        reason = admit(function.reserved, usage, account_limit(self._plane.quotas, scope))
        if reason is not None:
            raise throttled(reason)

    async def _run(self, target: Target, event: Event) -> InvokeResult:
        started = 0
        while started < ENVIRONMENTS_STARTED_MAX:
            environment = self._idle(target)
            if environment is None:
                started += 1
                environment = await self._start(target)
            result = await self._hand_over(target, environment, event)
            if result.error != ENVIRONMENT_GONE:
                return result
        raise Fault("ServiceException", "The execution environments of the function end before they run")

    def _idle(self, target: Target) -> Warm | None:
        pool = self._environments.pool(target.pool)
        return pool.choose(target.generation, self._plane.clock.now(), ENVIRONMENT_LIFE)

    async def _start(self, target: Target) -> Warm:
        function = target.function
        scope, now = (function.account, function.region), self._plane.clock.now()
        if not self._plane.quotas.take(SCALING_BUCKET, scope, 1, now, subject=function.name):
            raise throttled("FunctionInvocationRateLimitExceeded")
        return await self._environments.start(target)

    async def _hand_over(self, target: Target, environment: Warm, event: Event) -> InvokeResult:
        """Give it to the environment. One whose end is unknown gets no other event."""
        pool = self._environments.pool(target.pool)
        invoke = Invoke(
            request_id=event.request_id,
            unit_id=environment.unit_id,
            payload=event.payload,
            deadline_ns=self._plane.clock.now() + target.settings.timeout_s * SECOND,
            function_arn=target.arn,
            tail=event.tail,
            client_context=event.client_context,
        )
        try:
            await self._environments.connected(environment.node_id)
            result = await self._plane.links.invoke(environment.node_id, invoke)
        except BaseException:
            pool.drop(environment.unit_id)
            self._environments.unwant([environment.unit_id])
            raise
        if not result.usable:
            pool.drop(environment.unit_id)
        elif not pool.finished(environment.unit_id, self._plane.clock.now()):
            self._environments.unwant([environment.unit_id])
        return result

    def _on_function(self, change: Change) -> None:
        for function, sign in ((change.old, -1), (change.new, 1)):
            if function is not None and function.reserved:
                self._reserved[function.account, function.region] += sign * function.reserved


def throttled(reason: Reason) -> Fault:
    return Fault(
        "TooManyRequestsException", "Rate Exceeded.", status=429, members={"Reason": reason, "Type": "User"}
    )
