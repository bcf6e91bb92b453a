"""Has the environments of provisioned concurrency started, initialised, replaced and let go.

provisioned.py plans, one function at a time; this reads rows and units, and acts. What is started follows
the profile: "lambda.provisioned_start" is how long the first takes to begin, the bucket
"lambda.provisioned_starts" how fast one function's may follow each other.
Known gap: requests to provisioned environments have no rate of their own (ten a second for each).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace

from windlass.fleet.function_messages import INIT_FAILURE
from windlass.fleet.model import UNITS, Unit
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant, seconds
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.lambda_.environments import ENDED, Environments
from windlass.services.lambda_.limits import ENVIRONMENT_LIFE, PROVISIONED_PAUSE, PROVISIONED_STARTING_MAX
from windlass.services.lambda_.model import (
    ALIASES,
    ENVIRONMENTS,
    FUNCTIONS,
    VERSIONS,
    Environment,
    Function,
    Version,
    pool_key,
)
from windlass.services.lambda_.pool import Warm
from windlass.services.lambda_.provisioned import Held, Plan, Standing, Wish, plan, shares
from windlass.services.lambda_.provisioned_model import PROVISIONED, Provisioned
from windlass.services.lambda_.target import published
from windlass.services.lambda_.unit import OWNER
from windlass.services.plane import Plane

PERIOD = MINUTE
STARTS = "lambda.provisioned_starts"


class Provisioning:
    """One loop; it is told of functions by their uid."""

    def __init__(self, plane: Plane, environments: Environments) -> None:
        self._plane = plane
        self._environments = environments
        self._begin_after: Duration = seconds(plane.quotas.delay_s("lambda.provisioned_start"))
        self._failures: dict[str, str] = {}
        """Pool → why an initialisation in it failed, until its configuration has been told."""
        self._due: dict[str, Instant] = {}
        """Function → when to look at it again."""
        self._paused: dict[str, Instant] = {}
        """Function → when the next may be started, after one ended by itself."""
        self.loop = Loop("lambda.provisioned", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((PROVISIONED, ALIASES, VERSIONS), self._on_row)
        plane.store.watch((UNITS,), self._on_unit, topic=OWNER)

    def _on_row(self, change: Change) -> None:
        row: Provisioned | Version = change.new or change.old
        if isinstance(row, Provisioned):
            if change.old is None or change.new is None or change.old.modified_at != change.new.modified_at:
                self._forget_failures(row.uid)  # asked for anew: what failed before is no answer
        elif not self._plane.store[PROVISIONED].count("function", row.uid):
            return
        self.loop.wake(row.uid)

    def _on_unit(self, change: Change) -> None:
        unit: Unit | None = change.new
        if unit is None or unit.spec.function is None or not unit.spec.function.ahead:
            return
        row = self._plane.store[ENVIRONMENTS].get(unit.id)
        if row is None:
            return
        if unit.state in ENDED and unit.desired == "run":
            reason = unit.observed.reason if unit.observed is not None else ""
            if reason == INIT_FAILURE:
                self._failures[row.pool] = reason
            self._paused[row.uid] = self._plane.clock.now() + PROVISIONED_PAUSE
        self.loop.wake(row.uid)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store
        uids = {str(uid) for uid in keys} | {uid for uid, at in self._due.items() if at <= now}
        if not keys:
            uids |= {row.uid for row in store[PROVISIONED].all()}
            uids |= {str(uid) for uid in store[ENVIRONMENTS].values("provisioned")}
        for uid in sorted(uids):
            self._due.pop(uid, None)
            again = await self._look(uid, now)
            if again is not None:
                self._due[uid] = again
        return min(self._due.values(), default=None)

    async def _look(self, uid: str, now: Instant) -> Instant | None:
        """Bring one function's environments nearer to what is wanted; returns when to look again."""
        store = self._plane.store
        function = store[FUNCTIONS].first("uid", uid)
        rows: list[Provisioned] = store[PROVISIONED].by("function", uid)
        there: list[Environment] = store[ENVIRONMENTS].by("provisioned", uid)
        held = [one for row in there if (one := self._held(row)) is not None]
        room = max(0, PROVISIONED_STARTING_MAX - sum(not one.ready for one in held))
        wishes = [self._wish(row, now) for row in rows]
        found = plan(wishes, held, room=room, now=now, life=ENVIRONMENT_LIFE)
        self._apply(found, {row.unit_id: row for row in there}, now)
        self._tell(found, rows)
        if self._paused.get(uid, now) <= now:
            self._paused.pop(uid, None)
        if function is not None and found.start and not await self._start(function, found.start, now):
            return now + SECOND
        return found.again

    def _held(self, row: Environment) -> Held | None:
        """The environment as the plan sees it; None for one that is gone, or about to be."""
        unit = self._plane.store[UNITS].get(row.unit_id)
        pool = self._environments.pool(row.pool)
        if row.unit_id in self._environments.unwanted or pool.is_leaving(row.unit_id):
            return None
        if unit is None:  # it may have to wait for an interface first
            starting = self._environments.is_starting(row.unit_id)
            return Held(row.unit_id, row.version, row.created_at) if starting else None
        if unit.state in ENDED or unit.desired != "run":
            return None
        return Held(row.unit_id, row.version, row.created_at, unit.state == "running", row.unit_id in pool)

    def _wish(self, row: Provisioned, now: Instant) -> Wish:
        alias = self._plane.store[ALIASES].get(row.key)
        version, weights = (row.qualifier, ()) if alias is None else (alias.version, alias.weights)
        wanted = shares(row.requested, version, weights)
        begins_at = max(row.modified_at + self._begin_after, self._paused.get(row.uid, 0))
        if any(self._ready_version(row.uid, number) is None for number in wanted):
            begins_at = max(begins_at, now + SECOND)
        failures = (self._failures.get(pool_key(row.uid, number)) for number in wanted)
        return Wish(row.qualifier, wanted, row.standing, begins_at, next(filter(None, failures), ""))

    def _ready_version(self, uid: str, number: str) -> Version | None:
        version = self._plane.store[VERSIONS].get((uid, int(number)))
        return version if version is not None and version.state == "Active" else None

    def _apply(self, found: Plan, rows: Mapping[str, Environment], now: Instant) -> None:
        for unit_id in found.stop:
            self._environments.retire(rows[unit_id])
        for unit_id in found.serve:
            row, unit = rows[unit_id], self._plane.store[UNITS].require(unit_id)
            warm = Warm(unit_id, unit.node_id, row.generation, row.created_at, provisioned=True)
            self._environments.pool(row.pool).adopt(warm, now)

    def _tell(self, found: Plan, rows: Iterable[Provisioned]) -> None:
        """Write down how the configurations stand now."""
        changed = [row for row in rows if row.qualifier in found.standings]
        if not changed:
            return
        with self._plane.store.transact() as tx:
            for row in changed:
                standing = found.standings[row.qualifier]
                tx[PROVISIONED].put(replace(row, standing=standing))
                if standing.status != row.standing.status:
                    subject = f"{row.function}:{row.qualifier}"
                    self._plane.journal.note("lambda", subject, "provisioned concurrency", _story(standing))
        self._forget_failures(changed[0].uid)

    def _forget_failures(self, uid: str) -> None:
        for pool in [pool for pool in self._failures if pool.partition(":")[0] == uid]:
            del self._failures[pool]

    async def _start(self, function: Function, wanted: Mapping[str, int], now: Instant) -> bool:
        """Start what the rate leaves room for; whether that is all."""
        scope, whole = (function.account, function.region), True
        for number, count in wanted.items():
            version = self._ready_version(function.uid, number)
            taken = self._plane.quotas.take_up_to(STARTS, scope, count, now, subject=function.name)
            whole = whole and taken == count
            if version is None or not taken:
                continue
            try:
                await self._environments.provision(published(function, version, number), taken)
            except Fault as fault:
                subject = function.qualified_arn(number)
                self._plane.journal.note("lambda", subject, "not provisioned", fault.message)
                whole = False
        return whole


def _story(standing: Standing) -> str:
    reason = f": {standing.reason}" if standing.reason else ""
    return f"{standing.status}{reason}, {standing.allocated} allocated, {standing.available} available"
