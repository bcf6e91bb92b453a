"""Connections with hosts of source code, and VPC connectors.

There is no console here in which a person would complete a connection's handshake: it is AVAILABLE at once.
"""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Principal, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.apprunner import describe_configurations as describe
from windlass.services.apprunner import find, limits, references, revisions, tagging
from windlass.services.apprunner.configuration_model import (
    CONNECTIONS,
    CONNECTORS,
    Connection,
    VpcConnector,
)
from windlass.services.apprunner.faults import invalid

PRINCIPAL = "apprunner.amazonaws.com"


def create_connection(call: Call, params: Params) -> Result:
    """App Runner CreateConnection: AVAILABLE at once."""
    name, uid = params["ConnectionName"], call.ids.hex(32)
    with call.store.transact() as tx:
        if tx[CONNECTIONS].get((*call.scope, name)) is not None:
            raise invalid(f"Connection with the provided name already exists: {name}.")
        held = tx[CONNECTIONS].count("scope", call.scope)
        find.check_quota(call, limits.QUOTA_CONNECTIONS, held, "connections")
        row = tx[CONNECTIONS].put(
            Connection(
                *call.scope,
                name=name,
                id=uid,
                created_at=call.now,
                provider=params["ProviderType"],
                status="AVAILABLE",
                tags=tagging.read(params.get("Tags", ())),
            )
        )
    return {"Connection": describe.connection(row)}


def list_connections(call: Call, params: Params) -> Result:
    """App Runner ListConnections: by name."""
    name = params.get("ConnectionName")
    rows = [row for row in call.store[CONNECTIONS].by("scope", call.scope) if name in (None, row.name)]
    shown, token = find.page(call, params, "ListConnections", rows)
    return {"ConnectionSummaryList": [describe.connection(row) for row in shown], **token}


def delete_connection(call: Call, params: Params) -> Result:
    """App Runner DeleteConnection: of one that no service uses."""
    with call.store.transact() as tx:
        row = find.connection(tx, call.scope, params["ConnectionArn"])
        if row.arn in references.held(tx, call.scope):
            raise invalid("You can't delete the connection. It's used by one or more services.")
        tx[CONNECTIONS].delete(row.key)
    return {"Connection": describe.connection(replace(row, status="DELETED"))}


async def create_vpc_connector(call: Call, params: Params) -> Result:
    """App Runner CreateVpcConnector: of subnets of one VPC; without security groups its default one."""
    subnets, groups = await _network(call, params)
    name, uid = params["VpcConnectorName"], call.ids.hex(32)
    with call.store.transact() as tx:
        earlier = tx[CONNECTORS].by("name", (*call.scope, name))
        if find.latest(earlier) is not None:
            raise invalid(f"VPC connector with the provided name already exists: {name}.")
        held = sum(row.status == "ACTIVE" for row in tx[CONNECTORS].by("scope", call.scope))
        find.check_quota(call, limits.QUOTA_CONNECTORS, held, "VPC connectors")
        row = tx[CONNECTORS].put(
            VpcConnector(
                *call.scope,
                name=name,
                revision=earlier[-1].revision + 1 if earlier else 1,
                id=uid,
                created_at=call.now,
                subnets=subnets,
                security_groups=groups,
                tags=tagging.read(params.get("Tags", ())),
            )
        )
    return {"VpcConnector": describe.connector(row)}


def describe_vpc_connector(call: Call, params: Params) -> Result:
    """App Runner DescribeVpcConnector."""
    row = find.connector(call.store, call.scope, params["VpcConnectorArn"])
    return {"VpcConnector": describe.connector(row)}


def list_vpc_connectors(call: Call, params: Params) -> Result:
    """App Runner ListVpcConnectors: active ones."""
    rows = revisions.listed({"LatestOnly": False}, call.store[CONNECTORS].by("scope", call.scope), None)
    shown, token = find.page(call, params, "ListVpcConnectors", rows)
    return {"VpcConnectors": [describe.connector(row) for row in shown], **token}


def delete_vpc_connector(call: Call, params: Params) -> Result:
    """App Runner DeleteVpcConnector: of one that no service uses; it stays as INACTIVE."""
    with call.store.transact() as tx:
        row = find.connector(tx, call.scope, params["VpcConnectorArn"])
        if row.status != "ACTIVE":
            raise invalid(f"The VPC connector {row.arn} is inactive.")
        if row.arn in references.held(tx, call.scope):
            raise invalid("You can't delete the VPC connector. It's used by one or more services.")
        row = tx[CONNECTORS].put(replace(row, status="INACTIVE", deleted_at=call.now))
    return {"VpcConnector": describe.connector(row)}


async def _network(call: Call, params: Params) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The subnets and security groups, as EC2 knows them. Raises InvalidRequestException."""
    subnets = tuple(dict.fromkeys(params["Subnets"]))
    if not subnets:
        raise invalid("Specify at least one subnet.")
    try:
        found = await _ec2(call, "DescribeSubnets", SubnetIds=list(subnets))
        vpcs = {subnet["VpcId"] for subnet in found["Subnets"]}
        if len(vpcs) != 1:
            raise invalid("The subnets must belong to one VPC.")
        groups = tuple(dict.fromkeys(params.get("SecurityGroups", ())))
        if not groups:
            own = [{"Name": "vpc-id", "Values": sorted(vpcs)}, {"Name": "group-name", "Values": ["default"]}]
            found = await _ec2(call, "DescribeSecurityGroups", Filters=own)
            return subnets, tuple(group["GroupId"] for group in found["SecurityGroups"])
        found = await _ec2(call, "DescribeSecurityGroups", GroupIds=list(groups))
        if vpcs != {group["VpcId"] for group in found["SecurityGroups"]}:
            raise invalid("The subnets and security groups must belong to one VPC.")
    except Fault as fault:
        raise invalid(fault.message) from fault
    return subnets, groups


async def _ec2(call: Call, operation: str, **params: object) -> Result:
    principal = Principal(call.account, call.region, PRINCIPAL)
    return await call.calls.call("ec2", operation, params, principal)
