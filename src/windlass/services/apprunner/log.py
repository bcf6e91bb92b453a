"""Writes the lines that services' logs are to have: a loop over the rows that `notices.py` makes.

A line is written at least once: killed between writing and forgetting, the plane writes it again.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import groupby

from windlass.aws import arn as arns
from windlass.aws.calls import Params, Principal
from windlass.kernel.clock import MILLISECOND, MINUTE, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.apprunner.model import LINES, Line
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
PRINCIPAL = "apprunner.amazonaws.com"
_THERE = "ResourceAlreadyExistsException"


class ServiceLog:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self.loop = Loop("apprunner.log", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((LINES,), self._on_line)

    def _on_line(self, change: Change) -> None:
        if change.new is not None:
            self.loop.wake(change.new.service)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        for service in sorted(map(str, keys or self._plane.store[LINES].values("service"))):
            lines = self._plane.store[LINES].by("service", service)
            for (group, stream), some in groupby(lines, key=lambda line: (line.group, line.stream)):
                await self._write(service, group, stream, list(some))
        return None

    async def _write(self, service: str, group: str, stream: str, lines: list[Line]) -> None:
        place = {"logGroupName": group, "logStreamName": stream}
        events = [{"timestamp": line.at // MILLISECOND, "message": line.text} for line in lines]
        try:
            await self._make(service, "CreateLogGroup", {"logGroupName": group})
            await self._make(service, "CreateLogStream", place)
            await self._call(service, "PutLogEvents", {**place, "logEvents": events})
        except Fault as fault:  # nobody can have them
            self._plane.journal.note("apprunner", service, "log lines lost", fault.message)
        with self._plane.store.transact() as tx:
            for line in lines:
                tx[LINES].delete((line.service, line.number))

    async def _make(self, service: str, operation: str, params: Params) -> None:
        try:
            await self._call(service, operation, params)
        except Fault as fault:
            if fault.code != _THERE:
                raise

    async def _call(self, service: str, operation: str, params: Params) -> None:
        read = arns.parse(service)
        assert read is not None
        principal = Principal(read.account, read.region, PRINCIPAL)
        await self._plane.calls.call("logs", operation, params, principal)
