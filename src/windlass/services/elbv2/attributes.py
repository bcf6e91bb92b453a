"""The attributes of load balancers, listeners and target groups: which there are, their values at first,

what values they take. Pure. Source: API reference, LoadBalancerAttribute, ListenerAttribute,
TargetGroupAttribute. Those of which nothing comes are listed in partial.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from windlass.services.elbv2.refusals import configuration, invalid

Takes: TypeAlias = Callable[[str], str]
"""What is wrong with a value; "" for nothing."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its value at first, and what else it may be."""

    first: str
    takes: Takes


def _one_of(*values: str) -> Takes:
    return lambda value: "" if value in values else f"must be one of '{', '.join(values)}'"


def _number(low: int, high: int, *others: str) -> Takes:
    def takes(value: str) -> str:
        if value in others or (re.fullmatch(r"\d{1,9}", value, re.ASCII) and low <= int(value) <= high):
            return ""
        return f"must be between '{low}' and '{high}' inclusive"

    return takes


def _text(most: int) -> Takes:
    return lambda value: "" if len(value) <= most and value.isprintable() else "is not valid"


def _cookie(value: str) -> str:
    if value.upper() in ("AWSALB", "AWSALBAPP", "AWSALBTG") or not re.fullmatch(
        r"[!#$%&'*+\-.^_`|~0-9A-Za-z]*", value
    ):
        return "is not a valid cookie name"
    return ""


_SWITCH = _one_of("true", "false")
OFF = Attribute("false", _SWITCH)
ON = Attribute("true", _SWITCH)
DAY = Attribute("86400", _number(1, 604_800))

LOAD_BALANCER: Mapping[str, Attribute] = {
    "access_logs.s3.enabled": OFF,
    "access_logs.s3.bucket": Attribute("", _text(63)),
    "access_logs.s3.prefix": Attribute("", _text(1_024)),
    "client_keep_alive.seconds": Attribute("3600", _number(60, 604_800)),
    "connection_logs.s3.enabled": OFF,
    "connection_logs.s3.bucket": Attribute("", _text(63)),
    "connection_logs.s3.prefix": Attribute("", _text(1_024)),
    "deletion_protection.enabled": OFF,
    "health_check_logs.s3.enabled": OFF,
    "health_check_logs.s3.bucket": Attribute("", _text(63)),
    "health_check_logs.s3.prefix": Attribute("", _text(1_024)),
    "idle_timeout.timeout_seconds": Attribute("60", _number(1, 4_000)),
    "ipv6.deny_all_igw_traffic": OFF,
    "load_balancing.cross_zone.enabled": Attribute("true", _one_of("true")),
    "routing.http.desync_mitigation_mode": Attribute(
        "defensive", _one_of("monitor", "defensive", "strictest")
    ),
    "routing.http.drop_invalid_header_fields.enabled": OFF,
    "routing.http.preserve_host_header.enabled": OFF,
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": OFF,
    "routing.http.xff_client_port.enabled": OFF,
    "routing.http.xff_header_processing.mode": Attribute("append", _one_of("append", "preserve", "remove")),
    "routing.http2.enabled": ON,
    "waf.fail_open.enabled": OFF,
    "zonal_shift.config.enabled": OFF,
}

HEADERS: Mapping[str, str] = {
    "routing.http.response.strict_transport_security.header_value": "Strict-Transport-Security",
    "routing.http.response.access_control_allow_origin.header_value": "Access-Control-Allow-Origin",
    "routing.http.response.access_control_allow_methods.header_value": "Access-Control-Allow-Methods",
    "routing.http.response.access_control_allow_headers.header_value": "Access-Control-Allow-Headers",
    "routing.http.response.access_control_allow_credentials.header_value": "Access-Control-Allow-Credentials",
    "routing.http.response.access_control_expose_headers.header_value": "Access-Control-Expose-Headers",
    "routing.http.response.access_control_max_age.header_value": "Access-Control-Max-Age",
    "routing.http.response.content_security_policy.header_value": "Content-Security-Policy",
    "routing.http.response.x_content_type_options.header_value": "X-Content-Type-Options",
    "routing.http.response.x_frame_options.header_value": "X-Frame-Options",
}
"""Attribute of a listener → the header that it puts into responses."""
RENAMED: Mapping[str, str] = {
    f"routing.http.request.{name.lower().replace('-', '_')}.header_name": name
    for name in (
        "X-Amzn-Mtls-Clientcert-Serial-Number",
        "X-Amzn-Mtls-Clientcert-Issuer",
        "X-Amzn-Mtls-Clientcert-Subject",
        "X-Amzn-Mtls-Clientcert-Validity",
        "X-Amzn-Mtls-Clientcert-Leaf",
        "X-Amzn-Mtls-Clientcert",
        "X-Amzn-Tls-Version",
        "X-Amzn-Tls-Cipher-Suite",
    )
}
"""Attribute of an HTTPS listener → the request header whose name it changes."""
LISTENER: Mapping[str, Attribute] = {
    "routing.http.response.server.enabled": ON,
    **dict.fromkeys(HEADERS, Attribute("", _text(1_024))),
}
LISTENER_HTTPS: Mapping[str, Attribute] = {**LISTENER, **dict.fromkeys(RENAMED, Attribute("", _text(128)))}

