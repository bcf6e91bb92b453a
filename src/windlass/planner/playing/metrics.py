"""Metrics of CloudWatch that a scenario wants reported: asked as by a client, with GetMetricData.

They are what the plane's services publish, under AWS's names and for AWS's periods: the last minute of a run
has no points yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from windlass.kernel.clock import MINUTE, SECOND, Clock, Instant
from windlass.kernel.faults import Fault
from windlass.planner.playing.calling import Calling
from windlass.planner.playing.changes import CannotPlay

WHERE = "report.metrics"


@dataclass(frozen=True, slots=True)
class Measured:
    """One query's points."""

    id: str
    title: str
    """Of the chart: queries of one metric and statistic share it."""
    label: str
    points: tuple[tuple[float, float], ...]
    """(seconds since the scenario's begin, value), in order."""


@dataclass(slots=True)
class Queries:
    """Of one run. `wanted`: MetricDataQueries."""

    calling: Calling
    clock: Clock
    wanted: Sequence[Mapping[str, Any]]
    notes: list[str] = field(default_factory=list)
    """What nothing was published of."""

    async def check(self) -> None:
        """Whether they can be asked for. Raises CannotPlay."""
        if self.wanted:
            await self._ask(self.clock.now() - MINUTE)

    async def read(self, began: Instant) -> tuple[Measured, ...]:
        """All of them since then. To be called once."""
        if not self.wanted:
            return ()
        found = await self._ask(began)
        by_id = {one["Id"]: one for one in self.wanted}
        measured = []
        for answer in found:
            points = zip(answer["Timestamps"], answer["Values"], strict=True)
            shown = sorted((max(0.0, at - began / SECOND), value) for at, value in points)
            measured.append(
                Measured(answer["Id"], _title(by_id[answer["Id"]]), answer["Label"], tuple(shown))
            )
            if not shown:
                self.notes.append(
                    f"report: nothing was published of {measured[-1].id} ({measured[-1].title})"
                )
        return tuple(measured)

    async def _ask(self, since: Instant) -> list[dict[str, Any]]:
        """An answer for each query that returns data, from all pages."""
        start, end = since // (60 * SECOND) * 60, -(-self.clock.now() // SECOND)
        params: dict[str, Any] = {"MetricDataQueries": list(self.wanted), "StartTime": start, "EndTime": end}
        found: dict[str, dict[str, Any]] = {}
        while True:
            try:
                answer = await self.calling.once({"cloudwatch.GetMetricData": params}, WHERE)
            except Fault as fault:
                raise CannotPlay(f"{WHERE}: {fault.code}: {fault.message}") from fault
            for one in answer["MetricDataResults"]:
                known = found.setdefault(one["Id"], {**one, "Timestamps": [], "Values": []})
                known["Timestamps"] += one["Timestamps"]
                known["Values"] += one["Values"]
            if not answer.get("NextToken"):
                return list(found.values())
            params["NextToken"] = answer["NextToken"]


def _title(query: Mapping[str, Any]) -> str:
    stat = query.get("MetricStat")
    if stat is None:
        return str(query.get("Label") or query.get("Expression"))
    metric = stat["Metric"]
    return f"{metric['Namespace']} {metric['MetricName']}, {stat['Stat']} of {stat['Period']} s"
