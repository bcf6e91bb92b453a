"""What a period's requests and instances come to, as CloudWatch names it: namespace AWS/AppRunner. Pure.

Requests are counted each, so that the sum tells how many; of latencies percentiles are known; what is at a
level (concurrency, active instances) is taken at each change. What did not happen is not published. Source:
App Runner Developer Guide, monitor-cw (facts/apprunner.md, 8); the dimensions are unverified.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from windlass.aws.metric_points import Summary, join, of_values, one
from windlass.fleet.proxy_messages import Count
from windlass.kernel.clock import SECOND
from windlass.services.apprunner.scaling import Bill

NAMESPACE = "AWS/AppRunner"
UNITS: Mapping[str, str] = {
    "Requests": "Count",
    "2xxStatusResponses": "Count",
    "4xxStatusResponses": "Count",
    "5xxStatusResponses": "Count",
    "RequestLatency": "Milliseconds",
    "ActiveInstances": "Count",
    "Concurrency": "Count",
    "CPUUtilization": "Percent",
    "MemoryUtilization": "Percent",
}
"""All metrics that are published there."""
OWN_NAMESPACE = "Windlass/AppRunner"
OWN_UNITS: Mapping[str, str] = {"ProvisionedInstanceTime": "Seconds", "ActiveInstanceTime": "Seconds"}
"""What a service is to pay for, which AWS tells in bills only: instances times seconds, in each period."""

Value: TypeAlias = tuple[str, Summary]
"""A metric's name, and values of it."""


class Subject(NamedTuple):
    """What values are of: a service, or one of its instances."""

    account: str
    region: str
    name: str
    id: str
    instance: str = ""

    @property
    def dimensions(self) -> tuple[tuple[str, str], ...]:
        """Sorted by name."""
        own = (("Instance", self.instance),) if self.instance else ()
        return (*own, ("ServiceID", self.id), ("ServiceName", self.name))


class Period:
    """All values of one period."""

    def __init__(self) -> None:
        self._values: dict[tuple[Subject, str], Summary] = {}

    def add(self, subject: Subject, values: Iterable[Value]) -> None:
        for name, summary in values:
            known = self._values.get((subject, name))
            self._values[subject, name] = summary if known is None else join(known, summary)

    def points(self) -> Iterator[tuple[Subject, str, Summary]]:
        """What is to be published."""
        for (subject, name), summary in self._values.items():
            yield subject, name, summary


def of_requests(count: Count) -> Iterator[Value]:
    """What a proxy counted. A 429 of the proxy's own is one of the service's 4xx too."""
    happened = {
        "Requests": count.requests,
        "2xxStatusResponses": count.target_2xx,
        "4xxStatusResponses": count.target_4xx + count.elb_4xx,
        "5xxStatusResponses": count.target_5xx + count.elb_5xx,
    }
    for name, times in happened.items():
        if times:
            yield name, one(1, times)
    if count.times:
        yield "RequestLatency", of_values((seconds * 1_000, times) for seconds, times in count.times)


def of_level(name: str, value: float) -> Iterator[Value]:
    """A level as it is now."""
    yield name, one(value)


def of_bill(before: Bill, after: Bill) -> Iterator[Value]:
    """What was used between two readings of a service's bill."""
    used = (after.provisioned - before.provisioned, after.active - before.active)
    for name, nanoseconds in zip(OWN_UNITS, used, strict=True):
        yield name, one(nanoseconds / SECOND)


def where(name: str) -> tuple[str, str]:
    """A metric's namespace and unit."""
    return (OWN_NAMESPACE, OWN_UNITS[name]) if name in OWN_UNITS else (NAMESPACE, UNITS[name])


def of_usage(used_cpu: float, used_memory: float, cpu_units: int, memory_mib: int) -> Iterator[Value]:
    """What an instance used of what it has: CPU units and MiB."""
    yield "CPUUtilization", one(100 * used_cpu / cpu_units)
    yield "MemoryUtilization", one(100 * used_memory / memory_mib)
