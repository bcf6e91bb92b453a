"""AWS App Runner: web applications from an image or from source code, with a URL, that scale by requests.

What this decides: which version of a service runs, on how many instances, and who of them gets a request. It
must not know where instances run: it writes units, the fleet places them. Known gaps: docs/aws/apprunner.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.fleet.proxies import Proxies
from windlass.fleet.role_credentials import RoleCredentials
from windlass.services.apprunner import builds, instances
from windlass.services.apprunner.builds.builder import Builder
from windlass.services.apprunner.builds.polling import Polling
from windlass.services.apprunner.configuration_model import CONFIGURATION_TABLES
from windlass.services.apprunner.credentials import InstanceRoles
from windlass.services.apprunner.frontend import Frontends
from windlass.services.apprunner.handlers import (
    auto_scaling,
    connections,
    custom_domains,
    observability,
    services,
    tags,
    vpc_ingress,
)
from windlass.services.apprunner.instances import Provisioning
from windlass.services.apprunner.log import ServiceLog
from windlass.services.apprunner.measuring import Measuring
from windlass.services.apprunner.model import DEPLOYMENTS, LINES, OPERATIONS, OWNER, SERVICES
from windlass.services.apprunner.operations import Operations
from windlass.services.apprunner.partial import PARTIAL
from windlass.services.apprunner.retention import Retention
from windlass.services.apprunner.scaler import Scaler
from windlass.services.plane import Plane, Service


def start(plane: Plane) -> Sequence[object]:
    """Start the loops of App Runner: those of operations, instances, requests, builds and logs."""
    plane.calls.part(RoleCredentials).serve(OWNER, InstanceRoles())
    proxies = plane.calls.part(Proxies)
    scaler = Scaler(plane, proxies)
    parts = (
        Operations(plane, instances, builds),
        Provisioning(plane, proxies),
        scaler,
        Frontends(plane, proxies),
        Builder(plane),
        Polling(plane),
        Measuring(plane, proxies, scaler),
        ServiceLog(plane),
        Retention(plane),
    )
    for part in parts:
        plane.spawn.start(part.loop.name, part.loop.run())
    return parts


SERVICE = Service(
    name="apprunner",
    handlers={
        "AssociateCustomDomain": custom_domains.associate_custom_domain,
        "CreateAutoScalingConfiguration": auto_scaling.create_auto_scaling_configuration,
        "CreateConnection": connections.create_connection,
        "CreateObservabilityConfiguration": observability.create_observability_configuration,
        "CreateService": services.create_service,
        "CreateVpcConnector": connections.create_vpc_connector,
        "CreateVpcIngressConnection": vpc_ingress.create_vpc_ingress_connection,
        "DeleteAutoScalingConfiguration": auto_scaling.delete_auto_scaling_configuration,
        "DeleteConnection": connections.delete_connection,
        "DeleteObservabilityConfiguration": observability.delete_observability_configuration,
        "DeleteService": services.delete_service,
        "DeleteVpcConnector": connections.delete_vpc_connector,
        "DeleteVpcIngressConnection": vpc_ingress.delete_vpc_ingress_connection,
        "DescribeAutoScalingConfiguration": auto_scaling.describe_auto_scaling_configuration,
        "DescribeCustomDomains": custom_domains.describe_custom_domains,
        "DescribeObservabilityConfiguration": observability.describe_observability_configuration,
        "DescribeService": services.describe_service,
        "DescribeVpcConnector": connections.describe_vpc_connector,
        "DescribeVpcIngressConnection": vpc_ingress.describe_vpc_ingress_connection,
        "DisassociateCustomDomain": custom_domains.disassociate_custom_domain,
        "ListAutoScalingConfigurations": auto_scaling.list_auto_scaling_configurations,
        "ListConnections": connections.list_connections,
        "ListObservabilityConfigurations": observability.list_observability_configurations,
        "ListOperations": services.list_operations,
        "ListServices": services.list_services,
        "ListServicesForAutoScalingConfiguration": auto_scaling.list_services_for_auto_scaling_configuration,
        "ListTagsForResource": tags.list_tags_for_resource,
        "ListVpcConnectors": connections.list_vpc_connectors,
        "ListVpcIngressConnections": vpc_ingress.list_vpc_ingress_connections,
        "PauseService": services.pause_service,
        "ResumeService": services.resume_service,
        "StartDeployment": services.start_deployment,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "UpdateDefaultAutoScalingConfiguration": auto_scaling.update_default_auto_scaling_configuration,
        "UpdateService": services.update_service,
        "UpdateVpcIngressConnection": vpc_ingress.update_vpc_ingress_connection,
    },
    tables=(
        SERVICES,
        DEPLOYMENTS,
        OPERATIONS,
        LINES,
        *CONFIGURATION_TABLES,
        *instances.TABLES,
        *builds.TABLES,
    ),
    start=start,
    partial=PARTIAL,
    invalid="InvalidRequestException",
)
