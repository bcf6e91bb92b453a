"""What proxies found out of targets, written to their rows: health, and that a leaving one has drained.

Of a target that drains the row goes when its delay is over. Where the profile does not keep to the delay
(`elbv2.whole_deregistration_delay`), it goes as soon as nothing is open there at any proxy: on
AWS the target is free then too, and merely shows as draining until the end (ELB User Guide, deregistration
delay). One that began to drain before the plane's start is given its delay from that start: proxies that
outlived the plane before may not have been told, and send it requests until they are. They say again what is
idle in each session.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import Idle, Probed
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.elbv2.compile import target_of
from windlass.services.elbv2.model import TARGET_GROUPS, TARGETS, Target
from windlass.services.plane import Plane

WHOLE_DELAY = "elbv2.whole_deregistration_delay"
PERIOD: Duration = MINUTE
TARGETS_MAX = 200
"""Rows per transaction."""
Key = tuple[str, str, int]


class Intake:
    """One per plane. Writes the observed columns of targets."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._proxies = plane.calls.part(Proxies)
        self._probed: dict[Key, Probed] = {}
        self._idle: set[Key] = set()
        """Draining targets that have no request at any proxy."""
        self.loop = Loop("elbv2.intake", plane.clock, plane.journal, self._pass, period=PERIOD)
        self._proxies.on_probed(self._on_probed)
        if not plane.quotas.switch(WHOLE_DELAY):
            self._proxies.on_idle(self._on_idle)
        plane.store.watch((TARGETS,), self._on_target)

    def _on_probed(self, probed: Probed) -> None:
        key = self._key(probed)
        if key is not None and self._plane.store[TARGETS].get(key) is not None:
            self._probed[key] = probed
            self.loop.wake()

    def _on_idle(self, idle: Idle) -> None:
        key = self._key(idle)
        row = None if key is None else self._plane.store[TARGETS].get(key)
        if key is not None and row is not None and row.state == "draining":
            self._idle.add(key)
            self.loop.wake()

    def _key(self, told: Probed | Idle) -> Key | None:
        """The target; None for one of a pool that is not ours: every subscriber hears of all of them."""
        if self._plane.store[TARGET_GROUPS].get(told.pool) is None:
            return None
        return (told.pool, *target_of(told.endpoint))

    def _on_target(self, change: Change) -> None:
        new: Target | None = change.new
        if new is not None and new.state == "draining":
            self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store
        idle = sorted(self._idle)
        probed = list(self._probed.items())[:TARGETS_MAX]
        late = store[TARGETS].upto("draining", True, now)
        drained = [row.key for row in late if self._end(row) <= now][:TARGETS_MAX]
        if probed or drained or idle:
            with store.transact() as tx:
                for key, found in probed:
                    _take(tx, key, found)
                for key in dict.fromkeys([*drained, *idle]):
                    row = tx[TARGETS].get(key)
                    if row is not None and row.state == "draining":
                        tx[TARGETS].delete(key)
            await store.durable()
            for key, found in probed:
                if self._probed.get(key) is found:
                    del self._probed[key]
            self._idle.difference_update(idle, drained)
        if self._probed:
            return now
        ends = [self._end(row) for row in store[TARGETS].upto("draining", True, now)]
        following = store[TARGETS].after("draining", True, now)
        return min(ends if following is None else [*ends, following.drained_at], default=None)

    def _end(self, row: Target) -> Instant:
        """When a draining target goes, whatever proxies say."""
        return max(row.drained_at, self._proxies.drained_by(row.since, row.drained_at - row.since))


def _take(tx: Transaction, key: Key, found: Probed) -> None:
    """What was probed before the target was registered anew says nothing of it."""
    row = tx[TARGETS].get(key)
    if row is None or row.state == "draining":
        return
    if found.since != row.registered_at if found.since else found.at < row.registered_at:
        return
    said = (found.state, found.reason, found.description)
    if said != (row.state, row.reason, row.description):
        since = found.at if found.state != row.state else row.since
        state, reason, description = said
        tx[TARGETS].put(replace(row, state=state, reason=reason, description=description, since=since))
