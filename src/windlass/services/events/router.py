"""From an event on a bus to deliveries: matches, makes the input, writes rows.

A part; the handlers of PutEvents, the schedules, other services' notices and deliveries to a bus all come
through here. Rules are indexed for each bus on its first event, and again after a change of its rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from windlass.aws.bus import Notice
from windlass.aws.pattern import Pattern
from windlass.kernel.clock import Instant
from windlass.kernel.ids import Ids
from windlass.kernel.journal import Journal
from windlass.kernel.store import Change, Store, Transaction
from windlass.services.events import input
from windlass.services.events.backlog import Backlog
from windlass.services.events.event import encode, envelope
from windlass.services.events.match import RuleIndex
from windlass.services.events.measuring import Measuring
from windlass.services.events.model import (
    DEFAULT_BUS,
    DELIVERIES,
    RULES,
    TARGETS,
    BusKey,
    Delivery,
    Rule,
)
from windlass.services.events.targets import wants_event


@dataclass(frozen=True, slots=True)
class Routed:
    """One event that came to a bus."""

    bus: BusKey
    event: Mapping[str, Any]
    hops: int = 0


class Router:
    """Keeps the indexes of rules; the only writer of new deliveries."""

    def __init__(
        self, store: Store, journal: Journal, ids: Ids, backlog: Backlog, measuring: Measuring
    ) -> None:
        self._measuring = measuring
        self._store = store
        self._backlog = backlog
        self._journal = journal
        self._ids = ids
        self._indexes: dict[BusKey, RuleIndex] = {}
        self._known: dict[BusKey, dict[str, Pattern]] = {}
        store.watch((RULES,), self._rules_changed)

    @property
    def full(self) -> bool:
        """Whether so much waits to be delivered that no event should be taken."""
        return self._backlog.full

    def route(self, arrived: Iterable[Routed], now: Instant) -> int:
        """Write a delivery for each target of each rule that matches; returns how many. One transaction."""
        wanted = [
            (one, rule) for one in arrived for rule in self._index(one.bus).matching(one.event)
        ]  # fmt: skip
        if not wanted:
            return 0
        with self._store.transact() as tx:
            return sum(self.hand_out(tx, rule, one.event, now, one.hops) for one, rule in wanted)

    def hand_out(
        self, tx: Transaction, rule: Rule, event: Mapping[str, Any], now: Instant, hops: int = 0
    ) -> int:
        """Write the deliveries of one event to the targets of one rule, in the caller's transaction.

        Returns how many: none when too much waits already; who can refuse an event asks `full` before.
        """
        targets = tx[TARGETS].by("rule", rule.key)
        self._measuring.count(rule.arn, "TriggeredRules")
        if targets and self.full:
            self._journal.note("events", rule.arn, "dropped an event", "too many deliveries are under way")
            return 0
        text = encode(event) if targets else ""
        for target in targets:
            payload = input.payload(
                target.spec,
                event,
                rule_name=rule.name,
                rule_arn=rule.arn,
                ingested_at=now,
            )
            if payload is None and not wants_event(target.spec):
                payload = ""
            tx[DELIVERIES].put(
                Delivery(
                    id=self._ids.uuid(),
                    account=rule.account,
                    region=rule.region,
                    rule_name=rule.name,
                    rule_arn=rule.arn,
                    spec=target.spec,
                    event=text,
                    payload=payload,
                    created_at=now,
                    next_at=now,
                    hops=hops,
                )
            )
        return len(targets)

    def wants(self, account: str, region: str, source: str) -> bool:
        """Whether a rule of the account's default bus could match another service's event."""
        return self._index((account, region, DEFAULT_BUS)).may_match(source)

    def take(self, tx: Transaction, notice: Notice) -> None:
        """Route another service's event on the account's default bus, in that service's transaction."""
        bus = (notice.account, notice.region, DEFAULT_BUS)
        event = envelope(
            id=self._ids.uuid(),
            detail_type=notice.detail_type,
            source=notice.source,
            account=notice.account,
            region=notice.region,
            at=notice.at,
            resources=notice.resources,
            detail=notice.detail,
        )
        for rule in self._index(bus).matching(event):
            self.hand_out(tx, rule, event, notice.at)

    def _index(self, bus: BusKey) -> RuleIndex:
        found = self._indexes.get(bus)
        if found is None:
            rules: Sequence[Rule] = self._store[RULES].by("bus", bus)
            found = self._indexes[bus] = RuleIndex(rules, self._known.get(bus, {}))
            self._known[bus] = found.compiled
        return found

    def _rules_changed(self, change: Change) -> None:
        """A fire only moves `next_fire`, which does not matter to matching."""
        old, new = change.old, change.new
        if old is None or new is None or (old.pattern, old.state) != (new.pattern, new.state):
            self._indexes.pop((new or old).bus_key, None)
