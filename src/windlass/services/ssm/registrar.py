"""How a machine becomes a managed instance, by an activation, and how it stops being one.

One transaction writes the registration, the use of the activation, the node, and the machine that ECS
registers as a container instance. The machine's first secret is its own; when it asks again with the same
one, because an answer was lost or something died in between, it is told the same id and nothing is
counted. One that was deregistered has its tasks stopped first; then it is turned away. Knows rows; who brings
the request is front/nodes.py.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Annotated

import msgspec

from windlass.aws.calls import Principal
from windlass.fleet import capabilities, instances, tokens
from windlass.fleet.model import INSTANCES, NODES, UNITS, Instance, Node
from windlass.fleet.transitions import occupies
from windlass.kernel.clock import MINUTE, Duration, Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.rows import replace
from windlass.kernel.store import Change
from windlass.services.plane import Plane
from windlass.services.ssm import admission
from windlass.services.ssm.model import ACTIVATIONS, MANAGED, Activation, ManagedInstance

Text = Annotated[str, msgspec.Meta(max_length=255)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=2**31)]
DEFAULT_CLUSTER = "default"
EXTERNAL = "ecs.capability.external"
"""Attribute of every machine of one's own (facts: ECS, ECS Anywhere)."""
PERIOD: Duration = MINUTE
"""How often it is looked for machines that have to go."""
WHY = "the machine was deregistered"
_SECRET = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Registration(msgspec.Struct, frozen=True):
    """What a machine says of itself. `secret`: what it will open its first session with."""

    activation_id: Text
    activation_code: Text
    secret: Text
    cpu_units: Amount
    memory_mib: Amount
    cluster: Text = DEFAULT_CLUSTER
    name: Text = ""
    attributes: dict[str, str] = {}
    computer_name: Text = ""
    ip_address: Text = ""
    platform_name: Text = ""
    platform_version: Text = ""
    architecture: Text = ""

    def __repr__(self) -> str:
        return f"Registration({self.activation_id!r}, {self.computer_name!r})"


class Registrar:
    """Takes machines in, and lets them go. The composition root hands it to the door for nodes."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._ids = Ids(plane.chance.stream("ssm.registrar"))
        self.loop = Loop("ssm.registrar", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.store.watch((INSTANCES, UNITS), self._changed)

    async def register(self, asked: Registration) -> str:
        """The machine's id, once it is durable. Raises Fault: InvalidActivation and others."""
        if not _SECRET.fullmatch(asked.secret):
            raise Fault("ValidationException", "The secret is not 32 bytes in hexadecimal.")
        attributes = admission.attributes(asked.attributes)
        known = self._again(asked)
        if known is None:
            activation = self._admit(asked)
            await self._check_cluster(activation, asked.cluster)
            known = self._take_in(asked, attributes)
        await self._plane.store.durable()
        return known.id

    def deregister(self, row: ManagedInstance) -> None:
        """The machine is no more: it ends what it runs, and then is turned away."""
        with self._plane.store.transact() as tx:
            tx[MANAGED].delete(row.id)
            if tx[INSTANCES].get(row.id) is not None:
                instances.terminate(tx, row.id, WHY)
        self.loop.wake()

    def _changed(self, change: Change) -> None:
        """A machine of one's own goes, or a unit of one: it may be that it can be turned away now."""
        row = change.old if change.new is None else change.new
        machine = row.node_id
        if machine.startswith("mi-") and self._plane.store[MANAGED].get(machine) is None:
            self.loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        """Turn away the machines that were deregistered and run nothing any more."""
        store = self._plane.store
        for node in [
            node for node in store[NODES].by("renewed", True) if store[MANAGED].get(node.id) is None
        ]:
            if node.token and not any(map(occupies, store[UNITS].by("node", node.id))):
                with store.transact() as tx:
                    tx[NODES].put(replace(tx[NODES].require(node.id), token="", next_token=""))
                self._plane.links.dismiss(node.id, WHY)
        return None

    def _again(self, asked: Registration) -> ManagedInstance | None:
        """The machine, if this is the request of one that registered before, and its secret is still new."""
        store = self._plane.store
        row = store[MANAGED].first("claim", (asked.activation_id, admission.digest(asked.secret)))
        node = None if row is None else store[NODES].get(row.id)
        return row if node is not None and tokens.fits(node, asked.secret) else None

    def _admit(self, asked: Registration) -> Activation:
        found = self._plane.store[ACTIVATIONS].get(asked.activation_id)
        return admission.admit(found, asked.activation_code, self._plane.clock.now())

    async def _check_cluster(self, activation: Activation, cluster: str) -> None:
        """A cluster other than `default`, which is always there, has to exist."""
        if cluster == DEFAULT_CLUSTER:
            return
        principal = Principal(activation.account, activation.region, "ssm.amazonaws.com")
        found = await self._plane.calls.call("ecs", "DescribeClusters", {"clusters": [cluster]}, principal)
        if not any(row["status"] == "ACTIVE" and row["clusterName"] == cluster for row in found["clusters"]):
            raise Fault("ClusterNotFoundException", f"Cluster not found: {cluster}")

    def _take_in(self, asked: Registration, attributes: tuple[tuple[str, str], ...]) -> ManagedInstance:
        now = self._plane.clock.now()
        with self._plane.store.transact() as tx:
            activation = self._admit(asked)  # again: others may have come meanwhile
            tx[ACTIVATIONS].put(replace(activation, count=activation.count + 1))
            row = ManagedInstance(
                id=f"mi-{self._ids.hex(17)}",
                account=activation.account,
                region=activation.region,
                activation_id=activation.id,
                claim=admission.digest(asked.secret),
                iam_role=activation.iam_role,
                name=asked.name or activation.default_name,
                registered_at=now,
                computer_name=asked.computer_name,
                ip_address=asked.ip_address,
                platform_name=asked.platform_name,
                platform_version=asked.platform_version,
                tags=activation.tags,
            )
            tx[NODES].put(_node(row.id, asked))
            machine = Instance(
                row.id,
                "EXTERNAL",
                row.id,
                row.account,
                row.region,
                asked.cluster,
                asked.cpu_units,
                asked.memory_mib,
                launched_at=now,
                attributes=attributes,
            )
            instances.launch(tx, machine)
            return tx[MANAGED].put(row)


def _node(node_id: str, asked: Registration) -> Node:
    """A node that takes only what is bound to it: the tasks of its cluster's launch type EXTERNAL."""
    return Node(
        node_id,
        asked.cpu_units,
        asked.memory_mib,
        unbounded=False,
        token=tokens.digest(asked.secret),
        renewed=True,
        shared=False,
        attributes=(
            (EXTERNAL, ""),
            ("ecs.cpu-architecture", capabilities.ARCHITECTURES.get(asked.architecture, "x86_64")),
            ("ecs.os-type", "linux"),
        ),
    )