_PERCENT = Attribute("off", _number(1, 100, "off"))
_GROUP_ALL: Mapping[str, Attribute] = {
    "load_balancing.cross_zone.enabled": Attribute(
        "use_load_balancer_configuration", _one_of("true", "false", "use_load_balancer_configuration")
    ),
    "stickiness.enabled": OFF,
    "target_group_health.dns_failover.minimum_healthy_targets.count": Attribute(
        "1", _number(1, 1_000_000, "off")
    ),
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": _PERCENT,
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": Attribute(
        "1", _number(1, 1_000_000)
    ),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": _PERCENT,
}
FUNCTION_GROUP: Mapping[str, Attribute] = {
    **_GROUP_ALL,
    "lambda.multi_value_headers.enabled": OFF,
}
GROUP: Mapping[str, Attribute] = {
    **_GROUP_ALL,
    "deregistration_delay.timeout_seconds": Attribute("300", _number(0, 3_600)),
    "load_balancing.algorithm.anomaly_mitigation": Attribute("off", _one_of("on", "off")),
    "load_balancing.algorithm.type": Attribute(
        "round_robin", _one_of("round_robin", "least_outstanding_requests", "weighted_random")
    ),
    "slow_start.duration_seconds": Attribute("0", _number(30, 900, "0")),
    "stickiness.app_cookie.cookie_name": Attribute("", _cookie),
    "stickiness.app_cookie.duration_seconds": DAY,
    "stickiness.lb_cookie.duration_seconds": DAY,
    "stickiness.type": Attribute("lb_cookie", _one_of("lb_cookie", "app_cookie")),
}


def of_listener(protocol: str) -> Mapping[str, Attribute]:
    return LISTENER_HTTPS if protocol == "HTTPS" else LISTENER


def of_group(target_type: str) -> Mapping[str, Attribute]:
    return FUNCTION_GROUP if target_type == "lambda" else GROUP


def value(known: Mapping[str, Attribute], set_: Mapping[str, str], key: str) -> str:
    """What the attribute is: as it was set, or at first."""
    return set_.get(key, known[key].first)


def shown(known: Mapping[str, Attribute], set_: Mapping[str, str]) -> list[dict[str, str]]:
    """All of them, as Describe…Attributes tells them."""
    return [{"Key": key, "Value": value(known, set_, key)} for key in sorted(known)]


def changed(
    known: Mapping[str, Attribute],
    set_: Mapping[str, str],
    asked: Iterable[Mapping[str, Any]],
    what: str,
) -> dict[str, str]:
    """The attributes after Modify…Attributes. Raises Fault for one that is not there or does not take that.

    `what` is it an attribute of: "load balancer".
    """
    after, seen = dict(set_), set()
    for one in asked:
        key, wanted = one.get("Key", ""), one.get("Value", "")
        attribute = known.get(key)
        if attribute is None:
            raise invalid(f"{what.capitalize()} attribute key '{key}' is not recognized")
        if key in seen:
            raise invalid(f"{what.capitalize()} attribute key '{key}' is given more than once")
        seen.add(key)
        wrong = attribute.takes(wanted)
        if wrong:
            raise invalid(f"{what.capitalize()} attribute value '{wanted}' of '{key}' {wrong}")
        after[key] = wanted
    return {key: wanted for key, wanted in after.items() if wanted != known[key].first}


def check_group(set_: Mapping[str, str]) -> None:
    """What attributes of a target group do not go together (API reference, TargetGroupAttribute)."""
    algorithm = value(GROUP, set_, "load_balancing.algorithm.type")
    if value(GROUP, set_, "slow_start.duration_seconds") != "0" and algorithm != "round_robin":
        raise configuration(f"Slow start cannot be used with the load balancing algorithm '{algorithm}'")
    if (
        value(GROUP, set_, "load_balancing.algorithm.anomaly_mitigation") == "on"
        and algorithm != "weighted_random"
    ):
        raise configuration(
            "Anomaly mitigation can only be enabled with the load balancing algorithm 'weighted_random'"
        )
    if (
        value(GROUP, set_, "stickiness.enabled") == "true"
        and value(GROUP, set_, "stickiness.type") == "app_cookie"
        and not value(GROUP, set_, "stickiness.app_cookie.cookie_name")
    ):
        raise configuration("'stickiness.app_cookie.cookie_name' must be specified with 'app_cookie'")


def check_load_balancer(set_: Mapping[str, str]) -> None:
    """Logs need a bucket's name (API reference, LoadBalancerAttribute)."""
    for kind in ("access_logs", "connection_logs", "health_check_logs"):
        enabled = value(LOAD_BALANCER, set_, f"{kind}.s3.enabled") == "true"
        if enabled and not value(LOAD_BALANCER, set_, f"{kind}.s3.bucket"):
            raise configuration(f"The value of '{kind}.s3.bucket' cannot be blank")
