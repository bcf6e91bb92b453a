"""Rules with a schedule: fire when `next_fire` has come, and move it on, in one transaction.

So a restart neither doubles nor loses a fire. A fire that is more than a minute late (the plane was down, the
host slept) is skipped and journaled: AWS would have fired it in its minute, and a burst of old fires helps
nobody. A rate counts from the last fire, at first from when the rule was made or enabled.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from windlass.aws.schedule import Expression, Rate, next_fire, parse
from windlass.kernel.clock import HOUR, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change, Transaction
from windlass.services.events.event import SCHEDULED_DETAIL_TYPE, SCHEDULED_SOURCE, envelope
from windlass.services.events.limits import FIRE_LATE_MAX
from windlass.services.events.model import RULES, Rule
from windlass.services.events.router import Router
from windlass.services.plane import Plane

PERIOD: Duration = HOUR
FIRES_AT_ONCE = 100  # rules fired in one transaction; ours


def first_fire(rule: Rule, now: Instant) -> Instant | None:
    """When a rule that was just made, changed or enabled fires first."""
    if rule.schedule is None or not rule.enabled:
        return None
    return next_fire(parse(rule.schedule), now)


def following_fire(expression: Expression, fired: Instant, now: Instant) -> Instant | None:
    """The first fire after `now`. A rate keeps its beat: whole intervals after `fired`."""
    if isinstance(expression, Rate):
        return fired + ((now - fired) // expression.every + 1) * expression.every
    return next_fire(expression, now)


class Schedules:
    """A part with one loop. `fire_now` fires a rule out of turn, for the demo and the console."""

    def __init__(self, plane: Plane, router: Router) -> None:
        self._store = plane.store
        self._clock = plane.clock
        self._journal = plane.journal
        self._router = router
        self._ids = Ids(plane.chance.stream("events.schedule"))
        self.loop = Loop("events.schedules", plane.clock, plane.journal, self.run_pass, period=PERIOD)
        plane.store.watch((RULES,), self._changed)

    def fire_now(self, account: str, region: str, bus: str, rule: str) -> int:
        """Deliver a Scheduled Event to the rule's targets at once; returns to how many.

        Raises Fault ResourceNotFoundException. Await `store.durable()` before telling anyone.
        """

        def missing() -> Fault:
            return Fault("ResourceNotFoundException", f"Rule {rule} does not exist on EventBus {bus}.")

        with self._store.transact() as tx:
            found = tx[RULES].require((account, region, bus, rule), missing)
            return self._fire(tx, found, self._clock.now())

    async def run_pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Fire what is due; looks again at the next rule's instant."""
        due = self._store[RULES].upto("due", True, now, limit=FIRES_AT_ONCE)
        if due:
            with self._store.transact() as tx:
                for rule in due:
                    self._fire_due(tx, rule, now)
        following = self._store[RULES].first("due", True)
        return None if following is None else following.next_fire

    def _fire_due(self, tx: Transaction, rule: Rule, now: Instant) -> None:
        assert rule.schedule is not None and rule.next_fire is not None
        following = following_fire(parse(rule.schedule), rule.next_fire, now)
        tx[RULES].put(replace(rule, next_fire=following))
        if now - rule.next_fire > FIRE_LATE_MAX:
            late = (now - rule.next_fire) // 1_000_000_000
            self._journal.note("events", rule.arn, "skipped a fire", f"it is {late} s late")
        else:
            self._fire(tx, rule, rule.next_fire)

    def _fire(self, tx: Transaction, rule: Rule, at: Instant) -> int:
        event = envelope(
            id=self._ids.uuid(),
            detail_type=SCHEDULED_DETAIL_TYPE,
            source=SCHEDULED_SOURCE,
            account=rule.account,
            region=rule.region,
            at=at,
            resources=(rule.arn,),
            detail={},
        )
        return self._router.hand_out(tx, rule, event, self._clock.now())

    def _changed(self, change: Change) -> None:
        if change.new is not None and change.new.next_fire is not None:
            self.loop.wake()
