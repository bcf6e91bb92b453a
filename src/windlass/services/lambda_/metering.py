"""What a period's invocations come to, as CloudWatch names and counts it: namespace AWS/Lambda. Pure.

A point is one value: of counts the sum, of durations and ages the mean, of concurrency the most at once.
What never happened in a period is not published, as on AWS. Source: Lambda Developer Guide, "Types of
metrics for Lambda functions" (facts/lambda.md, section 8); units are CloudWatch's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from windlass.services.lambda_.model import LATEST

NAMESPACE = "AWS/Lambda"

Statistic = Literal["sum", "mean", "most"]


class Kind(NamedTuple):
    """How a metric is counted."""

    statistic: Statistic
    unit: str


_COUNT, _TIME, _LEVEL = Kind("sum", "Count"), Kind("mean", "Milliseconds"), Kind("most", "Count")

KINDS: Mapping[str, Kind] = {
    "Invocations": _COUNT,
    "Errors": _COUNT,
    "Throttles": _COUNT,
    "RecursiveInvocationsDropped": _COUNT,
    "Duration": _TIME,
    "ConcurrentExecutions": _LEVEL,
    "UnreservedConcurrentExecutions": _LEVEL,
    "ProvisionedConcurrentExecutions": _LEVEL,
    "ProvisionedConcurrencyInvocations": _COUNT,
    "ProvisionedConcurrencySpilloverInvocations": _COUNT,
    "ProvisionedConcurrencyUtilization": Kind("most", "None"),
    "AsyncEventsReceived": _COUNT,
    "AsyncEventAge": _TIME,
    "AsyncEventsDropped": _COUNT,
    "DeadLetterErrors": _COUNT,
    "DestinationDeliveryFailures": _COUNT,
    "IteratorAge": _TIME,
    "UrlRequestCount": _COUNT,
    "Url4xxCount": _COUNT,
    "Url5xxCount": _COUNT,
    "UrlRequestLatency": _TIME,
    "PolledEventCount": _COUNT,
    "FilteredOutEventCount": _COUNT,
    "InvokedEventCount": _COUNT,
    "FailedInvokeEventCount": _COUNT,
    "DeletedEventCount": _COUNT,
}
"""All metrics that are published; nothing else is counted."""


class Subject(NamedTuple):
    """What a value is of: a function and how it was reached, or with no function all of an account's."""

    account: str
    region: str
    function: str = ""
    qualifier: str = ""
    """As the caller gave it: empty, $LATEST, a version or an alias."""
    executed: str = ""
    """The version that ran."""
    mapping: str = ""
    """The UUID of an event source mapping, whose values are nobody else's."""

    def dimensions(self) -> Iterator[tuple[tuple[str, str], ...]]:
        """The dimensions that its values are published under, the widest first.

        f:live that ran version 2 → FunctionName f; and Resource f:live; and ExecutedVersion 2.
        """
        if self.mapping:
            yield (("EventSourceMappingUUID", self.mapping),)
            return
        if not self.function:
            yield ()
            return
        name = ("FunctionName", self.function)
        yield (name,)
        if self.qualifier:
            resource = ("Resource", f"{self.function}:{self.qualifier}")
            yield (name, resource)
            if self.executed and self.qualifier != LATEST and not self.qualifier.isdigit():
                yield (name, resource, ("ExecutedVersion", self.executed))


@dataclass(slots=True)
class Tally:
    """All values of one metric of one subject in a period."""

    count: int = 0
    total: float = 0.0
    most: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.most = max(self.most, value)

    def join(self, other: Tally) -> None:
        """Take in the values of another one."""
        self.count += other.count
        self.total += other.total
        self.most = max(self.most, other.most)

    def value(self, statistic: Statistic) -> float:
        match statistic:
            case "sum":
                return self.total
            case "mean":
                return self.total / self.count
            case "most":
                return self.most


class Point(NamedTuple):
    """One value of one metric."""

    account: str
    region: str
    dimensions: tuple[tuple[str, str], ...]
    name: str
    value: float
    unit: str


class Period:
    """The values of one period."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[Subject, str], Tally] = {}

    def add(self, subject: Subject, name: str, value: float) -> None:
        """One value of a metric in KINDS, in its unit."""
        tally = self._tallies.get((subject, name))
        if tally is None:
            tally = self._tallies[subject, name] = Tally()
        tally.add(value)

    def points(self) -> list[Point]:
        """What is to be published, sorted.

        Counts and times of functions make up the account's; a level of the account's does not follow from
        those of its functions and is only what was added for it.
        """
        joined: dict[tuple[str, str, tuple[tuple[str, str], ...], str], Tally] = {}
        for (subject, name), tally in self._tallies.items():
            dimensions = set(subject.dimensions())
            if KINDS[name].statistic != "most" and not subject.mapping:
                dimensions.add(())
            for one in dimensions:
                joined.setdefault((subject.account, subject.region, one, name), Tally()).join(tally)
        return [
            Point(account, region, dimensions, name, tally.value(KINDS[name].statistic), KINDS[name].unit)
            for (account, region, dimensions, name), tally in sorted(joined.items(), key=lambda item: item[0])
        ]
