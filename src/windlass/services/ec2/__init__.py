"""Amazon EC2, the part that tasks need: VPCs, subnets, security groups, network interfaces, instances.

What this decides: which addresses, interfaces and rules there are. It must not know what makes them real:
nodes are told (fleet/networks.py) and do it. Instances are parts of the agent on this machine; see
docs/aws/ec2.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.fleet.blueprints import Makers
from windlass.fleet.interfaces import Interfaces
from windlass.fleet.outages import Outages
from windlass.services.ec2.handlers import (
    instances,
    launch_templates,
    network_interfaces,
    regions,
    routing,
    security_group_rules,
    security_groups,
    subnets,
    tags,
    vpcs,
)
from windlass.services.ec2.handlers.serving import served
from windlass.services.ec2.machines import Leftovers, Machines
from windlass.services.ec2.model import TABLES
from windlass.services.ec2.node_groups import NodeGroups
from windlass.services.ec2.partial import PARTIAL
from windlass.services.ec2.task_interfaces import TaskInterfaces
from windlass.services.plane import Plane, Service


def start(plane: Plane) -> Sequence[object]:
    """Have tasks' interfaces and machines made here, and nodes told of their security groups."""
    outages = plane.calls.part(Outages)
    plane.calls.part(Interfaces).come_from(TaskInterfaces(plane.quotas, outages))
    machines, leftovers = Machines(plane.quotas, plane.chance, outages), Leftovers(plane)
    plane.calls.part(Makers).come_from(machines)
    plane.spawn.start(leftovers.loop.name, leftovers.loop.run())
    return (NodeGroups(plane.store, plane.links), machines)


SERVICE = Service(
    name="ec2",
    handlers={
        "AuthorizeSecurityGroupEgress": served(
            security_group_rules.authorize_security_group_egress, "GroupId"
        ),
        "AuthorizeSecurityGroupIngress": served(security_group_rules.authorize_security_group_ingress),
        "CreateDefaultVpc": served(vpcs.create_default_vpc),
        "CreateLaunchTemplate": served(
            launch_templates.create_launch_template, "LaunchTemplateName", "LaunchTemplateData"
        ),
        "CreateLaunchTemplateVersion": served(
            launch_templates.create_launch_template_version, "LaunchTemplateData"
        ),
        "CreateNetworkInterface": served(network_interfaces.create_network_interface, "SubnetId"),
        "CreateSecurityGroup": served(security_groups.create_security_group, "GroupName", "Description"),
        "CreateSubnet": served(subnets.create_subnet, "VpcId", "CidrBlock"),
        "CreateTags": served(tags.create_tags, "Resources", "Tags"),
        "CreateVpc": served(vpcs.create_vpc, "CidrBlock"),
        "DeleteLaunchTemplate": served(launch_templates.delete_launch_template),
        "DeleteNetworkInterface": served(network_interfaces.delete_network_interface, "NetworkInterfaceId"),
        "DeleteSecurityGroup": served(security_groups.delete_security_group),
        "DeleteSubnet": served(subnets.delete_subnet, "SubnetId"),
        "DeleteTags": served(tags.delete_tags, "Resources"),
        "DeleteVpc": served(vpcs.delete_vpc, "VpcId"),
        "DescribeAccountAttributes": served(regions.describe_account_attributes),
        "DescribeAvailabilityZones": served(regions.describe_availability_zones),
        "DescribeInstanceTypes": served(instances.describe_instance_types),
        "DescribeInstances": served(instances.describe_instances),
        "DescribeInternetGateways": served(routing.describe_internet_gateways),
        "DescribeLaunchTemplateVersions": served(launch_templates.describe_launch_template_versions),
        "DescribeLaunchTemplates": served(launch_templates.describe_launch_templates),
        "DescribeNetworkInterfaceAttribute": served(
            network_interfaces.describe_network_interface_attribute, "NetworkInterfaceId"
        ),
        "DescribeNetworkInterfaces": served(network_interfaces.describe_network_interfaces),
        "DescribeRegions": served(regions.describe_regions),
        "DescribeRouteTables": served(routing.describe_route_tables),
        "DescribeSecurityGroupRules": served(security_group_rules.describe_security_group_rules),
        "DescribeSecurityGroups": served(security_groups.describe_security_groups),
        "DescribeSubnets": served(subnets.describe_subnets),
        "DescribeTags": served(tags.describe_tags),
        "DescribeVpcAttribute": served(vpcs.describe_vpc_attribute, "VpcId", "Attribute"),
        "DescribeVpcs": served(vpcs.describe_vpcs),
        "ModifyLaunchTemplate": served(launch_templates.modify_launch_template),
        "ModifyNetworkInterfaceAttribute": served(
            network_interfaces.modify_network_interface_attribute, "NetworkInterfaceId"
        ),
        "ModifySecurityGroupRules": served(
            security_group_rules.modify_security_group_rules, "GroupId", "SecurityGroupRules"
        ),
        "ModifySubnetAttribute": served(subnets.modify_subnet_attribute, "SubnetId"),
        "ModifyVpcAttribute": served(vpcs.modify_vpc_attribute, "VpcId"),
        "RevokeSecurityGroupEgress": served(security_group_rules.revoke_security_group_egress, "GroupId"),
        "RevokeSecurityGroupIngress": served(security_group_rules.revoke_security_group_ingress),
        "RunInstances": served(instances.run_instances, "MinCount", "MaxCount"),
        "TerminateInstances": served(instances.terminate_instances, "InstanceIds"),
        "UpdateSecurityGroupRuleDescriptionsEgress": served(
            security_group_rules.update_security_group_rule_descriptions_egress
        ),
        "UpdateSecurityGroupRuleDescriptionsIngress": served(
            security_group_rules.update_security_group_rule_descriptions_ingress
        ),
    },
    tables=TABLES,
    start=start,
    partial=PARTIAL,
    invalid="InvalidParameterValue",
    own_checks=frozenset({"required", "range"}),
    throttled="RequestLimitExceeded",
)
