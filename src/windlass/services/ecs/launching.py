"""Launches what an order says: quotas taken, rows written, the bus told. RunTask and services share it.

Called inside the caller's transaction. What may be launched is launch.py's business, where it goes is
placing.py's.
"""

from __future__ import annotations

from collections import Counter

from windlass.aws.bus import Bus
from windlass.aws.calls import Call
from windlass.aws.fargate_use import FargateUse
from windlass.aws.quotas import Quotas
from windlass.fleet import surroundings
from windlass.fleet.entering import Entering
from windlass.fleet.model import UNITS, Unit
from windlass.kernel.faults import Fault
from windlass.kernel.store import Store, Transaction
from windlass.services.ecs import account_settings, launch, lookup, notices, task_rows, task_status, wiring
from windlass.services.ecs.launch_rates import LaunchRates
from windlass.services.ecs.model import (
    CLUSTERS,
    FARGATE,
    TASKS,
    Cluster,
    Task,
    TaskDefinition,
    fargate_bucket,
)
from windlass.services.ecs.provider_model import WAITING, WaitingTask

TOO_MANY = "You've reached the limit on the number of tasks you can run concurrently"
"""Fargate's quota of tasks, as RunTask and services tell it; ECS Developer Guide, service event messages."""


def runnable(tx: Transaction, call: Call, reference: str) -> TaskDefinition:
    """The ACTIVE revision of that name. Raises ClientException."""
    found = lookup.definition(tx, call.scope, reference)
    if found is None:
        raise Fault("ClientException", "TaskDefinition not found.")
    if found.status != "ACTIVE":
        raise Fault("ClientException", "TaskDefinition is inactive")
    return found


def take_quotas(tx: Transaction, call: Call, order: launch.Order) -> None:
    """Concurrency first, which costs nothing to ask; then RunTask's launch-rate tokens, all or none."""
    fargate = [place for place in order.places if place.launch_type == FARGATE]
    wanted = Counter(fargate_bucket(place.provider) for place in fargate)
    for bucket, count in wanted.items():
        left = concurrency_left(tx, call, bucket)
        if left is not None and count > left:
            raise Fault("ClientException", TOO_MANY)
    if not call.part(LaunchRates).take(call.scope, wanted, call.now):
        raise Fault("ThrottlingException", "Rate exceeded")


def concurrency_left(tx: Transaction, call: Call, bucket: str) -> int | None:
    """How many more Fargate tasks of that bucket may run at once; None without a limit."""
    return call.part(FargateUse).left(call.part(Quotas), tx, call.scope, bucket)


def fargate_tasks(reads: Store | Transaction, scope: tuple[str, str], bucket: str) -> int:
    """How many tasks of ECS run on that Fargate capacity, for `FargateUse`."""
    return reads[TASKS].count("fargate", (*scope, bucket))


def write(
    tx: Transaction,
    call: Call,
    order: launch.Order,
    cluster: Cluster,
    definition: TaskDefinition,
    wires: wiring.Wiring,
) -> list[Task]:
    """The rows of an order, told to whoever listens; a cluster that was only a value until now is one too.

    Returns the tasks as they are made (PROVISIONING). Those whose units have a node at once are PENDING in
    the store, which is told as well: it would be the observer's next transaction otherwise.
    """
    tx[CLUSTERS].put(cluster)
    tasks = []
    networks = [
        wiring.LATER if place.waits else wires.connect(task_rows.zone(place), bound=place.host is not None)
        for place in order.places
    ]
    mode = account_settings.in_force(call, "defaultLogDriverMode")
    around = surroundings.find(tx, call, call.scope, order.containers, order.role_arn, call.now, mode)
    entering = call.part(Entering)
    for task, unit in task_rows.rows(order, cluster, definition, around, networks, call.now, call.ids):
        tasks.append(task)
        if unit.parked:
            tx[WAITING].put(_waiting(task, order, len(tasks)))
        if unit.desired == "run":
            unit = entering.put(tx, unit)
        else:  # it was not connected: nobody is to run it
            tx[UNITS].put(unit)
        _begin(tx, call, task, unit)
    return tasks


def _begin(tx: Transaction, call: Call, task: Task, unit: Unit) -> None:
    """The task's row as it stands after its unit has entered; every version of it is told."""
    after = tx[TASKS].put(task_status.derive(task, unit, call.now))
    bus = call.part(Bus)
    notices.tell(bus, tx, task, call.now)
    if after is not task:
        notices.tell(bus, tx, after, call.now)
        call.journal.note(launch.OWNER, after.arn, after.last_status)


def _waiting(task: Task, order: launch.Order, number: int) -> WaitingTask:
    """What waiting.py needs to place the task later."""
    return WaitingTask(
        id=task.id,
        account=task.account,
        region=task.region,
        cluster=task.cluster,
        provider=task.capacity_provider,
        created_at=task.created_at,
        need=order.need,
        group=task.group,
        constraints=tuple(order.constraints),
        strategies=tuple(order.strategies),
        network_mode=order.network_mode,
        vpc_configuration=order.vpc_configuration,
        number=number,
    )
