"""Has the templates of versions with SnapStart made, made again when they are lost, and let go.

snap_start.py decides, one version at a time; this reads rows and units, and acts. A version is Pending until
its template is there, and Failed when it cannot be initialised. Later losses (a restart of the agent) change
nothing of its state: until there is another template, environments of it initialise themselves.
Known gaps: one node has the template, and so the environments; where each environment has a network of its
own (lambda.vpc_model per-environment) nothing can be forked, and they initialise themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from windlass.fleet.model import UNITS, Unit
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.lambda_.environments import ENDED, Environments
from windlass.services.lambda_.find import pool_of
from windlass.services.lambda_.model import (
    ENVIRONMENTS,
    FUNCTIONS,
    VERSIONS,
    Environment,
    Function,
    Version,
)
from windlass.services.lambda_.snap_start import Held, failure, plan
from windlass.services.lambda_.target import PUBLISHED_GENERATION, Target
from windlass.services.lambda_.transitions import Readiness, Ready, Reason, Unable, Wait
from windlass.services.lambda_.unit import OWNER
from windlass.services.plane import Plane

PERIOD = MINUTE
PAUSE: Duration = SECOND
"""Before a template that ended by itself is replaced. Ours: what ends at once must not spin."""


class Snapshots:
    """One loop; its keys are pools. `look` has the controller look at a version again."""

    def __init__(
        self, plane: Plane, environments: Environments, look: Callable[[Function | Version], None]
    ) -> None:
        self._plane = plane
        self._environments = environments
        self._look = look
        self._asked: set[str] = set()
        """Versions that are Pending and have all else that they need."""
        self._failed: dict[str, Reason] = {}
        self._due: dict[str, Instant] = {}
        """When to look at it again; none is made before."""
        self.loop = Loop("lambda.snapshots", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((VERSIONS,), self._on_version)
        plane.store.watch((UNITS,), self._on_unit, topic=OWNER)

    def needs(self, row: Function | Version, now: Instant) -> Readiness:
        """Whether the version has its template; see controller.Needs. To be asked when all else is there."""
        if not isinstance(row, Version) or not self._environments.takes_snapshots(row.settings):
            return Ready()
        pool = pool_of(row)
        if any(one.ready for one in self._held(pool)):
            self._asked.discard(pool)
            return Ready()
        reason = self._failed.pop(pool, None)
        if reason is not None:
            self._asked.discard(pool)
            return Unable(reason)
        if pool not in self._asked:
            self._asked.add(pool)
            self.loop.wake(pool)
        return Wait(None)

    def _on_version(self, change: Change) -> None:
        row: Version = change.new or change.old
        if row.settings.snap_start:
            self.loop.wake(pool_of(row))

    def _on_unit(self, change: Change) -> None:
        unit: Unit | None = change.new
        if unit is None or unit.spec.function is None or not unit.spec.function.template:
            return
        row = self._plane.store[ENVIRONMENTS].get(unit.id)
        if row is None or (change.old is not None and change.old.state == unit.state):
            return
        if unit.state in ENDED and unit.desired == "run":
            self._ended(row, unit)
        self.loop.wake(row.pool)
        version = self._version(row.pool)
        if version is not None and version.changing:
            self._look(version)

    def _ended(self, row: Environment, unit: Unit) -> None:
        """It ended by itself: a version that is Pending has failed by that, unless its node was lost."""
        why = unit.observed.reason if unit.observed is not None else unit.why
        self._plane.journal.note("lambda", row.pool, "snapshot ended", why)
        if row.pool in self._asked and unit.state != "lost":
            self._failed[row.pool] = failure(why)
        else:
            self._due[row.pool] = self._plane.clock.now() + PAUSE

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store
        pools = {str(pool) for pool in keys} | {pool for pool, at in self._due.items() if at <= now}
        if not keys:
            pools |= {pool_of(row) for row in store[VERSIONS].by("snap_start", True)}
            pools |= {str(pool) for pool in store[ENVIRONMENTS].values("template")}
        for pool in sorted(pools):
            if self._due.get(pool, now) <= now:
                self._due.pop(pool, None)
                await self._bring(pool, now)
        return min(self._due.values(), default=None)

    async def _bring(self, pool: str, now: Instant) -> None:
        """Bring one version's templates nearer to what is wanted."""
        version = self._version(pool)
        found = plan(self._is_wanted(version, pool), self._held(pool))
        self._environments.unwant(found.stop)
        if version is None or not found.make:
            return
        function = self._plane.store[FUNCTIONS].first("uid", version.uid)
        if function is None:
            return
        target = Target(function, str(version.number), version.settings, PUBLISHED_GENERATION)
        try:
            await self._environments.make_template(target)
        except Fault as fault:
            self._plane.journal.note("lambda", pool, "no snapshot", fault.message)
            self._due[pool] = now + PAUSE

    def _is_wanted(self, version: Version | None, pool: str) -> bool:
        if version is None or not self._environments.takes_snapshots(version.settings):
            return False
        waits = version.state == "Pending" and pool in self._asked and pool not in self._failed
        return version.state == "Active" or waits

    def _version(self, pool: str) -> Version | None:
        uid, _, number = pool.partition(":")
        return self._plane.store[VERSIONS].get((uid, int(number)))

    def _held(self, pool: str) -> list[Held]:
        held = []
        for row in self._plane.store[ENVIRONMENTS].by("template", pool):
            unit = self._plane.store[UNITS].get(row.unit_id)
            if row.unit_id in self._environments.unwanted or unit is None:
                continue
            if unit.state not in ENDED and unit.desired == "run":
                held.append(Held(row.unit_id, row.created_at, unit.state == "running"))
        return held
