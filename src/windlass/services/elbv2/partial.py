"""What of Elastic Load Balancing is accepted here and does not, or not all, come true."""

from __future__ import annotations

from collections.abc import Mapping

PARTIAL: Mapping[str, str] = {
    "CreateLoadBalancer": (
        "Application Load Balancers only, with one loopback address for all zones; IPv6, elastic addresses, "
        "Outposts and IPAM are refused; security groups are checked and not enforced"
    ),
    "CreateListener": (
        "HTTP and HTTPS; mutual authentication is refused; the ciphers of the SSL policy are not enforced"
    ),
    "CreateRule": (
        "authenticate-oidc, authenticate-cognito and jwt-validation are refused; regexes are RE2's"
    ),
    "CreateTargetGroup": (
        "targets of HTTP and HTTPS and functions; the target type alb and IPv6 are refused; health checks of "
        "functions are not made"
    ),
    "DescribeTargetHealth": "no anomaly detection",
    "ModifyListener": "as CreateListener",
    "ModifyListenerAttributes": "the names of mTLS and TLS request headers change nothing",
    "ModifyLoadBalancerAttributes": (
        "access logs go to a log group instead of S3 (docs/aws/elbv2.md); connection and health check logs, "
        "TLS headers, WAF, zonal shift and IPv6 change nothing"
    ),
    "ModifyRule": "as CreateRule",
    "ModifyTargetGroupAttributes": (
        "anomaly mitigation, cross-zone settings, minimum_healthy_targets percentages and DNS failover "
        "change nothing"
    ),
    "RegisterTargets": (
        "addresses of this machine (127.0.0.0/8) are targets too; the zone of an address is not found out; "
        "the permission of a load balancer to invoke a function is not checked"
    ),
    "SetIpAddressType": "ipv4 only",
    "SetSecurityGroups": "checked and not enforced",
    "SetSubnets": "the load balancer keeps its one address",
}
