"""Elastic Load Balancing (v2): Application Load Balancers, their listeners, rules and target groups.

What this decides: what a load balancer may say, and how targets are. It must not know sockets: proxies do the
work (proxy/), from what compile.py makes of the rows. Known gaps: see docs/aws/elbv2.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.server_certificates import ServerCertificates
from windlass.aws.target_groups import TargetGroups
from windlass.services.elbv2 import certificates
from windlass.services.elbv2.access_logs import AccessLogs
from windlass.services.elbv2.balancers import TargetGroupRows
from windlass.services.elbv2.functions import Functions
from windlass.services.elbv2.handlers import (
    listeners,
    load_balancers,
    rules,
    tags,
    target_groups,
    targets,
)
from windlass.services.elbv2.intake import Intake
from windlass.services.elbv2.measuring import Measuring
from windlass.services.elbv2.model import TABLES
from windlass.services.elbv2.partial import PARTIAL
from windlass.services.elbv2.publisher import Publisher
from windlass.services.plane import Plane, Service


def _start(plane: Plane) -> Sequence[object]:
    rows = TargetGroupRows(plane.store, plane.clock, plane.quotas, plane.calls.part(TargetGroups))
    plane.calls.part(ServerCertificates).use(lambda arn: certificates.users(plane.store, arn))
    looping = (Publisher(plane), Intake(plane), Measuring(plane), AccessLogs(plane))
    for part in looping:
        plane.spawn.start(part.loop.name, part.loop.run())
    return (rows, Functions(plane), *looping)


SERVICE = Service(
    name="elbv2",
    handlers={
        "AddListenerCertificates": listeners.add_listener_certificates,
        "AddTags": tags.add_tags,
        "CreateListener": listeners.create_listener,
        "CreateLoadBalancer": load_balancers.create_load_balancer,
        "CreateRule": rules.create_rule,
        "CreateTargetGroup": target_groups.create_target_group,
        "DeleteListener": listeners.delete_listener,
        "DeleteLoadBalancer": load_balancers.delete_load_balancer,
        "DeleteRule": rules.delete_rule,
        "DeleteTargetGroup": target_groups.delete_target_group,
        "DeregisterTargets": targets.deregister_targets,
        "DescribeAccountLimits": load_balancers.describe_account_limits,
        "DescribeListenerAttributes": listeners.describe_listener_attributes,
        "DescribeListenerCertificates": listeners.describe_listener_certificates,
        "DescribeListeners": listeners.describe_listeners,
        "DescribeLoadBalancerAttributes": load_balancers.describe_load_balancer_attributes,
        "DescribeLoadBalancers": load_balancers.describe_load_balancers,
        "DescribeRules": rules.describe_rules,
        "DescribeSSLPolicies": listeners.describe_ssl_policies,
        "DescribeTags": tags.describe_tags,
        "DescribeTargetGroupAttributes": target_groups.describe_target_group_attributes,
        "DescribeTargetGroups": target_groups.describe_target_groups,
        "DescribeTargetHealth": targets.describe_target_health,
        "ModifyListener": listeners.modify_listener,
        "ModifyListenerAttributes": listeners.modify_listener_attributes,
        "ModifyLoadBalancerAttributes": load_balancers.modify_load_balancer_attributes,
        "ModifyRule": rules.modify_rule,
        "ModifyTargetGroup": target_groups.modify_target_group,
        "ModifyTargetGroupAttributes": target_groups.modify_target_group_attributes,
        "RegisterTargets": targets.register_targets,
        "RemoveListenerCertificates": listeners.remove_listener_certificates,
        "RemoveTags": tags.remove_tags,
        "SetIpAddressType": load_balancers.set_ip_address_type,
        "SetRulePriorities": rules.set_rule_priorities,
        "SetSecurityGroups": load_balancers.set_security_groups,
        "SetSubnets": load_balancers.set_subnets,
    },
    tables=TABLES,
    start=_start,
    partial=PARTIAL,
    invalid="ValidationError",
    throttled="Throttling",
)
