"""ECS container instances: register, deregister, describe, list, and their state."""

from __future__ import annotations

from windlass.aws import paging
from windlass.aws.bus import Bus
from windlass.aws.calls import Call, Params, Result
from windlass.fleet import model as fleet
from windlass.fleet.model import NODES
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.kernel.store import Transaction
from windlass.services.ecs import (
    account_settings,
    describe,
    describe_instance,
    instances,
    limits,
    lookup,
    placing,
    providers,
    query,
    registration,
    tagging,
)
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.model import CLUSTERS, TASKS, Cluster
from windlass.services.ecs.rooms import Rooms


def register_container_instance(call: Call, params: Params) -> Result:
    """ECS RegisterContainerInstance, which agents call. With the ARN of one that is there: it, changed.

    An identity document that names a machine of this plane (fleet instance) makes it the machine's; any other
    is an instance whose agent never connects, so that nothing is placed on it.
    """
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        tags = tagging.read(params.get("tags", ()))
        made = registration.asked(params, cluster, call.ids.hex(32), tags, call.now)
        made = _with_machine(tx, made)
        if account_settings.in_force(call, "awsvpcTrunking") == "enabled":
            made = registration.trunked(made, f"eni-0{call.ids.hex(16)}")
        if params.get("containerInstanceArn"):
            made = _again(_known(tx, cluster, params["containerInstanceArn"]), made)
        _check_room(tx, cluster)
        tx[CLUSTERS].put(cluster)
        put = instances.register(tx, call.part(Bus), made, call.now)
    return {"containerInstance": _describe(call, put, ("TAGS",))}


def deregister_container_instance(call: Call, params: Params) -> Result:
    """ECS DeregisterContainerInstance. Refused while it has tasks, unless forced; then they are stopped."""
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        instance = _known(tx, cluster, params["containerInstance"])
        if tx[TASKS].count("on_instance", (instance.id, "RUNNING")) and not params.get("force"):
            raise _invalid("Found running tasks on the instance.")
        gone = instances.deregister(tx, call.part(Bus), instance, instances.USER, instances.FORCED, call.now)
    return {"containerInstance": _describe(call, gone)}


def describe_container_instances(call: Call, params: Params) -> Result:
    """ECS DescribeContainerInstances. What is not there is a failure MISSING, not an error."""
    named = params["containerInstances"]
    if not named:
        raise _invalid("Container instances cannot be empty.")
    if len(named) > limits.DESCRIBE_MAX:
        raise _invalid(f"containerInstances can have at most {limits.DESCRIBE_MAX} items.")
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    found, failures = listing.described(
        named,
        find=lambda reference: lookup.instance(call.store, cluster, reference),
        show=lambda instance: _describe(call, instance, params.get("include", ())),
        arn=lambda reference: instances.arn(cluster, reference),
    )
    return {"containerInstances": found, "failures": failures}


def list_container_instances(call: Call, params: Params) -> Result:
    """ECS ListContainerInstances: of one cluster, by status and by a cluster query expression."""
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    status, text = params.get("status"), params.get("filter", "")
    matches = query.compile(text) if text else None
    key = (*call.scope, cluster.name)
    rows, token = paging.page(
        call.store[INSTANCES],
        "status" if status else "cluster",
        (*key, status) if status else key,
        operation="ListContainerInstances",
        filters=(*key, status, text),
        token=params.get("nextToken"),
        limit=listing.limit(params),
        fault=listing.bad_token,
        where=lambda row: matches is None or matches(placing.subject(call.store, row)),
    )
    return listing.answer("containerInstanceArns", [row.arn for row in rows], token)


