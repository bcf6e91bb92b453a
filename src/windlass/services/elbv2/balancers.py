"""What ECS asks of target groups (aws/target_groups.py), answered from the rows of this service."""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.quotas import Quotas
from windlass.aws.target_groups import UNUSED, Shares, Target, TargetGroups, TargetHealth, TargetType
from windlass.kernel.clock import Clock, Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Store, Transaction
from windlass.services.elbv2 import actions, registration, rule_rows, seeing
from windlass.services.elbv2.model import (
    LISTENERS,
    RULES,
    TARGET_GROUPS,
    TARGETS,
    USES,
    Reads,
    Rule,
    Use,
)
from windlass.services.elbv2.model import Target as Row
from windlass.services.elbv2.refusals import bad_action, no_rule


class TargetGroupRows:
    """Serves aws.target_groups.Balancers."""

    def __init__(self, store: Store, clock: Clock, quotas: Quotas, groups: TargetGroups) -> None:
        self._store = store
        self._clock = clock
        self._quotas = quotas
        self._groups = groups
        groups.serve(self)
        store.watch((TARGETS,), self._on_target)
        store.watch((USES,), self._on_use)

    def target_type(self, arn: str) -> TargetType | None:
        group = self._store[TARGET_GROUPS].get(arn)
        if group is None or not self._store[USES].count("group", arn):
            return None
        return group.target_type

    def register(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        group = tx[TARGET_GROUPS].get(arn)
        if group is not None:
            ramped = registration.ramps(tx, group)
            registration.register(tx, group, target.id, target.port, "", now, ramped)

    def deregister(self, tx: Transaction, arn: str, target: Target, now: Instant) -> None:
        group = tx[TARGET_GROUPS].get(arn)
        if group is not None:
            registration.deregister(tx, group, target.id, target.port, now)

    def health(self, arn: str, target: Target) -> TargetHealth:
        group = self._store[TARGET_GROUPS].get(arn)
        row = self._store[TARGETS].get((arn, target.id, target.port))
        if group is None or row is None:
            return UNUSED
        return seeing.health(self._store, group, row, self._clock.now())

    def forward(self, tx: Transaction, arn: str, shares: Sequence[tuple[str, int]], now: Instant) -> None:
        rule = _rule(tx, arn)
        if rule is None:
            raise no_rule(arn)
        after = actions.forwarding(rule.actions, shares)
        if after is None:
            raise bad_action(f"'{arn}' does not forward to target groups")
        rule_rows.put(tx, replace(rule, actions=after), self._quotas, now)

    def shares(self, arn: str) -> Shares:
        rule = _rule(self._store, arn)
        return () if rule is None else actions.shares(rule.actions)

    def rule_exists(self, arn: str) -> bool:
        return _rule(self._store, arn) is not None

    def _on_target(self, change: Change) -> None:
        row: Row = change.new or change.old
        old: Row | None = change.old
        if old is None or change.new is None or old.state != change.new.state:
            self._groups.changed(Target(row.id, row.port))

    def _on_use(self, change: Change) -> None:
        """The first rule that forwards to a group, or the last one that did."""
        use: Use = change.new or change.old
        if self._store[USES].count("group", use.group) <= 1:
            for row in self._store[TARGETS].by("group", use.group):
                self._groups.changed(Target(row.id, row.port))


def _rule(reads: Reads, arn: str) -> Rule | None:
    """That rule, or the default one of that listener."""
    if reads[LISTENERS].get(arn) is not None:
        return reads[RULES].last("listener", arn)
    return reads[RULES].get(arn)
