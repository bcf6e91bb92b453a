"""Counts what happens to functions, and publishes it once in each period of the profile: a minute, as on AWS.

metering.py says what there is to count and what a period comes to. Counts are in memory: what a plane that
was killed had not published is lost, as metrics are no promises.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator

from windlass.aws.metrics import Metrics, Series
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.services.lambda_.metering import NAMESPACE, Period, Subject
from windlass.services.lambda_.target import Target
from windlass.services.plane import Plane

PERIOD_SETTING = "lambda.metrics_period_s"
PERIOD_S = 60
"""Lambda Developer Guide, "Monitoring functions": points of one minute."""

Levels = Callable[[], Iterable[tuple[Subject, str, float]]]
"""What stands at a value for some time: asked for at the end of each period, for the next one too."""


class Measuring:
    """A part with one loop."""

    def __init__(self, plane: Plane) -> None:
        self._metrics = plane.calls.part(Metrics)
        self._length: Duration = int((plane.quotas.value(PERIOD_SETTING) or PERIOD_S) * SECOND)
        self._period = Period()
        self._ends = self._end_of(plane.clock.now())
        self._levels: list[Levels] = []
        self.loop = Loop("lambda.metrics", plane.clock, plane.journal, self._pass, period=self._length)

    def add(self, subject: Subject, name: str, value: float = 1) -> None:
        """One value of a metric of metering.KINDS: an event counts 1, times are in milliseconds."""
        self._period.add(subject, name, value)

    def provisioned(self, subject: Subject, busy: int, idle: int) -> None:
        """An event of a version with so many provisioned environments begins; it may spill over."""
        if idle:
            self.add(subject, "ProvisionedConcurrencyInvocations")
            busy += 1
            idle -= 1
        elif busy:
            self.add(subject, "ProvisionedConcurrencySpilloverInvocations")
        if busy:
            self.add(subject, "ProvisionedConcurrentExecutions", busy)
            self.add(subject, "ProvisionedConcurrencyUtilization", busy / (busy + idle))

    def on_levels(self, levels: Levels) -> None:
        """Have levels that outlast a period asked for there."""
        self._levels.append(levels)

    def levels(self) -> Iterator[tuple[Subject, str, float]]:
        """What stands at a value now."""
        for levels in self._levels:
            yield from levels()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        if now >= self._ends:
            self.publish()
            self._ends = self._end_of(now)
        return self._ends

    def publish(self) -> None:
        """What came in this period so far: at its end, or when nobody will see its end."""
        ended, self._period = self._period, Period()
        start = (self._ends - self._length) // SECOND
        for point in ended.points():
            of = Series(point.account, point.region, NAMESPACE, point.name, point.dimensions)
            self._metrics.add(of, point.unit, start, point.summary, now=start, fine=self._length < MINUTE)
        for subject, name, value in self.levels():
            self._period.add(subject, name, value)

    def _end_of(self, now: Instant) -> Instant:
        """The end of the period of that instant."""
        return now - now % self._length + self._length


def subject_of(target: Target) -> Subject:
    """What an invocation's values are of."""
    function = target.function
    return Subject(function.account, function.region, function.name, target.qualifier, target.version)
