"""EC2 limits: number, unit, source. Those with a quota name hold only where the profile lists it."""

from __future__ import annotations

PAGE_MAX = 1_000
"""Rows per page, and the default; EC2 API reference, DescribeNetworkInterfaces, MaxResults."""
PAGE_MIN = 5
"""Smallest MaxResults; EC2 API reference, DescribeVpcs, MaxResults."""
FILTERS_MAX = 50
"""Filters per call; EC2 API reference, "Filter" (200 values in all)."""
FILTER_VALUES_MAX = 200
"""Values over all filters of one call; EC2 User Guide, "List and filter using the CLI and API"."""
FILTER_LENGTH_MAX = 255
"""Characters of a filter's value; the longest value that anything here has is a description."""
TAGS_MAX = 50
"""Tags per resource; EC2 User Guide, tag restrictions."""
TAG_KEY_LENGTH_MAX = 128
TAG_VALUE_LENGTH_MAX = 256
"""Characters; EC2 User Guide, tag restrictions."""
TAGGED_MAX = 1_000
"""Resources per CreateTags call; EC2 API reference, CreateTags."""
NAME_LENGTH_MAX = 255
"""Characters of a security group's name and description; EC2 API reference, CreateSecurityGroup."""
GROUPS_PER_INTERFACE_MAX = 5
"""Security groups of one network interface; VPC User Guide, quotas (adjustable to 16)."""
VPC_PREFIXES = (16, 28)
"""Shortest and longest mask of a VPC and of a subnet; VPC User Guide, VPC CIDR blocks."""
RESERVED_FIRST = 4
"""Addresses at a subnet's beginning that AWS keeps: network, router, DNS, future; VPC User Guide, subnets."""
RESERVED_LAST = 1
"""Addresses at a subnet's end that AWS keeps (broadcast); as above."""
DESCRIPTION_LENGTH_MAX = 255
"""Characters of an interface's description: our choice; AWS names no limit."""
RUN_COUNT_MAX = 1_000
"""Instances per RunInstances call: our choice; AWS bounds it by vCPU quotas."""
TEMPLATE_VERSIONS_MAX = 10_000
"""Versions of a launch template; EC2 User Guide, launch templates."""
USER_DATA_LENGTH_MAX = 21_848
"""Characters of user data in base64: 16 KiB; EC2 User Guide, user data."""

QUOTA_VPCS = "ec2.vpcs"
QUOTA_SUBNETS = "ec2.subnets_per_vpc"
QUOTA_GROUPS = "ec2.security_groups"
QUOTA_RULES = "ec2.rules_per_security_group"
QUOTA_INTERFACES = "ec2.network_interfaces"
QUOTA_INSTANCES = "ec2.instances"
"""Names of quotas in profiles; VPC User Guide, quotas."""
