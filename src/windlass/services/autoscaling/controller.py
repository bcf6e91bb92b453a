"""The Auto Scaling loop: reads a group, plans (plan.py), writes. One transaction a group and pass.

Woken with the keys of groups whose rows, instances or machines changed; once a period it looks at all. A
launch that fails is a failed activity, and the group tries again later, after twice as long each time.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.aws.bus import Bus
from windlass.fleet import instances
from windlass.fleet.blueprints import Makers
from windlass.fleet.model import INSTANCES, Instance
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.autoscaling import activities, ending, launching, limits, plan
from windlass.services.autoscaling.model import (
    ACTIVITIES,
    GROUPS,
    HOOKS,
    LAUNCHING,
    MEMBERS,
    TERMINATING,
    Group,
    GroupKey,
    Member,
    Wait,
)
from windlass.services.autoscaling.transitions import moved
from windlass.services.plane import Plane

PERIOD: Duration = 5 * MINUTE


class Scaler:
    """Run it with `spawn.start("autoscaling", scaler.loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._store = plane.store
        self._journal = plane.journal
        self._bus = plane.calls.part(Bus)
        self._makers = plane.calls.part(Makers)
        self._ids = Ids(plane.chance.stream("autoscaling"))
        self._retries: dict[GroupKey, tuple[Instant, Duration]] = {}
        """Group → when it may launch again, and how long it waited for that."""
        self._dues: dict[GroupKey, Instant] = {}
        self.loop = Loop("autoscaling", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((GROUPS, HOOKS), self._on_group)
        plane.store.watch((MEMBERS,), self._on_member)
        plane.store.watch((INSTANCES,), self._on_machine)

    def _on_group(self, change: Change) -> None:
        row = change.new or change.old
        self._retries.pop(row.key if isinstance(row, Group) else (row.account, row.region, row.group), None)
        self.loop.wake(row.key if isinstance(row, Group) else (row.account, row.region, row.group))

    def _on_member(self, change: Change) -> None:
        self.loop.wake((change.new or change.old).key)

    def _on_machine(self, change: Change) -> None:
        machine: Instance = change.new or change.old
        member = self._store[MEMBERS].get(machine.id) if machine.group else None
        if member is not None:
            self.loop.wake(member.key)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        due = {key for key, at in self._dues.items() if at <= now}
        wanted = (
            sorted(keys | due, key=str) if keys or due else [row.key for row in self._store[GROUPS].all()]
        )
        for key in wanted:
            self._dues.pop(key, None)  # type: ignore[call-overload]
            with self._store.transact() as tx:
                group = tx[GROUPS].get(key)
                if group is not None:
                    self._scale(tx, group, now)
        return min(self._dues.values(), default=None)

    def _scale(self, tx: Transaction, group: Group, now: Instant) -> None:
        """One group: snapshot, plan, apply."""
        seen = []
        for member in tx[MEMBERS].by("group", group.key):
            machine = tx[INSTANCES].get(member.id)
            seen.append(plan.Seen(member, machine.phase if machine is not None else None))
        if group.deleting and not seen:
            self._forget(tx, group)
            return
        hooked = {hook.transition for hook in tx[HOOKS].by("group", group.key)}
        sites = tuple(self._makers.maker().well(group.sites))
        made = plan.plan(replace(group, sites=sites), seen, hooked, now)
        begins = [action for action in made.actions if isinstance(action, plan.Begin)]
        for action in made.actions:
            if not isinstance(action, plan.Begin):
                self._apply(tx, group, action, now)
        again = [made.look_again] if made.look_again is not None else []
        again += self._launch(tx, group, begins, now)
        if again:
            self._dues[group.key] = min(again)
        if made.why:
            self._journal.note("autoscaling", group.arn, "waits", made.why)

    def _apply(self, tx: Transaction, group: Group, action: plan.Action, now: Instant) -> None:
        match action:
            case plan.Move(member_id, "hooked"):
                self._hook(tx, tx[MEMBERS].require(member_id), now)
            case plan.Move(member_id, event):
                after = tx[MEMBERS].put(moved(tx[MEMBERS].require(member_id), event))
                if event == "launched":
                    activities.finish(tx, self._bus, after, now)
                    self._journal.note("autoscaling", member_id, "in service", group.name)
            case plan.End(member_id, why):
                ending.end(tx, self._bus, self._ids, group, tx[MEMBERS].require(member_id), why, now)
                self._journal.note("autoscaling", member_id, "terminating", why)
            case plan.Shut(member_id):
                instances.terminate(tx, member_id, tx[MEMBERS].require(member_id).why)
            case plan.Forget(member_id):
                gone = tx[MEMBERS].delete(member_id)
                if gone is not None:
                    activities.finish(tx, self._bus, gone, now)

    def _hook(self, tx: Transaction, member: Member, now: Instant) -> None:
        """The instance waits for all hooks of the transition that it is in."""
        transition = LAUNCHING if member.state == "Pending" else TERMINATING
        waits = []
        for hook in tx[HOOKS].by("group", member.key):
            if hook.transition == transition:
                most = min(hook.heartbeat_s * limits.GLOBAL_HEARTBEATS, limits.GLOBAL_TIMEOUT_S_MAX)
                deadline, limit = now + hook.heartbeat_s * SECOND, now + most * SECOND
                token = self._ids.uuid()
                waits.append(Wait(hook.name, token, deadline, limit, hook.heartbeat_s, hook.default))
                activities.tell_wait(tx, self._bus, member, hook, waits[-1], now)
        after = moved(member, "hooked")
        tx[MEMBERS].put(replace(after, waits=tuple(waits)))

    def _launch(self, tx: Transaction, group: Group, begins: list[plan.Begin], now: Instant) -> list[Instant]:
        """Launch what is wanted; returns when to look again, if not all of it was launched."""
        if not begins:
            self._retries.pop(group.key, None)
            return []
        held = self._retries.get(group.key)
        if held is not None and now < held[0]:
            return [held[0]]
        try:
            self._launch_all(tx, group, begins[: limits.LAUNCHES_MAX], now)
        except Fault as fault:
            return [self._failed(tx, group, fault, now)]
        self._retries.pop(group.key, None)
        return [now] if len(begins) > limits.LAUNCHES_MAX else []

    def _launch_all(self, tx: Transaction, group: Group, begins: list[plan.Begin], now: Instant) -> None:
        """Raises Fault before anything is written: what one instance lacks, they all lack."""
        maker = self._makers.maker()
        made = launching.for_group(tx, group, maker)
        scope = (group.account, group.region)
        why = "an instance was started in response to a difference between desired and actual capacity"
        for begin in begins:
            machine = maker.launch(tx, scope, made, begin.site, group.arn, now)
            told = f"Launching a new EC2 instance: {machine.id}"
            activity = activities.begin(tx, group, self._ids, told, why, now)
            member = launching.member(group, machine, now)
            tx[MEMBERS].put(
                replace(
                    member,
                    configuration=group.launch.configuration,
                    template=made.template,
                    activity=activity.id,
                )
            )
        self._journal.note("autoscaling", group.arn, "launching", f"{len(begins)} instances")

    def _failed(self, tx: Transaction, group: Group, fault: Fault, now: Instant) -> Instant:
        """A failed activity; returns when the group tries again."""
        waited = self._retries.get(group.key, (0, 0))[1]
        delay = min(limits.RETRY_MAX, waited * 2) if waited else limits.RETRY_FIRST
        self._retries[group.key] = (now + delay, delay)
        activities.begin(
            tx,
            group,
            self._ids,
            f"Launching a new EC2 instance.  Status Reason: {fault.message}",
            "an instance was started in response to a difference between desired and actual capacity",
            now,
            ended_at=now,
            status="Failed",
            message=f"{fault.message} Launching EC2 instance failed.",
        )
        self._journal.note("autoscaling", group.arn, "launch failed", fault.message)
        return now + delay

    def _forget(self, tx: Transaction, group: Group) -> None:
        for hook in tx[HOOKS].by("group", group.key):
            tx[HOOKS].delete((*group.key, hook.name))
        for activity in tx[ACTIVITIES].by("group", group.key):
            tx[ACTIVITIES].delete(activity.id)
        tx[GROUPS].delete(group.key)
