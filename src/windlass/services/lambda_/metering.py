"""What a period's invocations come to, as CloudWatch names and counts it: namespace AWS/Lambda. Pure.

A point is all values of a period: an event that counts is 1 or 0, so that the sum tells how many and the mean
how often; of durations and ages percentiles are known; of concurrency the most at once counts. What never
happened in a period is not published, as on AWS. Source: Lambda Developer Guide, "Types of metrics for Lambda
functions" (facts/lambda.md, section 8); units are CloudWatch's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from windlass.aws.metric_points import Summary, join, of_values
from windlass.services.lambda_.model import LATEST

NAMESPACE = "AWS/Lambda"

FRESH_MAX = 1_000
"""Values that are kept before they are summarised; ours."""


class Kind(NamedTuple):
    """What a metric is of."""

    unit: str
    level: bool = False
    """How many there are at once: an account's does not follow from those of its functions."""


_COUNT, _TIME, _LEVEL = Kind("Count"), Kind("Milliseconds"), Kind("Count", level=True)

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
    "ProvisionedConcurrencyUtilization": Kind("None", level=True),
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


class Tally:
    """All values of one metric of one subject in a period; many are summarised as they come."""

    __slots__ = ("_fresh", "_summary")

    def __init__(self) -> None:
        self._fresh: list[float] = []
        self._summary: Summary | None = None

    def add(self, value: float) -> None:
        self._fresh.append(value)
        if len(self._fresh) == FRESH_MAX:
            self._fold()

    def summary(self) -> Summary:
        """Everything that came; there is something."""
        if self._fresh:
            self._fold()
        assert self._summary is not None
        return self._summary

    def _fold(self) -> None:
        came = of_values((value, 1) for value in self._fresh)
        self._summary = came if self._summary is None else join(self._summary, came)
        self._fresh.clear()


class Point(NamedTuple):
    """A metric's values in a period."""

    account: str
    region: str
    dimensions: tuple[tuple[str, str], ...]
    name: str
    summary: Summary
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
        joined: dict[tuple[str, str, tuple[tuple[str, str], ...], str], Summary] = {}
        for (subject, name), tally in self._tallies.items():
            dimensions = set(subject.dimensions())
            if not KINDS[name].level and not subject.mapping:
                dimensions.add(())
            for one in dimensions:
                where = (subject.account, subject.region, one, name)
                known, came = joined.get(where), tally.summary()
                joined[where] = came if known is None else join(known, came)
        return [
            Point(account, region, dimensions, name, summary, KINDS[name].unit)
            for (account, region, dimensions, name), summary in sorted(
                joined.items(), key=lambda item: item[0]
            )
        ]
