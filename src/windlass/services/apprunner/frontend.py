"""The loop that tells proxies of services and their instances; pools.py says how these stand there.

Woken by changes of services and instances; puts what is durable, and nothing else. Whose instances get the
requests is `Service.serving`, which operations write; here a change of it is one change of the table.
"""

from __future__ import annotations

from collections.abc import Hashable

from windlass.aws.endpoint_names import below
from windlass.fleet.model import UNITS
from windlass.fleet.proxies import Proxies
from windlass.fleet.target_addresses import Addresses
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Change
from windlass.services.apprunner import pools, settings
from windlass.services.apprunner.configuration_model import INGRESSES
from windlass.services.apprunner.instance_model import INSTANCES, Instance, SetKey
from windlass.services.apprunner.model import DEPLOYMENTS, OWNER, SERVICES, Service
from windlass.services.apprunner.pools import Place, Standing
from windlass.services.plane import Plane

PERIOD: Duration = MINUTE
"""How often everything is looked at, in case a wake-up was lost."""


class Frontends:
    """Run it with `spawn.start(loop.name, loop.run())`."""

    def __init__(self, plane: Plane, proxies: Proxies) -> None:
        self._plane = plane
        self._proxies = proxies
        self._addresses = plane.calls.part(Addresses)
        self._queue_wait = settings.delay(plane.quotas, settings.DELAY_QUEUE, settings.QUEUE_WAIT)
        self._published: dict[str, set[SetKey]] = {}
        """By service: the deployments whose pools are in the table."""
        self._begun = False
        self.loop = Loop("apprunner.frontends", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((SERVICES, INSTANCES, INGRESSES), self._on_row)
        plane.store.watch((UNITS,), self._on_unit, topic=OWNER)

    def _on_row(self, change: Change) -> None:
        row = change.new or change.old
        if row is not None:
            self.loop.wake(row.arn if isinstance(row, Service) else row.service)

    def _on_unit(self, change: Change) -> None:
        row = self._plane.store[INSTANCES].get(change.key)
        if row is not None:
            self.loop.wake(row.service)

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        store = self._plane.store
        if self._begun:  # what the first pass sees was read from the log: proxies are told, full disk or not
            await store.durable()
        self._begun = True
        arns = {str(key) for key in keys}
        if not keys:
            arns = {row.arn for row in store[SERVICES].all() if row.status != "DELETED"} | set(
                self._published
            )
        for arn in sorted(arns):
            self._publish(arn)
        return None

    def _publish(self, arn: str) -> None:
        """Put the service as it is now; the pools first, so that nobody is sent to one that is not there."""
        store = self._plane.store
        service = store[SERVICES].get(arn)
        instances: dict[SetKey, list[Instance]] = {}
        for row in store[INSTANCES].by("service", arn):
            instances.setdefault(row.set_key, []).append(row)
        if service is not None and service.serving:
            instances.setdefault((arn, service.serving), [])
        for key, rows in instances.items():
            deployment = store[DEPLOYMENTS].get(key)
            if deployment is not None:
                standing = [Standing(row, self._place(row)) for row in rows]
                serving = "" if service is None else service.serving
                for pool in pools.pools(deployment, standing, self._queue_wait, serving):
                    self._proxies.put_pool(pool)
        if service is None or service.status == "DELETED":
            self._proxies.remove_frontend(arn)
        else:
            self._proxies.put_frontend(pools.frontend(service, self._hosts(service)))
        self._take_away(arn, set(instances), gone=service is None or service.status == "DELETED")

    def _take_away(self, arn: str, kept: set[SetKey], *, gone: bool) -> None:
        for key in self._published.get(arn, set()) - kept:
            for kind in (pools.STARTING, pools.SERVING):
                self._proxies.remove_pool(pools.pool_key(key, kind))
        if gone and not kept:
            self._published.pop(arn, None)
        else:
            self._published[arn] = kept

    def _place(self, row: Instance) -> Place | None:
        unit = self._plane.store[UNITS].get(row.id)
        address = None if unit is None else self._addresses.of_unit(unit)
        port = None if unit is None else pools.port(unit)
        return None if address is None or port is None else (address.host, port, address.netns)

    def _hosts(self, service: Service) -> list[str]:
        """Host names, without the endpoint's port: its own ones if it is public, and those of VPCs.

        Custom domains are none: nobody has proved that they are the caller's, who could name the endpoint's.
        """
        store, name = self._plane.store, f"{service.url_id}.{service.region}.awsapprunner"
        own = below(name, self._plane.calls.endpoint).partition(":")[0]
        hosts = [f"{name}.localhost", own, f"{name}.com"] if service.public else []
        hosts += [row.domain for row in store[INGRESSES].by("service", service.arn)]
        return list(dict.fromkeys(host.lower() for host in hosts))
