"""What a scenario's summary and report show: all there is, or some of it, and metrics of CloudWatch. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

from windlass.planner.scenario.parts import Part

Section: TypeAlias = Literal["tasks", "workloads", "levels", "buckets", "throttled", "metrics", "costs"]
SECTIONS: tuple[Section, ...] = get_args(Section)


class Reporting(Part, frozen=True):
    """What to report. The answer and its bottleneck are always there; `--json` has everything."""

    show: list[Section] = msgspec.field(default_factory=lambda: [*SECTIONS])
    """Sections of the summary and of the page.

    tasks: how many ran when, launch rates; workloads: requests and latencies; levels: queues, functions,
    instances, jobs; buckets and throttled: API and launch rates; metrics: those below; costs.
    """
    metrics: Annotated[list[dict[str, Any]], Meta(max_length=500)] = msgspec.field(default_factory=list)
    """MetricDataQueries as CloudWatch GetMetricData takes them, metric math too: each is a line over time.

    They may have ${name…} of answers. Of several accounts those of the first.
    """
