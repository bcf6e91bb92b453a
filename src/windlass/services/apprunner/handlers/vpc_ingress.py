"""VPC ingress connections: AVAILABLE at once. Requests for their domain names come from anywhere."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.apprunner import describe_configurations as describe
from windlass.services.apprunner import find, limits, tagging
from windlass.services.apprunner.configuration_model import INGRESSES, VpcIngressConnection
from windlass.services.apprunner.faults import bad_state, invalid
from windlass.services.apprunner.model import Shape

_CHANGEABLE = ("AVAILABLE", "FAILED_CREATION", "FAILED_UPDATE")
"""Statuses in which UpdateVpcIngressConnection is allowed (BM)."""


def create_vpc_ingress_connection(call: Call, params: Params) -> Result:
    """App Runner CreateVpcIngressConnection: to a service that is not publicly accessible."""
    name, uid, label = params["VpcIngressConnectionName"], call.ids.hex(32), call.ids.hex(10)
    vpc = _vpc(params)
    with call.store.transact() as tx:
        try:
            service = find.live_service(tx, call.scope, params["ServiceArn"])
        except Fault as fault:
            raise invalid(fault.message) from fault  # the model has no ResourceNotFoundException here
        if service.status == "OPERATION_IN_PROGRESS":
            raise bad_state("An operation is in progress on the service.")
        if service.public:
            raise invalid(
                "The service is publicly accessible. Only private services have VPC ingress connections."
            )
        rows = tx[INGRESSES].by("scope", call.scope)
        if any(row.name == name for row in rows):
            raise invalid(f"VPC ingress connection with the provided name already exists: {name}.")
        find.check_quota(call, limits.QUOTA_INGRESSES, len(rows), "VPC ingress connections")
        row = tx[INGRESSES].put(
            VpcIngressConnection(
                *call.scope,
                name=name,
                id=uid,
                created_at=call.now,
                service=service.arn,
                vpc=vpc,
                domain=f"{label}.{call.region}.awsapprunner.com",
                tags=tagging.read(params.get("Tags", ())),
            )
        )
    return {"VpcIngressConnection": describe.ingress(row)}


def describe_vpc_ingress_connection(call: Call, params: Params) -> Result:
    """App Runner DescribeVpcIngressConnection."""
    row = find.ingress(call.store, call.scope, params["VpcIngressConnectionArn"])
    return {"VpcIngressConnection": describe.ingress(row)}


def list_vpc_ingress_connections(call: Call, params: Params) -> Result:
    """App Runner ListVpcIngressConnections: of a service, or of a VPC endpoint, or all."""
    asked = params.get("Filter", {})
    rows = [
        row
        for row in call.store[INGRESSES].by("scope", call.scope)
        if asked.get("ServiceArn") in (None, row.service)
        and asked.get("VpcEndpointId") in (None, row.vpc["VpcEndpointId"])
    ]
    shown, token = find.page(call, params, "ListVpcIngressConnections", rows)
    summaries = [describe.ingress_summary(row) for row in shown]
    return {"VpcIngressConnectionSummaryList": summaries, **token}


def update_vpc_ingress_connection(call: Call, params: Params) -> Result:
    """App Runner UpdateVpcIngressConnection: another endpoint."""
    vpc = _vpc(params)
    with call.store.transact() as tx:
        row = find.ingress(tx, call.scope, params["VpcIngressConnectionArn"])
        if row.status not in _CHANGEABLE:
            raise bad_state(f"The VPC ingress connection can't be updated. It is {row.status}.")
        row = tx[INGRESSES].put(replace(row, vpc=vpc))
    return {"VpcIngressConnection": describe.ingress(row)}


def delete_vpc_ingress_connection(call: Call, params: Params) -> Result:
    """App Runner DeleteVpcIngressConnection: it stays as DELETED."""
    with call.store.transact() as tx:
        row = find.ingress(tx, call.scope, params["VpcIngressConnectionArn"])
        if row.status == "DELETED":
            raise bad_state("The VPC ingress connection is deleted.")
        row = tx[INGRESSES].put(replace(row, status="DELETED", deleted_at=call.now))
    return {"VpcIngressConnection": describe.ingress(row)}


def _vpc(params: Params) -> Shape:
    vpc: Shape = params["IngressVpcConfiguration"]
    if not vpc.get("VpcId") or not vpc.get("VpcEndpointId"):
        raise invalid("IngressVpcConfiguration must have a VpcId and a VpcEndpointId.")
    return vpc
