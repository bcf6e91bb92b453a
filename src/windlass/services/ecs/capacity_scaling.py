"""The loop of managed scaling: each minute it sizes the groups of capacity providers to their tasks.

Reads a provider's group, instances and waiting tasks; managed_scaling.py decides; writes the group's desired
capacity and its instances' protection, and publishes CapacityProviderReservation. The minute is the
profile's: under `local` it takes a second, and so do all times that are counted in it. How many minutes a
group was too large is kept in memory: after a restart they are counted anew.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from windlass.aws.metrics import Metrics
from windlass.fleet.groups import Group, Groups, Source
from windlass.kernel.clock import MINUTE, Duration, Instant, seconds
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Transaction
from windlass.services.ecs import managed_scaling
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.managed_scaling import Rules, Situation, Waits
from windlass.services.ecs.model import CLUSTERS, TASKS, Cluster
from windlass.services.ecs.provider_model import PROVIDERS, WAITING, CapacityProvider
from windlass.services.ecs.service_model import SERVICES
from windlass.services.plane import Plane

NAMESPACE = "AWS/ECS/ManagedScaling"
METRIC = "CapacityProviderReservation"
MINUTE_OF = "ecs.managed_scaling_minute"
"""The profile's delay: how long a minute of managed scaling takes."""
SOME = 8
"""Tasks of an instance that are read at a time, until one is found that is no daemon."""


class CapacityScaling:
    """Run it with `spawn.start("ecs.scaling", scaling.loop.run())`."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._groups = plane.calls.part(Groups)
        self._metrics = plane.calls.part(Metrics)
        self._minute: Duration = seconds(plane.quotas.delay_s(MINUTE_OF)) or MINUTE
        self._due: Instant = 0
        """When the next minute begins."""
        self._low: dict[str, int] = {}
        """Group ARN → minutes in a row that its reservation was below the target."""
        self.loop = Loop("ecs.scaling", plane.clock, plane.journal, self._pass, period=self._minute)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        source = self._groups.source
        if source is None:
            return None
        if now < self._due:  # a timer may ring early, and minutes are counted: none twice
            return self._due
        self._due = now + self._minute
        store = self._plane.store
        for arn in sorted(map(str, store[PROVIDERS].values("group"))):
            with store.transact() as tx:
                provider = tx[PROVIDERS].first("group", arn)
                if provider is not None and provider.scaling.enabled:
                    self._scale(tx, source, provider, now)
        return self._due

    def _scale(self, tx: Transaction, source: Source, provider: CapacityProvider, now: Instant) -> None:
        """One provider."""
        scope = (provider.account, provider.region)
        group = self._groups.find(tx, scope, provider.group_arn)
        clusters = _clusters(tx, provider)
        if group is None or not clusters:
            return
        rows = list(_joined(tx, group))
        busy = [row for row in rows if _busy(tx, row)]
        if provider.protects:
            _protect(tx, source, group, busy)
        there = [member for member in group.members if member.counts]
        warmup = provider.scaling.warmup_s * self._minute // 60
        situation = Situation(
            there=len(there),
            joined=len(rows),
            busy=len(busy),
            lacking=managed_scaling.lacking(_waits(tx, provider, clusters), group.sizes),
            warming=any(now < member.launched_at + warmup for member in there),
            low_points=self._low.get(group.arn, 0),
        )
        scaling = provider.scaling
        verdict = managed_scaling.decide(situation, Rules(scaling.target, scaling.step_min, scaling.step_max))
        self._low[group.arn] = verdict.low_points
        dimensions = {"CapacityProviderName": provider.name, "ClusterName": clusters[0].name}
        fine = self._minute < MINUTE
        self._metrics.put(
            *scope, NAMESPACE, METRIC, dimensions, verdict.reservation, "Percent", now, fine=fine
        )
        wanted = max(group.min_size, min(verdict.desired, group.max_size))
        if wanted not in (len(there), group.desired):
            cause = f"a scaling policy of ECS ({METRIC} {verdict.reservation:.0f}) executed,"
            source.scale(tx, group.arn, wanted, cause, now)
            told = f"{len(there)} to {wanted} instances: {verdict.why}"
            self._plane.journal.note("ecs", provider.arn, "scales", told)


def _clusters(tx: Transaction, provider: CapacityProvider) -> list[Cluster]:
    """Those that may use the provider."""
    rows = tx[CLUSTERS].by("active", (provider.account, provider.region))
    return [row for row in rows if provider.name in row.capacity_providers]


def _joined(tx: Transaction, group: Group) -> Iterator[ContainerInstance]:
    """The registered container instances of the group that stay."""
    for member in group.members:
        if member.counts:
            for row in tx[INSTANCES].by("machine", member.id):
                if row.status == "ACTIVE":
                    yield row


def _busy(tx: Transaction, row: ContainerInstance) -> bool:
    """Whether it has a task that is no daemon's."""
    key, after = (row.id, "RUNNING"), None
    while some := tx[TASKS].page("on_instance", key, after=after, limit=SOME):
        for task in some:
            service = tx[SERVICES].get((*task.cluster_key, task.service)) if task.service else None
            if service is None or service.scheduling != "DAEMON":
                return True
        after = tx[TASKS].place("on_instance", some[-1])
    return False


def _protect(tx: Transaction, source: Source, group: Group, busy: list[ContainerInstance]) -> None:
    """Protect the instances that have tasks, and no others that have joined."""
    used = {row.machine_id for row in busy}
    idle = {row.machine_id for row in _joined(tx, group)} - used
    source.protect(tx, group.arn, used, True)
    source.protect(tx, group.arn, idle, False)


def _waits(tx: Transaction, provider: CapacityProvider, clusters: list[Cluster]) -> list[Waits]:
    """The provider's waiting tasks by shape."""
    pools = {(row.account, row.region, row.name, provider.name) for row in clusters}
    found = []
    for value in tx[WAITING].values("shape"):
        first = tx[WAITING].first("shape", value)
        if first is not None and first.pool in pools:
            found.append(Waits(first.need, tx[WAITING].count("shape", value), first.distinct))
    return found
