"""The loop that keeps proxies' table as the rows say: compile.py makes the parts, this puts them.

Woken by changes of rows; looks at the load balancers and groups that changed. Only what is durable is put.
A group that no rule forwards to is not there for proxies, so that nobody probes its targets.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

from windlass.aws.server_certificates import ServerCertificates
from windlass.fleet.model import INSTANCES
from windlass.fleet.proxies import Proxies
from windlass.fleet.proxy_messages import Certificate, Endpoint, Frontend, Pool
from windlass.fleet.target_addresses import Address, Addresses
from windlass.kernel.clock import MICROSECOND, SECOND, Duration, Instant, seconds
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.elbv2 import compile, names, seeing
from windlass.services.elbv2.model import (
    LISTENERS,
    LOAD_BALANCERS,
    RULES,
    TARGET_GROUPS,
    TARGETS,
    USES,
    LoadBalancer,
    Target,
    TargetGroup,
)
from windlass.services.plane import Plane

PERIOD: Duration = 30 * SECOND
"""How often all is looked at, in case a wake-up was lost."""
LOOK_AGAIN: Duration = SECOND
"""When a target whose address nobody knows yet is looked at again."""
Key = tuple[str, str, int]
"""Of a target: its group's ARN, its id and its port."""
GATHERS: Duration = 200 * MICROSECOND
"""For each target that was put, how long changes of groups are gathered then: a pool is put whole, and so a

group of 1,000 targets that register one by one is not put a thousand times.
"""
REGISTRATION = "elb.registration"
"""Of the profile: how long it takes until a registered target is known to the load balancer's nodes."""
SPREAD = "elb.first_checks_spread"
_BALANCER = "load balancer"
_GROUP, _TARGETS = "group", "targets"


