"""Lambda's loops: take over what callers want, clean up after environments, let idle ones go.

Writes `Function.served` and the states of functions and versions, `Unit.desired` of Lambda's units, and
deletes units that ended.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from windlass.aws.credentials import CREDENTIALS
from windlass.fleet.model import UNITS
from windlass.kernel.clock import MINUTE, SECOND, Instant, seconds
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.lambda_.code import CodeStore
from windlass.services.lambda_.environments import ENDED, Environments
from windlass.services.lambda_.find import put_row, served_generation
from windlass.services.lambda_.limits import ENVIRONMENT_LIFE, IDLE_RECLAIM
from windlass.services.lambda_.model import ENVIRONMENTS, FUNCTIONS, VERSIONS, Function, Version, pool_key
from windlass.services.lambda_.transitions import (
    Readiness,
    Ready,
    Unable,
    Wait,
    ready,
    together,
    unable,
)
from windlass.services.lambda_.vpc import VpcConnections
from windlass.services.plane import Plane

Needs: TypeAlias = Callable[[Function | Version, Instant], Readiness]
"""Whether what a row's settings need is there; called again and again while it is `changing`."""
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
        self._vpc = VpcConnections(plane, self._wake_changing)
        self.needs: list[Needs] = [self._vpc.needs]
        """What functions and versions wait for beside the profile's delay; added to before `start`."""
        self.needs_at_last: Needs = lambda row, now: Ready()
        """What is asked only when all else is there; set before `start`."""
        self._ready_after = seconds(plane.quotas.delay_s("lambda.function_ready"))
        period = max(SECOND // 4, min(RECLAIM_PERIOD, self._idle // 4))
        self._reclaim = Loop("lambda.idle", plane.clock, plane.journal, self._reclaim_pass, period=period)
        self.environments = Environments(
            plane, code, self._vpc, lambda unit_id: self._loop.wake(("unit", unit_id))
        )
        plane.store.watch((FUNCTIONS,), self._on_function)
        plane.store.watch((VERSIONS,), self._on_version)

    def start(self) -> None:
        self._vpc.start()
        self._plane.spawn.start("lambda", self._loop.run())
        self._plane.spawn.start("lambda.idle", self._reclaim.run())

    def _wake_changing(self) -> None:
        """A way into a VPC is there, or refused: look at who may have waited for it."""
        store = self._plane.store
        keys: list[Hashable] = [("function", row.key) for row in store[FUNCTIONS].by("changing", True)]
        keys += [("version", row.key) for row in store[VERSIONS].by("changing", True)]
        if keys:
            self._loop.wake(*keys)

    def look(self, row: Function | Version) -> None:
        """Something changed of what that row waits for."""
        kind = "function" if isinstance(row, Function) else "version"
        self._loop.wake((kind, row.key))

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
        elif version.changing:
            self._loop.wake(("version", version.key))

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        changing: list[Function | Version] = []
        units: set[str] = set()
        if not keys:
            changing += self._plane.store[FUNCTIONS].by("changing", True)
            changing += self._plane.store[VERSIONS].by("changing", True)
            units = {row.unit_id for row in self._plane.store[ENVIRONMENTS].all()}
        for key in keys:
            match key:
                case ("function", function_key):
                    changing += filter(None, [self._plane.store[FUNCTIONS].get(function_key)])
                case ("version", version_key):
                    changing += filter(None, [self._plane.store[VERSIONS].get(version_key)])
                case ("unit", str(unit_id)):
                    units.add(unit_id)
                case ("gone", str(pool)):
                    self.environments.forget_pool(pool)
        again = self._settle([row for row in changing if row.changing], now)
        self._clean_up(sorted(units))
        return again

    def _settle(self, waiting: list[Function | Version], now: Instant) -> Instant | None:
        """Move those on that have what they need, or cannot have it; returns when to look at the others."""
        settled: list[Function | Version] = []
        looks: list[Instant] = []
        for row in waiting:
            match self._readiness(row, now):
                case Ready():
                    settled.append(ready(row, self._ids.uuid()))
                case Unable(reason):
                    settled.append(unable(row, reason, self._ids.uuid()))
                case Wait(until):
                    looks += [] if until is None else [until]
        if settled:
            with self._plane.store.transact() as tx:
                for row in settled:
                    put_row(tx, row)
        return min(looks, default=None)

    def _readiness(self, row: Function | Version, now: Instant) -> Readiness:
        due = row.waits_since + self._ready_after
        parts: list[Readiness] = [Ready() if due <= now else Wait(due)]
        found = together([*parts, *(needs(row, now) for needs in self.needs)])
        return self.needs_at_last(row, now) if isinstance(found, Ready) else found

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
        if unit is None:
            return not self.environments.is_starting(unit_id)
        return unit.state in ENDED

    def _to_stop(self, unit_id: str) -> bool:
        unit = self._plane.store[UNITS].get(unit_id)
        return unit is not None and unit.desired == "run" and unit_id in self.environments.unwanted

    def _delete(self, tx: Transaction, unit_id: str) -> None:
        tx[UNITS].delete(unit_id)
        row = tx[ENVIRONMENTS].delete(unit_id)
        if row is not None:
            tx[CREDENTIALS].delete(row.access_key)
            self._vpc.release(tx, row.interface_id)
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
