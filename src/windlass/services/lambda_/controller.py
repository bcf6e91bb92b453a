"""Lambda's loops: take over what callers want, clean up after environments, let idle ones go.

Writes `Function.served`, `state` and `update_status`, `Version.state`, `Unit.desired` of Lambda's units, and
deletes units that ended. Known gap: a function becomes Active without its code being on a node.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.aws.credentials import CREDENTIALS
from windlass.fleet.model import UNITS
from windlass.kernel.clock import MINUTE, SECOND, Instant, seconds
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.lambda_.code import CodeStore
from windlass.services.lambda_.environments import ENDED, Environments
from windlass.services.lambda_.find import served_generation
from windlass.services.lambda_.limits import ENVIRONMENT_LIFE, IDLE_RECLAIM
from windlass.services.lambda_.model import ENVIRONMENTS, FUNCTIONS, VERSIONS, Function, Version, pool_key
from windlass.services.plane import Plane

PERIOD = MINUTE
RECLAIM_PERIOD = 15 * SECOND
"""How often idle environments are looked at, at most; more often when the profile reclaims sooner."""


class Controller:
    """Two loops over functions and environments; `start` runs them."""

    def __init__(self, plane: Plane, code: CodeStore) -> None:
        self._plane = plane
        self._ids = Ids(plane.chance.stream("lambda.revision"))
        self._loop = Loop("lambda", plane.clock, plane.journal, self._pass, period=PERIOD)
        idle = plane.quotas.value("lambda.idle_reclaim_s")
        self._idle = IDLE_RECLAIM if idle is None else seconds(idle)
        self._ready_after = seconds(plane.quotas.delay_s("lambda.function_ready"))
        period = max(SECOND // 4, min(RECLAIM_PERIOD, self._idle // 4))
        self._reclaim = Loop("lambda.idle", plane.clock, plane.journal, self._reclaim_pass, period=period)
        self.environments = Environments(plane, code, lambda unit_id: self._loop.wake(("unit", unit_id)))
        plane.store.watch((FUNCTIONS,), self._on_function)
        plane.store.watch((VERSIONS,), self._on_version)

    def start(self) -> None:
        self._plane.spawn.start("lambda", self._loop.run())
        self._plane.spawn.start("lambda.idle", self._reclaim.run())

    def _on_function(self, change: Change) -> None:
        old: Function | None = change.old
        new: Function | None = change.new
        if new is not None and new.changing:
            self._loop.wake(("function", new.key))
        if old is not None and new is None:
            self._loop.wake(("gone", old.uid))
        if old is not None and new is not None and old.served_generation != new.served_generation:
            self._reclaim.wake()

    def _on_version(self, change: Change) -> None:
        version: Version = change.new or change.old
        if change.new is None:
            self._loop.wake(("gone", pool_key(version.uid, str(version.number))))
        elif version.state == "Pending":
            self._loop.wake(("version", version.key))

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        changing: list[Function] = []
        versions: list[Version] = []
        units: set[str] = set()
        if not keys:
            changing = self._plane.store[FUNCTIONS].by("changing", True)
            versions = self._plane.store[VERSIONS].by("changing", True)
            units = {row.unit_id for row in self._plane.store[ENVIRONMENTS].all()}
        for key in keys:
            match key:
                case ("function", function_key):
                    changing += filter(None, [self._plane.store[FUNCTIONS].get(function_key)])
                case ("version", version_key):
                    versions += filter(None, [self._plane.store[VERSIONS].get(version_key)])
                case ("unit", str(unit_id)):
                    units.add(unit_id)
                case ("gone", str(pool)):
                    self.environments.forget_pool(pool)
        again = [self._take_over(changing, now), self._make_ready(versions, now)]
        self._clean_up(sorted(units))
        return min(filter(None, again), default=None)

    def _take_over(self, changing: list[Function], now: Instant) -> Instant | None:
        """Serve what is wanted, once it is time; returns when the next one is due."""
        due = [f for f in changing if f.last_modified + self._ready_after <= now]
        if any(function.changing for function in due):
            with self._plane.store.transact() as tx:
                for function in sorted(due, key=lambda f: f.key):
                    current = tx[FUNCTIONS].get(function.key)
                    if current is not None and current == function and current.changing:
                        tx[FUNCTIONS].put(serve(current, self._ids.uuid()))
        later = [f.last_modified + self._ready_after for f in changing if f not in due]
        return min(later, default=None)

    def _make_ready(self, versions: list[Version], now: Instant) -> Instant | None:
        """Make versions Active once it is time; returns when the next one is due."""
        due = [v for v in versions if v.created_at + self._ready_after <= now and v.state == "Pending"]
        if due:
            with self._plane.store.transact() as tx:
                for version in sorted(due, key=lambda v: v.key):
                    if tx[VERSIONS].get(version.key) == version:
                        tx[VERSIONS].put(replace(version, state="Active", revision_id=self._ids.uuid()))
        return min((v.created_at + self._ready_after for v in versions if v not in due), default=None)

    def _clean_up(self, unit_ids: list[str]) -> None:
        """Delete the rows of environments that ended, stop those that nobody wants."""
        todo = [unit_id for unit_id in unit_ids if self._ended(unit_id) or self._to_stop(unit_id)]
        if not todo:
            return
        with self._plane.store.transact() as tx:
            for unit_id in todo:
                if self._ended(unit_id):
                    self._delete(tx, unit_id)
                else:
                    tx[UNITS].put(replace(tx[UNITS].require(unit_id), desired="stop"))

    def _ended(self, unit_id: str) -> bool:
        unit = self._plane.store[UNITS].get(unit_id)
        return unit is None or unit.state in ENDED

    def _to_stop(self, unit_id: str) -> bool:
        unit = self._plane.store[UNITS].get(unit_id)
        return unit is not None and unit.desired == "run" and unit_id in self.environments.unwanted

    def _delete(self, tx: Transaction, unit_id: str) -> None:
        tx[UNITS].delete(unit_id)
        row = tx[ENVIRONMENTS].delete(unit_id)
        if row is not None:
            tx[CREDENTIALS].delete(row.access_key)
        self.environments.forget(unit_id, row.pool if row is not None else "")

    async def _reclaim_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        for key, pool in self.environments.pools():
            generation = served_generation(self._plane.store, key)
            if generation is None:
                self.environments.forget_pool(key)
                continue
            spare = pool.spare(generation, now, self._idle, ENVIRONMENT_LIFE)
            self.environments.unwant(spare)
        return None


def serve(function: Function, revision_id: str) -> Function:
    """The function once its wanted settings are in place."""
    return replace(
        function,
        served=function.wanted,
        served_generation=function.generation,
        state="Active",
        update_status="Successful",
        revision_id=revision_id,
    )