class Publisher:
    """One per plane."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._proxies = plane.calls.part(Proxies)
        self._addresses = plane.calls.part(Addresses)
        self._certificates = plane.calls.part(ServerCertificates)
        self._put: dict[str, set[str]] = {}
        """Load balancer → ARNs of its listeners that proxies have."""
        self._pools: set[str] = set()
        self._registration = seconds(plane.quotas.delay_s(REGISTRATION))
        self._registering: dict[Key, Instant] = {}
        """Target → when it is known to the nodes."""
        self._waiting: set[str] = set()
        """Groups that changed since the last ones were put."""
        self._gathered: Instant = 0
        self._made: dict[str, dict[Key, Endpoint]] = {}
        """Group → endpoints by their targets: of a thousand only the one that changed is made again.

        Forgotten when anything but targets of it changes, and by period.
        """
        self._news: dict[str, set[Key]] = {}
        """Group → targets to look at since its endpoints were made."""
        self._gathers: Duration = 0
        """For how long, and until when, changes of groups are gathered."""
        self._begun = False
        self._unresolved: set[Key] = set()
        """Targets whose address nobody knows yet."""
        self.loop = Loop("elbv2.publisher", plane.clock, plane.journal, self._pass, period=PERIOD)
        store = plane.store
        store.watch((LOAD_BALANCERS,), lambda change: self._wake(_BALANCER, _row(change).arn))
        store.watch((LISTENERS, RULES), lambda change: self._wake(_BALANCER, _row(change).load_balancer))
        store.watch((TARGET_GROUPS,), lambda change: self._wake(_GROUP, _row(change).arn))
        store.watch((TARGETS,), self._on_target)
        store.watch((USES,), lambda change: self._wake(_GROUP, _row(change).group))
        store.watch((INSTANCES,), self._on_instance)
        self._certificates.watch(self._on_certificate)

    def _wake(self, kind: str, arn: str) -> None:
        self.loop.wake((kind, arn))

    def _on_target(self, change: Change) -> None:
        row: Target = _row(change)
        self._news.setdefault(row.group, set()).add(row.key)
        self._wake(_TARGETS, row.group)

    def _on_instance(self, change: Change) -> None:
        old, new = change.old, change.new
        if new is None or old is None or old.phase != new.phase:
            for target in self._plane.store[TARGETS].by("id", _row(change).id):
                self._wake(_GROUP, target.group)

    def _on_certificate(self, arn: str) -> None:
        for row in self._plane.store[LISTENERS].by("secured", True):
            if arn in row.certificates:
                self._wake(_BALANCER, row.load_balancer)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store
        again: list[Instant] = []
        known = [key for key, at in self._registering.items() if at <= now]
        for key in [*known, *self._unresolved]:
            self._registering.pop(key, None)
            self._news.setdefault(key[0], set()).add(key)
        if keys or known or self._waiting:
            named = [key for key in keys if isinstance(key, tuple)]
            balancers = {arn for kind, arn in named if kind == _BALANCER}
            otherwise = {arn for kind, arn in named if kind == _GROUP}
            groups = {arn for kind, arn in named if kind == _TARGETS} | otherwise | {*self._news}
            self._forget(None if balancers else otherwise)
        else:
            self._forget(None)
            balancers = {row.arn for row in store[LOAD_BALANCERS].all()} | set(self._put)
            groups = {row.arn for row in store[TARGET_GROUPS].all()} | self._pools
        self._waiting |= groups
        gathers = 0 < self._gathered - now <= self._gathers  # longer: the clock was set back
        if balancers or not gathers:
            groups = set(self._waiting)
        else:
            groups = set()
            again.append(self._gathered)
        pools = {arn: self._pool(arn) for arn in sorted(groups)}
        if groups:
            self._gathers = GATHERS * sum(len(pool.endpoints) for pool in pools.values() if pool)
            self._gathered = now + self._gathers
        frontends: dict[str, list[Frontend]] = {}
        for arn in sorted(balancers):
            row = store[LOAD_BALANCERS].get(arn)
            if row is not None and row.is_provisioning(now) and arn not in self._put:
                again.append(row.active_at)
                row = None
            frontends[arn] = [] if row is None else list(self._frontends(row))
        if self._begun:  # what the first pass sees was read from the log: proxies are told, full disk or not
            await store.durable()  # a Retry comes back with these keys, and what waited still waits
        self._begun = True
        self._waiting -= groups
        self._tell(pools, frontends)
        again += self._registering.values()
        if self._unresolved:
            again.append(now + LOOK_AGAIN)
        return min(again, default=None)

    def _forget(self, groups: Iterable[str] | None) -> None:
        """What was made of targets of these groups, or of all."""
        for arn in list(self._made) if groups is None else groups:
            self._made.pop(arn, None)

    def _tell(self, pools: dict[str, Pool | None], frontends: dict[str, list[Frontend]]) -> None:
        """Pools that come before listeners that name them, those that go after them."""
        for arn, pool in pools.items():
            if pool is not None:
                self._proxies.put_pool(pool)
                self._pools.add(arn)
        for arn, wanted in frontends.items():
            for frontend in wanted:
                self._proxies.put_frontend(frontend)
            keys = {frontend.key for frontend in wanted}
            for gone in sorted(self._put.pop(arn, set()) - keys):
                self._proxies.remove_frontend(gone)
            if keys:
                self._put[arn] = keys
        for arn, pool in pools.items():
            if pool is None:
                self._proxies.remove_pool(arn)
                self._pools.discard(arn)

    def _frontends(self, row: LoadBalancer) -> Iterable[Frontend]:
        store = self._plane.store
        listeners = store[LISTENERS].by("load_balancer", row.arn)
        first = names.first_of(listeners)
        for listener in listeners:
            yield compile.frontend(
                row,
                listener,
                store[RULES].by("listener", listener.arn),
                first=listener is first,
                certificates=self._secrets(listener.certificates),
            )

    def _secrets(self, arns: Iterable[str]) -> Iterable[Certificate]:
        for arn in arns:
            found = self._certificates.get(arn)
            if found is not None:
                yield Certificate(found.names, f"{found.body.strip()}\n{found.chain}", found.key)

    def _pool(self, arn: str) -> Pool | None:
        """None when no rule forwards to it."""
        store = self._plane.store
        news = self._news.pop(arn, set())
        group = store[TARGET_GROUPS].get(arn)
        if group is None or not store[USES].count("group", arn):
            self._made.pop(arn, None)
            self._unresolved -= news
            self._registering = {key: at for key, at in self._registering.items() if key[0] != arn}
            return None
        if group.target_type == "lambda":
            target = store[TARGETS].first("group", arn)
            return compile.pool(group, (), "" if target is None else target.id)
        made = self._made.get(arn)
        if made is None:
            made = self._made[arn] = {}
            news |= {target.key for target in store[TARGETS].by("group", arn)}
        self._renew(group, made, news)
        return compile.pool(group, made.values(), spread=self._plane.quotas.switch(SPREAD))

    def _renew(self, group: TargetGroup, made: dict[Key, Endpoint], news: Iterable[Key]) -> None:
        """Make the endpoints of these targets again, in the order in which they were registered."""
        found = [(key, self._plane.store[TARGETS].get(key)) for key in news]
        for key, target in sorted(found, key=_registered):
            self._registering.pop(key, None)
            self._unresolved.discard(key)
            endpoint = None if target is None else self._endpoint(group, target)
            if endpoint is None or (key in made and made[key].since != endpoint.since):
                made.pop(key, None)
            if endpoint is not None:
                made[key] = endpoint

    def _endpoint(self, group: TargetGroup, target: Target) -> Endpoint | None:
        """None while it is not to be reached."""
        known_at = target.registered_at + self._registration
        if target.state == "initial" and self._plane.clock.now() < known_at:
            self._registering[target.key] = known_at
            return None
        around = seeing.around(self._plane.store, group, target)
        if around.machine in ("shutting-down", "terminated") or not around.zone_enabled:
            return None
        found = self._address(group, target)
        if found is None:
            self._unresolved.add(target.key)
            return None
        return compile.endpoint(target, found.host, found.netns)

    def _address(self, group: TargetGroup, target: Target) -> Address | None:
        if group.target_type == "instance":
            return Address(self._addresses.of_instance(target.id))
        return self._addresses.of_ip(group.account, group.region, group.vpc_id, target.id)


def _registered(found: tuple[Key, Target | None]) -> tuple[Instant, Key]:
    key, target = found
    return (0 if target is None else target.registered_at, key)


def _row(change: Change) -> Any:
    return change.new if change.new is not None else change.old
