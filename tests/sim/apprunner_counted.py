"""App Runner's life cycle in virtual time, over instances and builds that only count.

How a deployment fares is in its StartCommand: good, crashes, hangs; and its build in its BuildCommand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests import apprunner_build as build
from windlass.aws.quotas import Profile
from windlass.kernel.clock import MINUTE, SECOND, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Index, Table, Transaction
from windlass.services import apprunner, events, logs
from windlass.services.apprunner.log import ServiceLog
from windlass.services.apprunner.model import (
    DEPLOYMENTS,
    LINES,
    OPERATIONS,
    SERVICES,
    Build,
    Counts,
    Deployment,
    Reads,
    Service,
)
from windlass.services.apprunner.operations import Operations
from windlass.services.apprunner.retention import Retention
from windlass.services.plane import Plane
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import World

STARTS, STOPS, BUILDS = 2 * SECOND, SECOND, 3 * SECOND


@dataclass(frozen=True, slots=True)
class CountedSet:
    """A deployment's instances."""

    service: str
    deployment: str
    wanted: int
    since: Instant
    healthy: int = 0
    failed: int = 0
    going: int = 0


@dataclass(frozen=True, slots=True)
class CountedBuild:
    service: str
    deployment: str
    since: Instant
    state: Any = "running"


SETS: Table[CountedSet] = Table(
    "test.set",
    CountedSet,
    lambda row: (row.service, row.deployment),
    {"service": Index(of=lambda row: row.service)},
)
CODE: Table[CountedBuild] = Table("test.build", CountedBuild, lambda row: (row.service, row.deployment))


class CountedInstances:
    """Plays model.Instances."""

    TABLES: tuple[Table[Any], ...] = (SETS,)

    def wanted(self, tx: Transaction, service: Service, deployment: str, count: int, now: Instant) -> None:
        row = tx[SETS].get((service.arn, deployment))
        if row is None or not row.wanted:
            row = CountedSet(service.arn, deployment, 0, now)
        tx[SETS].put(replace(row, wanted=max(count, row.wanted)))

    def counts(self, reads: Reads, service: Service, deployment: str) -> Counts:
        row = reads[SETS].get((service.arn, deployment))
        if row is None:
            return Counts()
        starting = max(0, row.wanted - row.healthy)
        return Counts(starting, row.healthy, row.failed, row.going, "Container exit code: 1")

    def withdraw(self, tx: Transaction, service: Service, deployment: str, now: Instant) -> None:
        row = tx[SETS].get((service.arn, deployment))
        if row is not None and row.wanted:
            tx[SETS].put(replace(row, wanted=0, healthy=0, going=row.wanted, since=now))


class CountedBuilds:
    """Plays model.Builds."""

    TABLES: tuple[Table[Any], ...] = (CODE,)

    def wanted(self, tx: Transaction, service: Service, deployment: Deployment, now: Instant) -> None:
        if tx[CODE].get(deployment.key) is None:
            tx[CODE].put(CountedBuild(*deployment.key, since=now))

    def state(self, reads: Reads, deployment: Deployment) -> Build:
        row = reads[CODE].get(deployment.key)
        return Build("waiting") if row is None else Build(row.state, "The build says no.")

    def cancel(self, tx: Transaction, service: Service, deployment: Deployment, now: Instant) -> None:
        tx[CODE].delete(deployment.key)


