"""What was asked of an account lately, as workloads: the busiest hour, and how long answers took in it. Pure.

Times are told as the lognormal of their median and their 99th percentile. Known gaps: what invokes a function
besides requests (rules, other functions) counts as a workload of its own; errors and retries are requests.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.planner.live.draft import Draft
from windlass.planner.live.found import Found, Row

HOUR_S = 3_600
REQUESTS_MAX = 100_000
"""Of a workload, about: a plan need not take long to say what an hour does."""
LASTS_S = (60, 600)
P99 = 2.326
"""Standard deviations above its median at which a normal distribution has its 99th percentile."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Where CloudWatch has the traffic of one thing. `scale`: seconds of a unit of `time`."""

    to: str
    """What it is to a workload: load_balancer, function, …"""
    name: str
    namespace: str
    requests: str
    dimensions: Mapping[str, str]
    time: str = ""
    scale: float = 1.0


def measured(found: Found) -> list[Measured]:
    """What to ask CloudWatch about."""
    balancers = [
        Measured(
            "load_balancer",
            one["LoadBalancerName"],
            "AWS/ApplicationELB",
            "RequestCount",
            {"LoadBalancer": one["LoadBalancerArn"].split(":loadbalancer/")[-1]},
            "TargetResponseTime",
        )
        for one in found.of("elbv2.load_balancers")
        if one.get("Type") == "application"
    ]
    functions = [
        Measured(
            "function",
            one["FunctionName"],
            "AWS/Lambda",
            "Invocations",
            {"FunctionName": one["FunctionName"]},
            "Duration",
            0.001,
        )
        for one in found.of("lambda.functions")
    ]
    services = [
        Measured(
            "app_runner",
            one["ServiceName"],
            "AWS/AppRunner",
            "Requests",
            {"ServiceName": one["ServiceName"], "ServiceID": one["ServiceId"]},
            "RequestLatency",
            0.001,
        )
        for one in found.of("apprunner.services")
    ]
    queues = [
        Measured("queue", name, "AWS/SQS", "NumberOfMessagesSent", {"QueueName": name})
        for one in found.of("sqs.queues")
        if (name := str(one["Attributes"]["QueueArn"]).rsplit(":", 1)[1])
    ]
    return [*balancers, *functions, *services, *queues]


def draft_traffic(draft: Draft) -> None:
    """Workloads, and how long functions take."""
    found = draft.found
    fed = {str(one["FunctionArn"]).split(":function:")[-1] for one in found.of("lambda.mappings")}
    for row in found.of("cloudwatch.traffic"):
        takes = _takes(row)
        of: Measured = row["of"]
        if of.to == "function" and takes is not None:
            draft.functions[of.name] = {"takes": takes}
        if not row["hours"] or (of.to == "function" and of.name in fed):
            continue  # what its queue brings is the workload
        workload = _workload(row, of)
        if of.to in ("load_balancer", "app_runner") and takes is not None:
            workload["service_time"] = takes
        draft.workloads.append((_said(row), workload))


def _workload(row: Row, of: Measured) -> dict[str, Any]:
    rate = max(row["hours"].values()) / HOUR_S
    lasts = min(max(LASTS_S[0], REQUESTS_MAX / rate), LASTS_S[1])
    name = of.name.removesuffix(".fifo")
    return {
        "name": f"{name}-{of.to}".replace("_", "-"),
        "to": {of.to: of.name},
        "arrivals": {"poisson": per_second(rate)},
        "lasts": f"{lasts:.0f}s",
    }


def _said(row: Row) -> str:
    """For people: when the busiest hour was, and how much more than usual."""
    hours = row["hours"]
    busiest = max(hours, key=hours.__getitem__)
    mean = sum(hours.values()) / row["over_h"] / HOUR_S
    return f"the busiest hour of {row['over_h']}, from {busiest}; on average {per_second(mean)}"


def _takes(row: Row) -> dict[str, Any] | None:
    """What answers took in the busiest hour."""
    hours = row["hours"]
    median, p99 = row["times"].get(max(hours, key=hours.__getitem__), (0.0, 0.0)) if hours else (0.0, 0.0)
    if median <= 0:
        return None
    sigma = math.log(max(p99, median) / median) / P99
    said = f"{median:.2f}s" if median >= 1 else f"{median * 1_000:.2f}ms"
    return {"lognormal": {"median": said, "sigma": round(min(sigma, 5.0), 2)}}


def per_second(rate: float) -> str:
    """A rate as scenarios say it.

    >>> per_second(1234.5), per_second(2.346), per_second(0.001)
    ('1234/s', '2.35/s', '3.6/h')
    """
    if rate < 0.01:
        return f"{rate * HOUR_S:.2g}/h"
    return f"{rate:.0f}/s" if rate >= 100 else f"{rate:.3g}/s"
