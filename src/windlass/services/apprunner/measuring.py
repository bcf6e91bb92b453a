"""Counts what happens to services, and publishes it once in each period: a minute, as on AWS.

metering.py says what it comes to. Counts are in memory: what a plane that was killed had not published is
lost.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.aws.metrics import Metrics, Series
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import Counted, Load
from windlass.kernel.clock import MINUTE, SECOND, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.apprunner import metering, pools, settings
from windlass.services.apprunner.instance_model import INSTANCES, Instance
from windlass.services.apprunner.metering import Period, Subject
from windlass.services.apprunner.model import DEPLOYMENTS, SERVICES
from windlass.services.apprunner.scaler import Scaler
from windlass.services.apprunner.scaling import Bill
from windlass.services.plane import Plane


class Measuring:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane, proxies: Proxies, scaler: Scaler) -> None:
        self._plane = plane
        self._scaler = scaler
        self._bills: dict[str, Bill] = {}
        """By service: what it came to at the end of the last period."""
        self._metrics = plane.calls.part(Metrics)
        self._length = settings.metrics_period(plane.quotas)
        self._period = Period()
        self._ends = self._end_of(plane.clock.now())
        self.loop = Loop("apprunner.metrics", plane.clock, plane.journal, self._pass, period=self._length)
        plane.store.watch((INSTANCES,), self._on_instance)
        proxies.on_counted(self._on_counted)
        proxies.on_load(self._on_load)

    def _on_counted(self, told: Counted) -> None:
        for count in told.counts:
            subject = self._subject(count.frontend)
            if subject is not None:
                self._period.add(subject, metering.of_requests(count))

    def _on_load(self, told: Load) -> None:
        key = pools.serving_set_of(told.pool)
        subject = None if key is None else self._subject(key[0])
        if subject is not None:
            self._period.add(subject, metering.of_level("Concurrency", told.in_flight))

    def _on_instance(self, change: Change) -> None:
        row: Instance | None = change.new or change.old
        if row is not None:
            self._count_active(row.service)

    def _count_active(self, service: str) -> None:
        subject = self._subject(service)
        if subject is not None:
            rows = self._plane.store[INSTANCES].by("service", service)
            active = sum(row.state == "active" for row in rows)
            self._period.add(subject, metering.of_level("ActiveInstances", active))

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        if now >= self._ends:
            for service in self._plane.store[SERVICES].by("serving", "yes"):
                self._count_active(service.arn)
            self._take_bills(now)
            self._take_usage()
            self._publish()
            self._ends = self._end_of(now)
        return self._ends

    def _take_bills(self, now: Instant) -> None:
        bills: dict[str, Bill] = {}
        for service in self._plane.store[SERVICES].all():
            bill, before = self._scaler.bill(service.arn, now), self._bills.get(service.arn, Bill())
            bills[service.arn] = bill
            subject = self._subject(service.arn)
            if subject is not None and bill != before:
                self._period.add(subject, metering.of_bill(before, bill))
        self._bills = bills

    def _take_usage(self) -> None:
        used, store = self._plane.links.usage(), self._plane.store
        for row in store[INSTANCES].all():
            subject, deployment = self._subject(row.service), store[DEPLOYMENTS].get(row.set_key)
            if subject is None or deployment is None or row.id not in used:
                continue
            told = used[row.id]
            sizes = (deployment.cpu_units, deployment.memory_mib)
            values = [*metering.of_usage(told.cpu_units, told.memory_mib, *sizes)]
            self._period.add(subject, values)
            self._period.add(subject._replace(instance=row.id), values)

    def _publish(self) -> None:
        ended, self._period = self._period, Period()
        start = (self._ends - self._length) // SECOND
        for subject, name, summary in ended.points():
            namespace, unit = metering.where(name)
            of = Series(subject.account, subject.region, namespace, name, subject.dimensions)
            self._metrics.add(of, unit, start, summary, now=start, fine=self._length < MINUTE)

    def _subject(self, arn: str) -> Subject | None:
        row = self._plane.store[SERVICES].get(arn)
        return None if row is None else Subject(row.account, row.region, row.name, row.id)

    def _end_of(self, now: Instant) -> Instant:
        """The end of the period of that instant."""
        return now - now % self._length + self._length
