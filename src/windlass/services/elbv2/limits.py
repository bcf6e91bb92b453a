"""Limits of Elastic Load Balancing, with units and sources.

Quotas of an account stand in the profile under their names in QUOTAS; without an entry there is no limit.
"""

from __future__ import annotations

from collections.abc import Mapping

QUOTAS: Mapping[str, str] = {
    "application-load-balancers": "elbv2.load_balancers",
    "listeners-per-application-load-balancer": "elbv2.listeners_per_load_balancer",
    "rules-per-application-load-balancer": "elbv2.rules_per_load_balancer",
    "target-groups": "elbv2.target_groups",
    "target-groups-per-application-load-balancer": "elbv2.groups_per_load_balancer",
    "targets-per-application-load-balancer": "elbv2.targets_per_load_balancer",
    "targets-per-target-group": "elbv2.targets_per_group",
    "certificates-per-application-load-balancer": "elbv2.certificates_per_load_balancer",
    "condition-values-per-alb-rule": "",
    "condition-wildcards-per-alb-rule": "",
    "target-groups-per-action-on-application-load-balancer": "",
}
"""Name in DescribeAccountLimits → the profile's name; "" for a constant of FIXED."""
FIXED: Mapping[str, int] = {
    "condition-values-per-alb-rule": 5,
    "condition-wildcards-per-alb-rule": 5,
    "target-groups-per-action-on-application-load-balancer": 5,
}
"""ELB User Guide, load-balancer-limits."""
CONDITION_VALUES_MAX = 5  # values in all conditions of a rule; ELB User Guide, load-balancer-limits
WILDCARDS_MAX = 5  # in all conditions of a rule; ELB User Guide, load-balancer-limits
REGEXES_MAX = 5  # regular expressions in all conditions of a rule; ELB User Guide, rule-condition-types
GROUPS_PER_ACTION_MAX = 5  # ELB User Guide, load-balancer-limits
WEIGHT_MAX = 999  # API reference, TargetGroupTuple
VALUE_CHARS_MAX = 128  # characters of a condition's value; API reference, RuleCondition
HEADER_NAME_CHARS_MAX = 40  # API reference, HttpHeaderConditionConfig
METHOD_CHARS_MAX = 40  # API reference, HttpRequestMethodConditionConfig
TRANSFORM_CHARS_MAX = 1_024  # characters of a regex or a replacement; API reference, RewriteConfig
STICKY_S_MAX = 604_800  # seconds; API reference, TargetGroupStickinessConfig
NAME_CHARS_MAX = 32  # API reference, CreateLoadBalancer and CreateTargetGroup
PRIORITY_MAX = 50_000  # API reference, RulePriority
TAGS_MAX = 50  # tags of a resource; ELB User Guide, load-balancer-tags
TAGS_RESOURCES_MAX = 20  # resources per DescribeTags; API reference
NAMES_MAX = 20  # names or ARNs per Describe call; API reference
PAGE_MAX = 400  # rows of a page; API reference, PageSize
BODY_BYTES_MAX = 1_048_576  # of a function's request and of its answer; ELB User Guide, lambda-functions
REGISTERING_S = 2  # seconds that a new target shows Elb.RegistrationInProgress; ours