def update_container_instances_state(call: Call, params: Params) -> Result:
    """ECS UpdateContainerInstancesState: ACTIVE takes tasks, DRAINING takes no more of them."""
    if len(params["containerInstances"]) > limits.STATE_INSTANCES_MAX:
        raise _invalid(f"containerInstances can have at most {limits.STATE_INSTANCES_MAX} items.")
    status = params["status"]
    if status not in ("ACTIVE", "DRAINING"):
        raise _invalid("Container instance status should be one of [ACTIVE, DRAINING].")
    changed, failures = [], []
    with call.store.transact() as tx:
        cluster = lookup.cluster(tx, call.scope, params.get("cluster"))
        for reference in params["containerInstances"]:
            instance = lookup.instance(tx, cluster, reference)
            if instance is None or instance.status == "INACTIVE":
                reason = "MISSING" if instance is None else "INACTIVE"
                failures.append(describe.failure(instances.arn(cluster, reference), reason))
                continue
            taken = call.part(Rooms).taken(instance)
            changed.append(instances.set_status(tx, call.part(Bus), instance, status, taken, call.now))
    return {"containerInstances": [_describe(call, row) for row in changed], "failures": failures}


def update_container_agent(call: Call, params: Params) -> Result:
    """ECS UpdateContainerAgent: there is nothing that Windlass could update its agents to."""
    cluster = lookup.cluster(call.store, call.scope, params.get("cluster"))
    instance = _known(call.store, cluster, params["containerInstance"])
    if instance.launch_type == "EXTERNAL":
        raise _invalid("The agent of an external instance is updated on the instance itself.")
    raise Fault("NoUpdateAvailableException", "There is no update available for your container agent.")


def _with_machine(tx: Transaction, made: ContainerInstance) -> ContainerInstance:
    """The instance on the machine that it says it is, if there is such a machine here and it runs."""
    machine = tx[fleet.INSTANCES].get(made.machine_id)
    scope = (made.account, made.region)
    if machine is None or machine.phase != "running" or (machine.account, machine.region) != scope:
        return made
    for known in tx[INSTANCES].by("machine", machine.id):
        if known.status != "INACTIVE":
            raise _invalid(f"Instance {machine.id} is registered already.")
    node = tx[NODES].require(machine.node_id)
    of_machine = registration.of_machine(
        machine, node, made.id, made.agent_version, made.registered_at, providers.of_machine(tx, machine)
    )
    told = {**dict(of_machine.attributes), **dict(made.attributes)}
    return replace(
        of_machine,
        cluster=made.cluster,
        cpu_units=made.cpu_units or machine.cpu_units,
        memory_mib=made.memory_mib or machine.memory_mib,
        ports_tcp=made.ports_tcp,
        ports_udp=made.ports_udp,
        gpus=made.gpus or of_machine.gpus,
        attributes=tuple(sorted(told.items())),
        runtime_version=made.runtime_version,
        tags=made.tags,
    )


def _again(known: ContainerInstance, made: ContainerInstance) -> ContainerInstance:
    """An agent registers once more: it keeps its ARN, its state and what others said of it."""
    return replace(
        made,
        id=known.id,
        node_id=known.node_id,
        machine_id=known.machine_id,
        launch_type=known.launch_type,
        unbounded=known.unbounded,
        connected=known.connected,
        capacity_provider=known.capacity_provider,
        custom=known.custom,
        status=known.status,
        tags={**known.tags, **made.tags},
        registered_at=known.registered_at,
        version=known.version + 1,
    )


def _check_room(tx: Transaction, cluster: Cluster) -> None:
    key = (cluster.account, cluster.region, cluster.name)
    if tx[INSTANCES].count("cluster", key) >= limits.CLUSTER_INSTANCES_MAX:
        raise Fault(
            "ClientException",
            f"The maximum number of container instances in a cluster ({limits.CLUSTER_INSTANCES_MAX}) "
            "has been reached.",
        )


def _known(reads: lookup.Reads, cluster: Cluster, reference: str) -> ContainerInstance:
    """The instance that is registered under that id or ARN. Raises InvalidParameterException."""
    found = lookup.instance(reads, cluster, reference)
    if found is None or found.status == "INACTIVE":
        raise _invalid(f"Referenced container instance {reference} not found.")
    return found


def _describe(call: Call, row: ContainerInstance, include: tuple[str, ...] = ()) -> Result:
    taken = call.part(Rooms).taken(row)
    return describe_instance.container_instance(row, taken, call.store[TASKS], include, call.now)


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
