"""Access logs of load balancers: lines that proxies write, in AWS's format, put into a log group.

AWS writes files to an S3 bucket, which is not here. With `access_logs.s3.enabled` the lines go to the log
group /aws/elasticloadbalancing/app/NAME/ID, a stream for each listener. As on AWS they are best effort: lines
wait in memory, and the oldest go when there are too many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from windlass.aws.calls import Principal
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import AccessLines
from windlass.kernel.clock import MILLISECOND, MINUTE, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.services.elbv2.model import LISTENERS, Listener
from windlass.services.elbv2.networks import PRINCIPAL
from windlass.services.plane import Plane

WAITING_MAX = 20_000  # lines of a listener that wait to be written; ours
PER_CALL_MAX = 1_000  # lines per PutLogEvents, which takes 1 MB; ours
LINE_CHARS_MAX = 900  # of a line, so that so many of them fit, whatever their characters; ours
GROUP = "/aws/elasticloadbalancing/"
PERIOD: Duration = MINUTE


class AccessLogs:
    """One per plane."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._waiting: dict[str, deque[tuple[Instant, str]]] = {}
        self.loop = Loop("elbv2.access_logs", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.calls.part(Proxies).on_access(self._on_access)

    def _on_access(self, access: AccessLines) -> None:
        if self._plane.store[LISTENERS].get(access.frontend) is None:
            return
        waiting = self._waiting.setdefault(access.frontend, deque(maxlen=WAITING_MAX))
        now = self._plane.clock.now()
        waiting.extend((now, line[:LINE_CHARS_MAX]) for line in access.lines if line)
        self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        for arn in sorted(self._waiting):
            listener = self._plane.store[LISTENERS].get(arn)
            waiting = self._waiting[arn]
            lines = [waiting.popleft() for _ in range(min(PER_CALL_MAX, len(waiting)))]
            if not waiting:
                del self._waiting[arn]
            if listener is not None and lines:
                await self._write(listener, lines)
        return now if self._waiting else None

    async def _write(self, listener: Listener, lines: list[tuple[Instant, str]]) -> None:
        balancer, _, stream = listener.path.rpartition("/")
        place = {"logGroupName": GROUP + balancer, "logStreamName": stream}
        events = [{"timestamp": at // MILLISECOND, "message": line} for at, line in lines]
        principal = Principal(listener.account, listener.region, PRINCIPAL)
        steps = (
            ("CreateLogGroup", {"logGroupName": place["logGroupName"]}),
            ("CreateLogStream", place),
            ("PutLogEvents", {**place, "logEvents": events}),
        )
        for operation, params in steps:
            try:
                await self._plane.calls.call("logs", operation, params, principal)
            except Fault as fault:
                if fault.code != "ResourceAlreadyExistsException":
                    self._plane.journal.note("elbv2", listener.arn, "access log not written", str(fault))
                    return
