"""Auto Scaling groups as capacity providers see and move them: implements fleet.groups.Source."""

from __future__ import annotations

from collections.abc import Callable, Collection

from windlass.aws import arn as arns
from windlass.fleet import groups
from windlass.fleet.blueprints import Makers
from windlass.kernel.clock import Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.autoscaling import launching
from windlass.services.autoscaling.model import (
    GROUPS,
    HOOKS,
    MEMBERS,
    TERMINATING,
    Group,
    Hook,
    Member,
    Reads,
    Scope,
)
from windlass.services.plane import Plane


class GroupSource:
    """A part of the plane."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self._makers = plane.calls.part(Makers)

    def find(self, reads: Reads, scope: Scope, named: str) -> groups.Group | None:
        row = _row(reads, named) if named.startswith("arn:") else reads[GROUPS].get((*scope, named))
        if row is None or row.deleting or (row.account, row.region) != scope:
            return None
        return groups.Group(
            arn=row.arn,
            min_size=row.min_size,
            max_size=row.max_size,
            desired=row.desired,
            protects_new=row.protects_new,
            sizes=launching.sizes(reads, row, self._makers.maker()),
            members=tuple(_member(one) for one in reads[MEMBERS].by("group", row.key)),
        )

    def scale(self, tx: Transaction, arn: str, desired: int, why: str, now: Instant) -> None:
        row = _row(tx, arn)
        if row is None or row.deleting:
            return
        wanted = max(row.min_size, min(desired, row.max_size))
        if wanted != row.desired:
            cause = f"{why} changing the desired capacity from {row.desired} to {wanted}."
            tx[GROUPS].put(replace(row, desired=wanted, scaled_at=now, cause=cause))

    def protect(self, tx: Transaction, arn: str, ids: Collection[str], protected: bool) -> None:
        for one in sorted(ids):
            member = tx[MEMBERS].get(one)
            if member is not None and member.protected != protected:
                tx[MEMBERS].put(replace(member, protected=protected))

    def hold(self, tx: Transaction, arn: str, hook: str, timeout_s: int) -> None:
        row = _row(tx, arn)
        if row is not None and not row.deleting:
            tx[HOOKS].put(Hook(*row.key, hook, TERMINATING, timeout_s, "CONTINUE"))

    def unhold(self, tx: Transaction, arn: str, hook: str) -> None:
        row = _row(tx, arn)
        if row is None:
            return
        tx[HOOKS].delete((*row.key, hook))
        for member in tx[MEMBERS].by("group", row.key):
            self.release(tx, member.id, hook)

    def release(self, tx: Transaction, instance_id: str, hook: str) -> None:
        member = tx[MEMBERS].get(instance_id)
        if member is None or not any(wait.hook == hook and not wait.result for wait in member.waits):
            return
        waits = [replace(one, result="CONTINUE") if one.hook == hook else one for one in member.waits]
        tx[MEMBERS].put(replace(member, waits=tuple(waits)))

    def follow(self, changed: Callable[[str], None]) -> None:
        def on_group(change: Change) -> None:
            changed((change.new or change.old).arn)

        def on_member(change: Change) -> None:
            group = self._store[GROUPS].get((change.new or change.old).key)
            if group is not None:
                changed(group.arn)

        self._store.watch((GROUPS,), on_group)
        self._store.watch((MEMBERS,), on_member)


def _row(reads: Reads, arn: str) -> Group | None:
    """The group of that ARN, which a later one of the same name has not."""
    read = arns.parse(arn)
    if read is None or read.service != "autoscaling":
        return None
    _, _, name = read.resource.partition(":autoScalingGroupName/")
    found = reads[GROUPS].get((read.account, read.region, name))
    return found if found is not None and found.arn == arn else None


def _member(row: Member) -> groups.Member:
    hooks = tuple(wait.hook for wait in row.waits if not wait.result)
    return groups.Member(row.id, row.state, row.launched_at, row.protected, hooks)
