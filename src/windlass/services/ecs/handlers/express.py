"""ECS Express Mode: CreateExpressGatewayService, Describe, Update, Delete."""

from __future__ import annotations

import re

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.ecs import limits, lookup, references, tagging
from windlass.services.ecs.express import configuration, describe
from windlass.services.ecs.express.model import CONFIGS_MAX, EXPRESS, Express
from windlass.services.ecs.express.provision import Provision
from windlass.services.ecs.service_model import SERVICES

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
DEFAULT_CLUSTER = "default"
GRACE_S = 300
"""healthCheckGracePeriodSeconds of the services that it makes: our choice."""


async def create_express_gateway_service(call: Call, params: Params) -> Result:
    """ECS CreateExpressGatewayService. Answers when everything is there; tasks are still to start.

    One that failed half-way is finished by the same call again.
    """
    provision = Provision(call, _begun(call, params, await _cluster(call, params)))
    network = await provision.network()
    provision.put(vpc=network.vpc)
    await provision.log_group()
    await provision.load_balancing(network)
    groups = await provision.security_groups(network)
    definition, alarm = await provision.definition(), await provision.alarm()
    row = provision.row
    await provision.ask(
        "ecs",
        "CreateService",
        cluster=row.cluster,
        serviceName=row.name,
        launchType="FARGATE",
        desiredCount=row.config["scalingTarget"]["minTaskCount"],
        deploymentConfiguration=configuration.deployment(alarm),
        healthCheckGracePeriodSeconds=GRACE_S,
        tags=[{"key": key, "value": value} for key, value in row.tags.items()],
        **configuration.service(
            definition, row.config, row.made, row.infrastructure_role, network.subnets, groups
        ),
    )
    _deployed(provision)
    await provision.scaling()
    return {"service": describe.service(provision.row, call.store, call.endpoint, ("TAGS",))}


def describe_express_gateway_service(call: Call, params: Params) -> Result:
    """ECS DescribeExpressGatewayService."""
    row = _row(call, params["serviceArn"])
    if row is None:
        raise Fault("ResourceNotFoundException", "The specified Express service was not found.")
    return {"service": describe.service(row, call.store, call.endpoint, params.get("include", ()))}


async def update_express_gateway_service(call: Call, params: Params) -> Result:
    """ECS UpdateExpressGatewayService: a new revision, to which requests are shifted as a canary."""
    provision = Provision(call, _live(call, params["serviceArn"]))
    before = provision.row.config
    after = configuration.changed(before, params)
    provision.put(config=after, updated_at=call.now)
    network = await provision.network()
    if network.vpc != provision.row.vpc:
        provision.put(config=before)
        raise _invalid("The subnets must belong to the VPC that the service was created in.")
    groups = await provision.security_groups(network)
    if after["healthCheckPath"] != before["healthCheckPath"]:
        await provision.health_check()
    if any(after.get(name) != before.get(name) for name in configuration.KEPT if name != "scalingTarget"):
        row = provision.row
        await provision.ask(
            "ecs",
            "UpdateService",
            cluster=row.cluster,
            service=row.name,
            **configuration.service(
                await provision.definition(),
                after,
                row.made,
                row.infrastructure_role,
                network.subnets,
                groups,
            ),
        )
        _deployed(provision)
    else:
        *earlier, (revision, _) = provision.row.configs
        provision.put(configs=(*earlier, (revision, after)))
    if after["scalingTarget"] != before["scalingTarget"]:
        await provision.scaling()
    return {"service": describe.updated(provision.row, call.store, call.endpoint)}


async def delete_express_gateway_service(call: Call, params: Params) -> Result:
    """ECS DeleteExpressGatewayService: DRAINING until its tasks have stopped; then all it made goes."""
    row = _row(call, params["serviceArn"])
    if row is None or row.gone:
        raise Fault("ServiceNotFoundException", "Service not found.")
    provision = Provision(call, row)
    provision.put(deleting=True, updated_at=call.now)
    await provision.stop_scaling()
    found = call.store[SERVICES].get(row.key)
    if found is not None and found.id == row.service_id and found.status == "ACTIVE":
        await provision.ask("ecs", "DeleteService", cluster=row.cluster, service=row.name, force=True)
    return {"service": describe.service(provision.row, call.store, call.endpoint, ("TAGS",))}


async def _cluster(call: Call, params: Params) -> str:
    """The name of the cluster; the one called default is made if it is not there."""
    named = params.get("cluster") or DEFAULT_CLUSTER
    if named == DEFAULT_CLUSTER:
        await call.calls.run(
            "ecs", "CreateCluster", {"clusterName": named}, caller=call.caller, region=call.region
        )
    return lookup.cluster(call.store, call.scope, named).name


def _begun(call: Call, params: Params, cluster: str) -> Express:
    """Its row: a new one, or that of a call that did not come to its end."""
    name = params.get("serviceName") or f"express-{call.ids.hex(8)}"
    if not _NAME.fullmatch(name):
        raise _invalid(
            f"Invalid service name: up to {limits.NAME_LENGTH_MAX} letters, digits, hyphens and underscores "
            "are allowed."
        )
    token = call.ids.hex(12)
    with call.store.transact() as tx:
        before = tx[EXPRESS].get((*call.scope, cluster, name))
        found = tx[SERVICES].get((*call.scope, cluster, name))
        if found is not None and found.status != "INACTIVE":
            raise _invalid("Creation of service was not idempotent.")
        if before is not None and not before.gone:
            if before.service_id or before.deleting:
                raise _invalid("Unable to Start a service that is still Draining.")
            token = before.token
        config = configuration.first(params, f"/aws/ecs/{cluster}/{name}-{token[:4]}")
        row = Express(
            *(*call.scope, cluster, name),
            token=token,
            created_at=call.now,
            updated_at=call.now,
            infrastructure_role=params["infrastructureRoleArn"],
            config=config,
            made=before.made if before is not None and not before.gone else {},
            tags=tagging.read(params.get("tags", ())),
        )
        return tx[EXPRESS].put(row)


def _deployed(provision: Provision) -> None:
    """Write down which revision the configuration became."""
    row, found = provision.row, provision.service()
    configs = [one for one in row.configs if one[0] != found.revision_id]
    kept = (*configs, (found.revision_id, row.config))[-CONFIGS_MAX:]
    provision.put(configs=kept, service_id=found.id)


def _row(call: Call, arn: str) -> Express | None:
    named = references.in_scope(arn, "service", call.scope)
    cluster, _, name = (named or "").partition("/")
    return call.store[EXPRESS].get((*call.scope, cluster, name))


def _live(call: Call, arn: str) -> Express:
    row = _row(call, arn)
    if row is None:
        raise Fault("ServiceNotFoundException", "Service not found.")
    found = call.store[SERVICES].get(row.key)
    if row.deleting or found is None or found.id != row.service_id or found.status != "ACTIVE":
        raise Fault("ServiceNotActiveException", "Service was not ACTIVE.")
    return row


def _invalid(message: str) -> Fault:
    return Fault("InvalidParameterException", message)
