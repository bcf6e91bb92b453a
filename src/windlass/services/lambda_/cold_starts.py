"""Where each cold start's time went, phase by phase; the last ones of each function are kept.

A node measures what it does and sends durations; the plane knows when the event came and when the result did.
What neither can account for is the time in which a node was chosen and told, and answered: "placement". So
the phases add up to the whole wait, and clocks of nodes do not matter. Records are kept in memory only, a
bounded number for each function: they tell how it starts now, and a restart of the plane begins anew.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from windlass.fleet.function_messages import StartPhases
from windlass.fleet.messages import InvokeResult
from windlass.kernel.clock import MILLISECOND, Clock, Duration, Instant, in_seconds
from windlass.kernel.journal import Journal
from windlass.kernel.store import Change, Store
from windlass.services.lambda_.model import FUNCTIONS, Function
from windlass.services.lambda_.pool import Warm
from windlass.services.lambda_.target import Target

PHASES = ("routing", "placement", "code", "network", "sandbox", "runtime", "init", "restore")
"""In the order of their time: admission and choice of an environment; a node; fetching and unpacking the

package; the way into its VPC; the isolated process; the language's runtime; the user's own initialisation, or
in place of these two what goes on from a snapshot.
"""
KEPT_PER_FUNCTION = 100
"""Ours: enough for percentiles that mean something, some 30 KB a function."""

Kind = Literal["on-demand", "ahead"]
"""Whether an event waited for it, or it was made before one came (provisioned concurrency)."""


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One cold start. `phases` are durations in the order of PHASES, `duration` is the event's own.

    `error` is what came of the event as X-Amz-Function-Error says it, "" for success.
    """

    arn: str
    version: str
    unit_id: str
    request_id: str
    began_at: Instant
    phases: tuple[Duration, ...]
    duration: Duration
    kind: Kind = "on-demand"
    error: str = ""

    @property
    def total(self) -> Duration:
        """From the event's arrival until its handler was called."""
        return sum(self.phases)

    def sentence(self) -> str:
        """For the journal: the whole and its parts in milliseconds."""
        parts = ", ".join(
            f"{name} {took / MILLISECOND:.1f}" for name, took in zip(PHASES, self.phases, strict=True) if took
        )
        return f"{self.total / MILLISECOND:.1f} ms, {self.kind}: {parts}"

    def segment(self) -> dict[str, Any]:
        """As an X-Ray segment document (X-Ray Developer Guide, "Segment documents"); seconds since the epoch.

        Phases that took no time have no subsegment. The last one is the event itself.
        """
        at, parts = self.began_at, []
        for name, took in (*zip(PHASES, self.phases, strict=True), ("invocation", self.duration)):
            if took:
                parts.append({"name": name, "start_time": in_seconds(at), "end_time": in_seconds(at + took)})
            at += took
        return {
            "name": self.arn.split(":")[6],
            "id": self.unit_id[:16],
            "origin": "AWS::Lambda",
            "resource_arn": self.arn,
            "start_time": in_seconds(self.began_at),
            "end_time": in_seconds(at),
            "fault": bool(self.error),
            "aws": {
                "version": self.version,
                "request_id": self.request_id,
                "environment": self.unit_id,
                "start": self.kind,
            },
            "subsegments": parts,
        }


def anatomy(
    waited: Duration, routing: Duration, node: StartPhases, network: Duration = 0
) -> tuple[Duration, ...]:
    """The phases of a start that an event waited for so long, in the order of PHASES.

    `network` is the plane's own part in it. Waited 20 ms, routing 1, on the node 15 → placement 4. What a
    node did while messages were on their way is counted there, so placement is at least 0.
    """
    placement = max(0, waited - routing - network - node.total)
    network += node.network
    begun = (node.sandbox, node.runtime, node.init, node.restore)
    return (routing, placement, node.code, network, *begun)


class ColdStarts:
    """The newest KEPT_PER_FUNCTION of each function that exists."""

    def __init__(self, store: Store, journal: Journal, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        self._kept: dict[str, deque[ColdStart]] = {}
        store.watch((FUNCTIONS,), self._on_function)

    def take(self, target: Target, warm: Warm, result: InvokeResult, began: Instant | None) -> None:
        """Keep the start that the result of an environment's first event tells of; of others nothing.

        `began` is when the event came that the environment was started for; None: it was there already.
        """
        function = target.function
        if result.phases is None or self._store[FUNCTIONS].first("uid", function.uid) is None:
            return
        if began is None:
            phases = anatomy(0, 0, result.phases)
        else:
            waited = self._clock.now() - began - result.duration_ns
            routing = warm.created_at - began - warm.attached
            phases = anatomy(waited, routing, result.phases, warm.attached)
        record = ColdStart(
            arn=function.arn,
            version=target.version,
            unit_id=warm.unit_id,
            request_id=result.request_id,
            began_at=warm.created_at if began is None else began,
            phases=phases,
            duration=result.duration_ns,
            kind="ahead" if began is None else "on-demand",
            error=result.error,
        )
        self._kept.setdefault(function.uid, deque(maxlen=KEPT_PER_FUNCTION)).append(record)
        self._journal.note("lambda", record.arn, "cold start", record.sentence())

    def of(self, function: Function) -> list[ColdStart]:
        """What is kept of that function, the oldest first."""
        return list(self._kept.get(function.uid, ()))

    def _on_function(self, change: Change) -> None:
        old: Function | None = change.old
        if old is not None and change.new is None:
            self._kept.pop(old.uid, None)
