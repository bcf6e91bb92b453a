"""What the operations of EC2 that Windlass has do not do: data for `windlass coverage`."""

from __future__ import annotations

from collections.abc import Mapping

_ONE_ADDRESS = "IPv4 only, one private address: prefixes, IPv6 and secondary addresses are refused"
_NO_PREFIX_LISTS = "prefix lists and groups of other accounts and VPCs are refused"

_STORED = "what an instance is made of is stored; size, zone and what user data says to the ECS agent count"

PARTIAL: Mapping[str, str] = {
    "CreateVpc": "one IPv4 range: IPv6 and IPAM are refused; InstanceTenancy is stored, not acted on",
    "CreateSubnet": "IPv6, IPAM and Outposts are refused; every Region has three zones",
    "DeleteVpc": "the internet gateway of a default VPC goes with it",
    "ModifyVpcAttribute": "stored, not acted on: there is no DNS server in a VPC",
    "ModifySubnetAttribute": "MapPublicIpOnLaunch only, which is stored; other attributes are refused",
    "DescribeAccountAttributes": "supported-platforms, default-vpc and groups per interface only",
    "DescribeAvailabilityZones": "three zones in every Region, none of them local; AllAvailabilityZones "
    "changes nothing",
    "DescribeRegions": "the Regions that need no opt-in, and the one that was called",
    "DescribeRouteTables": "main route tables only; what they say is not acted on",
    "DescribeInternetGateways": "those of default VPCs only; they are rows and route nothing",
    "AuthorizeSecurityGroupIngress": _NO_PREFIX_LISTS,
    "AuthorizeSecurityGroupEgress": _NO_PREFIX_LISTS,
    "ModifySecurityGroupRules": _NO_PREFIX_LISTS,
    "CreateNetworkInterface": f"{_ONE_ADDRESS}; it can be attached to nothing",
    "DescribeNetworkInterfaces": "public addresses are made up, of 198.18.0.0/15: nothing routes them",
    "DescribeNetworkInterfaceAttribute": "description, groupSet, sourceDestCheck, attachment and "
    "associatePublicIpAddress",
    "ModifyNetworkInterfaceAttribute": "Description, Groups and SourceDestCheck (stored, not acted on); "
    "others are refused",
    "CreateTags": "VPCs, what is in them, launch templates and instances only",
    "RunInstances": f"{_STORED}; no image is booted; no addresses, volumes or interfaces; Spot is refused",
    "DescribeInstances": "no addresses, volumes or interfaces; each of Auto Scaling is a reservation",
    "DescribeInstanceTypes": "the types that Windlass knows, and of each vCPUs, memory and GPUs only",
    "CreateLaunchTemplate": f"{_STORED}; InstanceRequirements is refused",
    "CreateLaunchTemplateVersion": "as CreateLaunchTemplate",
    "DescribeLaunchTemplateVersions": "Filters and ResolveAlias are refused",
}
