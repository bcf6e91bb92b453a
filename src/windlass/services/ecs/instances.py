"""What becomes of container instances: registered, drained, deregistered.

Writes rows, in a transaction of its caller's; what a row is made of is in registration.py.
"""

from __future__ import annotations

from windlass import __version__
from windlass.aws.bus import Bus
from windlass.fleet.instances import host
from windlass.fleet.model import NODES, Node
from windlass.fleet.room import Taken
from windlass.kernel.clock import Instant
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import notices, references, registration, stopping
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance, InstanceStatus
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import CLUSTERS, TASKS, Cluster

TERMINATION = "TerminationNotice"
"""stopCode of a task whose machine goes (ECS API reference, TaskStopCode)."""
USER = "UserInitiated"
FORCED = "Container instance deregistration forced by user"


def register(tx: Transaction, bus: Bus, instance: ContainerInstance, now: Instant) -> ContainerInstance:
    """A new instance in a cluster that is there."""
    put = tx[INSTANCES].put(instance)
    notices.tell_instance(bus, tx, put, Taken(), now)
    return put


def stand_in(reads: Reads, cluster: Cluster) -> Node | None:
    """The node that a cluster without instances may use whole, if it has to get one.

    A shared node without bounds: there is no telling what else runs on one that has bounds.
    """
    if reads[INSTANCES].count("cluster", _key(cluster)):
        return None
    return host(reads[NODES].by("whole", "yes"))


def lend(
    tx: Transaction, bus: Bus, node: Node, cluster: Cluster, instance_id: str, now: Instant
) -> ContainerInstance:
    """Give the cluster that node as its instance."""
    tx[CLUSTERS].put(cluster)
    return register(tx, bus, registration.of_node(node, cluster, instance_id, __version__, now), now)


def set_status(
    tx: Transaction, bus: Bus, instance: ContainerInstance, status: InstanceStatus, taken: Taken, now: Instant
) -> ContainerInstance:
    """ACTIVE or DRAINING, which services replace their tasks on; the same again changes nothing."""
    if instance.status == status:
        return instance
    for task in tx[TASKS].by("on_instance", (instance.id, "RUNNING")):
        if task.service:
            tx[TASKS].put(replace(task, draining=status == "DRAINING"))
    changed = tx[INSTANCES].put(replace(instance, status=status, version=instance.version + 1))
    notices.tell_instance(bus, tx, changed, taken, now)
    return changed


def deregister(
    tx: Transaction, bus: Bus, instance: ContainerInstance, code: str, reason: str, now: Instant
) -> ContainerInstance:
    """Take it out of its cluster and stop its tasks for that reason. It stays describable as INACTIVE.

    On AWS the tasks of a machine that was deregistered by force run on, with nobody to see or stop them; here
    they are stopped.
    """
    for task in tx[TASKS].by("on_instance", (instance.id, "RUNNING")):
        stopping.stop(tx, bus, task, code, reason, now)
    gone = tx[INSTANCES].put(
        replace(instance, status="INACTIVE", deregistered_at=now, version=instance.version + 1)
    )
    notices.tell_instance(bus, tx, gone, Taken(), now)
    return gone


def arn(cluster: Cluster, reference: str) -> str:
    """The ARN that an id or ARN in that cluster means, whether there is such an instance or not."""
    if reference.startswith("arn:"):
        return reference
    return references.instance_arn(*_key(cluster), reference)


def _key(cluster: Cluster) -> tuple[str, str, str]:
    return (cluster.account, cluster.region, cluster.name)
