"""The loop that scales what serves: scaling.py decides, this acts, as soon as proxies tell of requests.

Writes `InstanceSet.wanted` of the deployment that serves, and moves instances between provisioned and active.
What proxies told, and what was needed of late, is in memory: after a restart of the plane nothing is taken
away before it was not needed for as long as ever. Also counts what is to be paid.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import Load, ProxyHello
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change, Transaction
from windlass.services.apprunner import pools, scaling, settings
from windlass.services.apprunner.instance_model import INSTANCES, SETS, Instance, SetKey, moved
from windlass.services.apprunner.model import DEPLOYMENTS, OWNER, SERVICES, Service
from windlass.services.apprunner.scaling import Bill, Need, Pace, Plan, Standing
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
"""How often every service is looked at, in case a wake-up was lost."""


@dataclass(slots=True)
class Watched:
    """What is known of the deployment that serves, in memory."""

    set_key: SetKey
    in_flight: int = 0
    queued: int = 0
    requests: Mapping[str, int] = field(default_factory=dict)
    """By instance."""
    peaks: tuple[Need, ...] = ()
    again: Instant | None = None

    @property
    def concurrency(self) -> int:
        return self.in_flight + self.queued


@dataclass(slots=True)
class Account:
    """What a service comes to."""

    until: Instant
    bill: Bill = field(default_factory=Bill)
    standing: Sequence[Standing] = ()
    """The instances since then."""


class Scaler:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane, proxies: Proxies) -> None:
        self._plane = plane
        self._pace = settings.pace(plane.quotas)
        self._watched: dict[str, Watched] = {}
        """By service."""
        self._bills: dict[str, Account] = {}
        """By service."""
        self.loop = Loop("apprunner.scaler", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((SERVICES, INSTANCES), self._on_row)
        proxies.on_load(self._on_load)
        proxies.on_open(self._on_open)

    def load(self, service: str) -> Watched | None:
        """What proxies told last of that service; None for one that does not serve."""
        return self._watched.get(service)

    def bill(self, service: str, now: Instant) -> Bill:
        """What that service used until now, since the plane was started."""
        account = self._bills.get(service)
        if account is None:
            return Bill()
        return scaling.billed(account.bill, account.standing, now - account.until)

    # what wakes it

    def _on_load(self, told: Load) -> None:
        key = pools.serving_set_of(told.pool)
        watched = None if key is None else self._watched.get(key[0])
        if watched is not None and watched.set_key == key:
            watched.in_flight, watched.queued = told.in_flight, told.queued
            watched.requests = dict(told.endpoints)
            self.loop.wake(key[0])

    def _on_open(self, proxy: ProxyHello) -> None:
        """A proxy that is new has no requests; one that was there before says so at once."""
        if proxy.index == 0:
            for service, watched in self._watched.items():
                watched.in_flight = watched.queued = 0
                watched.requests = {}
                self.loop.wake(service)

    def _on_row(self, change: Change) -> None:
        row: Service | Instance | None = change.new or change.old
        if row is not None:
            self.loop.wake(row.arn if isinstance(row, Service) else row.service)

    # the loop

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store
        due = {str(key) for key in keys}
        due |= {arn for arn, one in self._watched.items() if one.again is not None and one.again <= now}
        if not keys:
            due |= {row.arn for row in store[SERVICES].by("serving", "yes")} | set(self._watched)
        for arn in sorted(due):
            self._count(arn, now)
            watched = self._watch(arn)
            if watched is not None:
                with store.transact() as tx:
                    self._turn(tx, watched, now)
        await store.durable()
        return min((one.again for one in self._watched.values() if one.again is not None), default=None)

    def _watch(self, arn: str) -> Watched | None:
        """What is known of what serves there now; of another deployment than before nothing yet."""
        service = self._plane.store[SERVICES].get(arn)
        if service is None or not service.serving:
            self._watched.pop(arn, None)
            if service is None:
                self._bills.pop(arn, None)
            return None
        key = (arn, service.serving)
        before = self._watched.get(arn)
        if before is None or before.set_key != key:
            self._watched[arn] = Watched(key, peaks=() if before is None else before.peaks)
        return self._watched[arn]

    def _turn(self, tx: Transaction, watched: Watched, now: Instant) -> None:
        row, deployment = tx[SETS].get(watched.set_key), tx[DEPLOYMENTS].get(watched.set_key)
        if row is None or deployment is None or not row.wanted:
            return
        rows = {one.id: one for one in tx[INSTANCES].by("set", watched.set_key) if one.state != "stopping"}
        standing = [_standing(one, watched.requests) for one in rows.values()]
        peaks = watched.peaks or _assumed(row.wanted, standing, now, self._pace)
        plan = scaling.plan(deployment.scaling, watched.concurrency, standing, peaks, now, self._pace)
        watched.peaks, watched.again = plan.peaks, plan.again
        for id, why in plan.activate:
            tx[INSTANCES].put(moved(rows[id], "activate", now))
            self._note(row.service, f"instance {id} is active", why)
        for id, why in plan.deactivate:
            account = self._bills[row.service]
            account.bill = scaling.idle_again(account.bill, rows[id].since, now)
            tx[INSTANCES].put(moved(rows[id], "idle", now))
            self._note(row.service, f"instance {id} is idle", why)
        self._resize(tx, watched, plan)

    def _resize(self, tx: Transaction, watched: Watched, plan: Plan) -> None:
        row = tx[SETS].require(watched.set_key)
        if plan.wanted != row.wanted:
            tx[SETS].put(replace(row, wanted=plan.wanted))
            what = "scales out" if plan.wanted > row.wanted else "scales in"
            self._note(row.service, f"{what} from {row.wanted} to {plan.wanted} instances", plan.why)

    def _count(self, arn: str, now: Instant) -> None:
        """What was used until now, by the instances that there were; and which there are from now on."""
        account = self._bills.setdefault(arn, Account(now))
        account.bill = self.bill(arn, now)
        rows = self._plane.store[INSTANCES].by("service", arn)
        account.standing = [_standing(one, {}) for one in rows if one.state != "stopping"]
        account.until = now

    def _note(self, service: str, what: str, why: str) -> None:
        self._plane.journal.note(OWNER, service, what, why)


def _assumed(wanted: int, standing: Sequence[Standing], now: Instant, pace: Pace) -> tuple[Need, ...]:
    """What may have been needed of late, before this plane knew: what there is."""
    active = sum(one.phase == "active" for one in standing)
    provisioned = (Need(wanted, now - pace.idle_after),) if wanted > active else ()
    return (*provisioned, Need(active, now))


def _standing(row: Instance, requests: Mapping[str, int]) -> Standing:
    phase: scaling.Phase = "active" if row.state == "active" else "provisioned"
    if row.state == "starting":
        phase = "starting"
    return Standing(row.id, phase, requests.get(row.id, 0), row.since)
