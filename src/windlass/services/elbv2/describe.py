"""Rows as the API shows them. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from windlass.aws.calls import Result
from windlass.kernel.clock import Instant, in_seconds
from windlass.services.elbv2.model import Listener, LoadBalancer, Rule, Target, TargetGroup
from windlass.services.elbv2.names import dns_name

HOSTED_ZONE = "Z35SXDOTRQ7X7K"
"""CanonicalHostedZoneId: that of us-east-1, for all Regions; nothing reads it here."""


def load_balancer(row: LoadBalancer, now: Instant) -> Result:
    return {
        "LoadBalancerArn": row.arn,
        "DNSName": dns_name(row),
        "CanonicalHostedZoneId": HOSTED_ZONE,
        "CreatedTime": in_seconds(row.created_at),
        "LoadBalancerName": row.name,
        "Scheme": "internal" if row.internal else "internet-facing",
        "VpcId": row.vpc_id,
        "State": {"Code": "provisioning" if row.is_provisioning(now) else "active"},
        "Type": "application",
        "AvailabilityZones": zones(row),
        "SecurityGroups": list(row.security_groups),
        "IpAddressType": row.ip_address_type,
    }


def zones(row: LoadBalancer) -> list[Result]:
    """Each with the one address that the load balancer has here."""
    addresses = [{"IpAddress": row.address}]
    return [
        {"ZoneName": zone.name, "SubnetId": zone.subnet, "LoadBalancerAddresses": addresses}
        for zone in row.zones
    ]


def listener(row: Listener, default: Rule) -> Result:
    shown: Result = {
        "ListenerArn": row.arn,
        "LoadBalancerArn": row.load_balancer,
        "Port": row.port,
        "Protocol": row.protocol,
        "DefaultActions": [dict(action) for action in default.actions],
    }
    if row.protocol == "HTTPS":
        shown["SslPolicy"] = row.ssl_policy
        shown["Certificates"] = [{"CertificateArn": arn} for arn in row.certificates[:1]]
        shown["MutualAuthentication"] = dict(row.mutual) or {"Mode": "off"}
    return shown


def certificates(row: Listener) -> list[Result]:
    return [{"CertificateArn": arn, "IsDefault": not place} for place, arn in enumerate(row.certificates)]


def rule(row: Rule) -> Result:
    return {
        "RuleArn": row.arn,
        "Priority": "default" if row.is_default else str(row.priority),
        "Conditions": [dict(one) for one in row.conditions],
        "Actions": [dict(one) for one in row.actions],
        "IsDefault": row.is_default,
        "Transforms": [dict(one) for one in row.transforms],
    }


def target_group(row: TargetGroup, load_balancers: Iterable[str]) -> Result:
    check = row.check
    shown: Result = {
        "TargetGroupArn": row.arn,
        "TargetGroupName": row.name,
        "HealthCheckEnabled": check.enabled,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy,
        "UnhealthyThresholdCount": check.unhealthy,
        "HealthCheckPath": check.path,
        "Matcher": {"GrpcCode" if row.version == "GRPC" else "HttpCode": check.codes},
        "LoadBalancerArns": list(load_balancers),
        "TargetType": row.target_type,
        "IpAddressType": "ipv4",
    }
    if row.target_type != "lambda":
        shown |= {
            "Protocol": row.protocol,
            "ProtocolVersion": row.version,
            "Port": row.port,
            "VpcId": row.vpc_id,
            "HealthCheckProtocol": check.protocol,
            "HealthCheckPort": check.port,
        }
    return shown


def target(row: Target) -> Result:
    shown: Result = {"Id": row.id}
    if row.port:
        shown["Port"] = row.port
    return shown | ({"AvailabilityZone": row.zone} if row.zone else {})


def tags(held: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"Key": key, "Value": value} for key, value in sorted(held.items())]
