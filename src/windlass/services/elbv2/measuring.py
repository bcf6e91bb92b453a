"""AWS/ApplicationELB: what proxies count, as metrics; and how many targets are healthy, each minute.

Source: ELB User Guide, load-balancer-cloudwatch-metrics; facts/autoscaling-elb-events.md. Metrics are there
when something happened. Known gaps: no AvailabilityZone dimension, no ConsumedLCUs, no metrics of TLS errors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping

from windlass.aws.arn import parse
from windlass.aws.metric_points import of_values, one
from windlass.aws.metrics import Metrics, series
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import Count, Counted
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.services.elbv2.model import LISTENERS, TARGET_GROUPS, TARGETS, USES
from windlass.services.plane import Plane

NAMESPACE = "AWS/ApplicationELB"
PERIOD: Duration = MINUTE
OF_LOAD_BALANCER: Mapping[str, tuple[str, str]] = {
    "requests": ("RequestCount", "Count"),
    "elb_3xx": ("HTTPCode_ELB_3XX_Count", "Count"),
    "elb_4xx": ("HTTPCode_ELB_4XX_Count", "Count"),
    "elb_5xx": ("HTTPCode_ELB_5XX_Count", "Count"),
    "elb_502": ("HTTPCode_ELB_502_Count", "Count"),
    "elb_503": ("HTTPCode_ELB_503_Count", "Count"),
    "elb_504": ("HTTPCode_ELB_504_Count", "Count"),
    "elb_fixed": ("HTTP_Fixed_Response_Count", "Count"),
    "elb_redirect": ("HTTP_Redirect_Count", "Count"),
    "connections_new": ("NewConnectionCount", "Count"),
    "connections_active": ("ActiveConnectionCount", "Count"),
    "rejected": ("RejectedConnectionCount", "Count"),
    "bytes": ("ProcessedBytes", "Bytes"),
}
"""Field of Count → metric and unit, with the dimension LoadBalancer."""
OF_BOTH: Mapping[str, tuple[str, str]] = {
    "target_2xx": ("HTTPCode_Target_2XX_Count", "Count"),
    "target_3xx": ("HTTPCode_Target_3XX_Count", "Count"),
    "target_4xx": ("HTTPCode_Target_4XX_Count", "Count"),
    "target_5xx": ("HTTPCode_Target_5XX_Count", "Count"),
    "target_connection_errors": ("TargetConnectionErrorCount", "Count"),
}
"""The same, and with TargetGroup and LoadBalancer."""

Scope = tuple[str, str]
Dimensions = tuple[tuple[str, str], ...]


class Measuring:
    """One per plane."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._metrics = plane.calls.part(Metrics)
        self.loop = Loop("elbv2.metrics", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.calls.part(Proxies).on_counted(self._on_counted)

    def _on_counted(self, counted: Counted) -> None:
        of: dict[tuple[Scope, str], list[Count]] = defaultdict(list)
        for count in counted.counts:
            listener = self._plane.store[LISTENERS].get(count.frontend)
            if listener is not None:
                of[(listener.account, listener.region), listener.load_balancer].append(count)
        start = counted.until // SECOND
        for (scope, balancer), counts in of.items():
            for dimensions, some in by_dimensions(balancer, counts).items():
                self._put(scope, dimensions, some, start)

    def _put(self, scope: Scope, dimensions: Dimensions, counts: Iterable[Count], start: int) -> None:
        of_group = any(name == "TargetGroup" for name, _ in dimensions)
        counts = list(counts)
        for name, unit, value in sums(counts, of_group):
            self._add(scope, name, unit, dimensions, value, start)
        times = [time for count in counts for time in count.times]
        if times:
            of = series(*scope, NAMESPACE, "TargetResponseTime", dict(dimensions))
            self._metrics.add(of, "Seconds", start, of_values(times), now=start, fine=False)
        requests = sum(count.requests for count in counts)
        if of_group and requests:
            healthy = max(1, self._healthy(counts[0].pool)[0])
            self._add(scope, "RequestCountPerTarget", "Count", dimensions, requests / healthy, start)
            alone = tuple(pair for pair in dimensions if pair[0] == "TargetGroup")
            self._add(scope, "RequestCountPerTarget", "Count", alone, requests / healthy, start)

    def _add(
        self, scope: Scope, name: str, unit: str, dimensions: Dimensions, value: float, start: int
    ) -> None:
        of = series(*scope, NAMESPACE, name, dict(dimensions))
        self._metrics.add(of, unit, start, one(value), now=start, fine=False)

    def _healthy(self, arn: str) -> tuple[int, int]:
        """How many targets of the group are healthy, and how many unhealthy."""
        states = [row.state for row in self._plane.store[TARGETS].by("group", arn)]
        return states.count("healthy"), states.count("unhealthy")

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store, start = self._plane.store, now // SECOND
        for group in store[TARGET_GROUPS].all():
            use = store[USES].first("group", group.arn)
            if use is None or not group.check.enabled or not store[TARGETS].count("group", group.arn):
                continue
            dimensions = (load_balancer_dimension(use.load_balancer), group_dimension(group.arn))
            for name, value in zip(
                ("HealthyHostCount", "UnHealthyHostCount"), self._healthy(group.arn), strict=True
            ):
                self._add(group.scope, name, "Count", dimensions, value, start)
        return None


def by_dimensions(balancer: str, counts: Iterable[Count]) -> dict[Dimensions, list[Count]]:
    """The counts of one load balancer under each of their dimensions."""
    found: dict[Dimensions, list[Count]] = defaultdict(list)
    whole = load_balancer_dimension(balancer)
    for count in counts:
        found[(whole,)].append(count)
        if count.pool:
            found[whole, group_dimension(count.pool)].append(count)
    return found


def sums(counts: Iterable[Count], of_group: bool) -> Iterable[tuple[str, str, float]]:
    """(metric, unit, value) of those that are not zero."""
    fields = OF_BOTH if of_group else {**OF_LOAD_BALANCER, **OF_BOTH}
    counts = list(counts)
    for field, (name, unit) in fields.items():
        value = sum(getattr(count, field) for count in counts)
        if value:
            yield name, unit, value
    requests = sum(count.requests for count in counts)
    if of_group and requests:
        yield "RequestCount", "Count", requests


def load_balancer_dimension(arn: str) -> tuple[str, str]:
    """("LoadBalancer", "app/web/0123456789abcdef")."""
    read = parse(arn)
    return ("LoadBalancer", "" if read is None else read.resource.removeprefix("loadbalancer/"))


def group_dimension(arn: str) -> tuple[str, str]:
    """("TargetGroup", "targetgroup/web/0123456789abcdef")."""
    read = parse(arn)
    return ("TargetGroup", "" if read is None else read.resource)