class Course:
    """The loop that lets instances and builds fare as they are to."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self.loop = Loop("test.course", plane.clock, plane.journal, self._pass, period=MINUTE)
        plane.store.watch((SETS, CODE), lambda change: self.loop.wake(change.key))

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        dues = []
        for row in [*self._store[SETS].all(), *self._store[CODE].all()]:
            with self._store.transact() as tx:
                dues.append(
                    self._set(tx, row, now) if isinstance(row, CountedSet) else self._build(tx, row, now)
                )
        return min((due for due in dues if due is not None), default=None)

    def _set(self, tx: Transaction, row: CountedSet, now: Instant) -> Instant | None:
        made_of = tx[DEPLOYMENTS].get((row.service, row.deployment))
        due = row.since + (STOPS if row.going else STARTS)
        if not row.going and (made_of is None or row.healthy == row.wanted or row.failed):
            return None
        if now < due:
            return due
        if row.going:
            tx[SETS].delete((row.service, row.deployment))
        elif fate(made_of) == "good":
            tx[SETS].put(replace(row, healthy=row.wanted))
        elif fate(made_of) == "crashes":
            tx[SETS].put(replace(row, failed=1))
        return None

    def _build(self, tx: Transaction, row: CountedBuild, now: Instant) -> Instant | None:
        made_of = tx[DEPLOYMENTS].get((row.service, row.deployment))
        if row.state != "running" or made_of is None:
            return None
        if now < row.since + BUILDS:
            return row.since + BUILDS
        command = made_of.source["CodeRepository"]["CodeConfiguration"]["CodeConfigurationValues"][
            "BuildCommand"
        ]
        tx[CODE].put(replace(row, state="succeeded" if command == "good" else "failed"))
        return None


def fate(deployment: Deployment | None) -> str:
    """good, crashes or hangs."""
    assert deployment is not None
    if deployment.is_code:
        code = deployment.source["CodeRepository"]["CodeConfiguration"]["CodeConfigurationValues"]
        return str(code["StartCommand"])
    return str(deployment.source["ImageRepository"]["ImageConfiguration"]["StartCommand"])


def start(plane: Plane) -> Sequence[object]:
    parts: list[Any] = [
        Course(plane),
        Operations(plane, CountedInstances(), CountedBuilds()),
        ServiceLog(plane),
        Retention(plane),
    ]
    for part in parts:
        plane.spawn.start(part.loop.name, part.loop.run())
    return parts


LIFE_CYCLE = replace(apprunner.SERVICE, tables=(*apprunner.SERVICE.tables, SETS, CODE), start=start)


class User:
    """One account with one service, `web-app`."""

    def __init__(self, world: World, disk: SimulatedDisk) -> None:
        self.world = world
        self.disk = disk
        self.arn = ""

    async def call(self, operation: str, **params: Any) -> Any:
        return await self.world.call("apprunner", operation, **params)

    async def create(self, command: str = "good", **members: Any) -> None:
        members.setdefault("SourceConfiguration", build.an_image(command))
        self.arn = (await self.call("CreateService", ServiceName="web-app", **members))["Service"][
            "ServiceArn"
        ]

    async def do(self, operation: str, **members: Any) -> None:
        await self.call(operation, ServiceArn=self.arn, **members)

    async def update(self, command: str) -> None:
        await self.do("UpdateService", SourceConfiguration=build.an_image(command))

    async def settle(self, within: int = 30) -> str:
        """The service's status once nothing is in progress."""
        for _ in range(within * 2):
            await self.revive()
            if (status := self.service().status) != "OPERATION_IN_PROGRESS":
                return status
            await self.world.pass_time(SECOND // 2)
        raise AssertionError(f"still in progress: {self.operations()}")

    async def revive(self) -> None:
        if self.world.down:
            await self.world.revive()

    def service(self) -> Service:
        return max(self.world.plane.store[SERVICES].all(), key=lambda row: row.created_at)

    def operations(self) -> list[tuple[str, str]]:
        """Type and status, oldest first."""
        rows = self.world.plane.store[OPERATIONS].by("service", self.service().arn)
        return [(row.type, row.status) for row in rows]

    def healthy(self) -> dict[str, int]:
        """Deployment → healthy instances, of those that have some."""
        return {row.deployment: row.healthy for row in self.world.plane.store[SETS].all() if row.healthy}

    def check(self) -> None:
        """What must be true at any time."""
        store = self.world.plane.store
        for service in store[SERVICES].all():
            busy = [row.id for row in store[OPERATIONS].by("service", service.arn) if row.phase != "ended"]
            assert busy == ([service.operation] if service.operation else []), service
            assert (service.status == "OPERATION_IN_PROGRESS") == bool(busy), service
            sets = store[SETS].by("service", service.arn)
            if service.serving:
                assert self.healthy().get(service.serving, 0) >= 1, (service, sets)
            if service.status == "RUNNING":
                assert service.serving
            if service.status in ("PAUSED", "DELETED", "CREATE_FAILED"):
                assert not service.serving and not [row for row in sets if row.wanted or row.going]


def play(
    story: Callable[[User], Awaitable[None]],
    *,
    delays: dict[str, float] | None = None,
    quotas: dict[str, float] | None = None,
    watched: bool = True,
) -> None:
    """A world in which it is told; `watched`: every row is looked at each half second."""
    disk = SimulatedDisk()
    services = (events.SERVICE, logs.SERVICE, LIFE_CYCLE)
    profile = Profile("test", quotas=quotas or {}, delays=delays or {})
    world = World(services, profile, 1, check_every=MINUTE, disk=disk)

    async def play_it(world: World) -> None:
        user = User(world, disk)
        watcher = world.begin("watcher", watch(user)) if watched else None
        await story(user)
        user.check()
        if watcher is not None:
            watcher.cancel()

    world.run(play_it)


async def watch(user: User) -> None:
    while True:
        await user.world.pass_time(SECOND // 2)
        if not user.world.down:
            user.check()


def lines(user: User) -> int:
    """Log lines that wait."""
    return len(user.world.plane.store[LINES])
