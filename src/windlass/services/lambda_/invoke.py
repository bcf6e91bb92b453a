"""The hot path: one event to one environment, and its result.

Admission → an idle environment or a new one → the node → the result. Writes nothing for a warm start. Knows
neither who calls nor why; handlers/invocations.py and events.py do.
"""

from __future__ import annotations

from dataclasses import dataclass

from windlass.fleet.chunks import Chunks
from windlass.fleet.messages import ENVIRONMENT_GONE, Invoke, InvokeResult
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.ids import Ids
from windlass.services.lambda_.admission import Admission
from windlass.services.lambda_.cold_starts import ColdStarts
from windlass.services.lambda_.concurrency import TOO_MANY
from windlass.services.lambda_.environments import Environments
from windlass.services.lambda_.find import put_row, version_at
from windlass.services.lambda_.limits import ENVIRONMENT_LIFE
from windlass.services.lambda_.measuring import Measuring, subject_of
from windlass.services.lambda_.model import Function, Version
from windlass.services.lambda_.names import not_ready, snapshot_not_ready
from windlass.services.lambda_.pool import Warm
from windlass.services.lambda_.recursion import RUNS_MAX, mark_of, one_more, runs, stopped
from windlass.services.lambda_.target import Target, latest, published
from windlass.services.lambda_.tracing import trace_id
from windlass.services.lambda_.transitions import invoked
from windlass.services.plane import Plane

ENVIRONMENTS_STARTED_MAX = 5
"""Environments started for one invocation before it gives up, should each end before the event gets there."""


@dataclass(frozen=True, slots=True)
class Event:
    """What to invoke with. `tail` asks for the end of the log; `queued` is an asynchronous event."""

    request_id: str
    payload: bytes
    client_context: str = ""
    tail: bool = False
    queued: bool = False
    trace_id: str = ""
    """X-Amzn-Trace-Id as the caller gave it."""
    chunks: Chunks | None = None
    """Where the response goes in pieces, if the function streams it; None: it is wanted whole."""


class Invoker:
    """Invokes functions of one plane."""

    def __init__(
        self, plane: Plane, environments: Environments, cold_starts: ColdStarts, measuring: Measuring
    ) -> None:
        self._plane = plane
        self._environments = environments
        self._cold_starts = cold_starts
        self._chance = plane.chance.stream("lambda.alias")
        self._revisions = Ids(plane.chance.stream("lambda.revision.invoked"))
        self._ids = Ids(plane.chance.stream("lambda.trace"))
        self._measuring = measuring
        self._admission = Admission(plane, measuring)

    def target(self, function: Function, qualifier: str = "") -> Target:
        """What an invocation with that qualifier runs; an alias with weights chooses each time anew.

        Raises Fault: ResourceNotFoundException for a qualifier that is not, ResourceConflictException for
        a function or version that is Pending or Failed, ResourceNotReadyException for one that was Inactive:
        it is Pending from then on.
        """
        version = version_at(self._plane.store, function, qualifier, self._chance.random)
        row = version or function
        if row.state == "Inactive":
            self._restore(row)
            restored = version is not None and version.settings.snap_start
            raise snapshot_not_ready() if restored else not_ready()
        return latest(function, qualifier) if version is None else published(function, version, qualifier)

    def _restore(self, row: Function | Version) -> None:
        with self._plane.store.transact() as tx:
            put_row(tx, invoked(row, self._plane.clock.now(), self._revisions.uuid()))

    async def invoke(self, target: Target, event: Event) -> InvokeResult:
        """Run the event; its result may be a function error.

        Raises Fault (TooManyRequestsException, ServiceException, RecursiveInvocationException) and Retry
        when the node was lost on the way: the event may have run then.
        """
        subject, add = subject_of(target), self._measuring.add
        if self._loops(target.function, event):
            add(subject, "RecursiveInvocationsDropped")
            raise stopped(target.function.arn)
        pool = self._environments.pool(target.pool)
        provisioned = pool.provisioned_idle > 0
        try:
            slot = self._admission.enter(
                target.function, counts_as_request=not event.queued, provisioned=provisioned
            )
            self._measuring.provisioned(subject, pool.provisioned_busy, pool.provisioned_idle)
            try:
                result = await self._run(target, event)
            finally:
                self._admission.leave(slot)
        except Fault as fault:
            if fault.code == TOO_MANY:
                add(subject, "Throttles")
            raise
        add(subject, "Invocations")
        add(subject, "Errors", 1 if result.error else 0)
        add(subject, "Duration", result.duration_ns / MILLISECOND)
        return result

    def _loops(self, function: Function, event: Event) -> bool:
        if function.recursive_loop == "Allow" or not event.trace_id:
            return False
        return runs(event.trace_id, mark_of(function.arn)) >= RUNS_MAX

    async def _run(self, target: Target, event: Event) -> InvokeResult:
        started, began = 0, self._plane.clock.now()
        while started < ENVIRONMENTS_STARTED_MAX:
            environment, warm = self._idle(target), True
            if environment is None:
                started, warm = started + 1, False
                self._admission.start_environment(target.function)
                environment = await self._environments.start(target)
            result = await self._hand_over(target, environment, event)
            if result.error != ENVIRONMENT_GONE:
                self._cold_starts.take(target, environment, result, None if warm else began)
                return result
        raise Fault("ServiceException", "The execution environments of the function end before they run")

    def _idle(self, target: Target) -> Warm | None:
        pool = self._environments.pool(target.pool)
        return pool.choose(target.generation, self._plane.clock.now(), ENVIRONMENT_LIFE)

    async def _hand_over(self, target: Target, environment: Warm, event: Event) -> InvokeResult:
        """Give it to the environment. One whose end is unknown gets no other event."""
        trace = trace_id(event.trace_id, self._plane.clock.now(), self._ids.hex(40))
        invoke = Invoke(
            request_id=event.request_id,
            unit_id=environment.unit_id,
            payload=event.payload,
            deadline_ns=self._plane.clock.now() + target.settings.timeout_s * SECOND,
            function_arn=target.arn,
            tail=event.tail,
            client_context=event.client_context,
            trace_id=one_more(trace, mark_of(target.function.arn)),
            stream=event.chunks is not None,
        )
        result = await self._ask(target, environment, invoke, event.chunks)
        if result.settling:
            again = Invoke(self._ids.uuid(), environment.unit_id, b"", 0, target.arn, settles=True)
            work = self._settle(target, environment, again)
            self._plane.spawn.start(f"lambda extensions {environment.unit_id}", work)
        return result

    async def _settle(self, target: Target, environment: Warm, invoke: Invoke) -> None:
        """The caller has its answer; the environment takes no other event until its extensions are done."""
        try:
            await self._ask(target, environment, invoke)
        except Retry as error:
            self._plane.journal.note("lambda", environment.unit_id, "extensions not heard", error.why)

    async def _ask(
        self, target: Target, environment: Warm, invoke: Invoke, chunks: Chunks | None = None
    ) -> InvokeResult:
        """Give that to the environment; afterwards it is free for another event, unless it says otherwise."""
        pool = self._environments.pool(target.pool)
        try:
            await self._environments.connected(environment.node_id)
            result = await self._plane.links.invoke(environment.node_id, invoke, chunks)
        except BaseException:
            pool.drop(environment.unit_id)
            self._environments.unwant([environment.unit_id])
            raise
        if not result.usable:
            pool.drop(environment.unit_id)
        elif not result.settling and not pool.finished(environment.unit_id, self._plane.clock.now()):
            self._environments.unwant([environment.unit_id])
        return result
