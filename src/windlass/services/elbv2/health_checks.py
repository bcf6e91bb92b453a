"""Health checks of target groups, as requests give them: what they are at first, what they may be. Pure.

Source: API reference, CreateTargetGroup and Matcher. The timeout at first is 5 s for HTTP and HTTPS as the
ELB User Guide says (target-group-health-checks); the API reference says 6 and 10.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from windlass.kernel.rows import replace
from windlass.services.elbv2.model import HealthCheck
from windlass.services.elbv2.refusals import configuration, invalid

TRAFFIC_PORT = "traffic-port"
FIRST = HealthCheck(True, "HTTP", TRAFFIC_PORT, "/", 30, 5, 5, 2, "200")
"""For groups of HTTP and HTTPS."""
FIRST_GRPC = replace(FIRST, path="/AWS.ALB/healthcheck", codes="12")
FIRST_FUNCTION = HealthCheck(False, "", "", "/", 35, 30, 5, 5, "200")
_COLUMNS = {
    "HealthCheckProtocol": "protocol",
    "HealthCheckPort": "port",
    "HealthCheckPath": "path",
    "HealthCheckEnabled": "enabled",
    "HealthCheckIntervalSeconds": "interval",
    "HealthCheckTimeoutSeconds": "timeout",
    "HealthyThresholdCount": "healthy",
    "UnhealthyThresholdCount": "unhealthy",
}
_CODES = re.compile(r"\d{1,3}(-\d{1,3})?(,\d{1,3}(-\d{1,3})?)*", re.ASCII)


def first(target_type: str, version: str) -> HealthCheck:
    """What a group has that says nothing."""
    if target_type == "lambda":
        return FIRST_FUNCTION
    return FIRST_GRPC if version == "GRPC" else FIRST


def changed(before: HealthCheck, params: Mapping[str, Any], target_type: str, version: str) -> HealthCheck:
    """The check with what the request says. Raises Fault for what cannot be."""
    wanted = {column: params[name] for name, column in _COLUMNS.items() if params.get(name) not in (None, "")}
    matcher = params.get("Matcher") or {}
    name, other = ("GrpcCode", "HttpCode") if version == "GRPC" else ("HttpCode", "GrpcCode")
    if other in matcher and name not in matcher:
        raise invalid(f"{other} is not supported for target groups with protocol version '{version}'")
    if name in matcher:
        wanted["codes"] = matcher[name]
    after = replace(before, **wanted)
    _check(after, target_type, version)
    return after


def ranges(codes: str) -> tuple[tuple[int, int], ...]:
    """The matcher's codes, both ends included.

    >>> ranges("200,301-302")
    ((200, 200), (301, 302))
    """
    found = []
    for part in codes.split(","):
        low, _, high = part.partition("-")
        found.append((int(low), int(high or low)))
    return tuple(found)


def _check(check: HealthCheck, target_type: str, version: str) -> None:
    function = target_type == "lambda"
    if not check.enabled and not function:
        raise configuration("Health checks must be enabled for groups with target type 'instance' or 'ip'")
    if check.protocol not in (("",) if function else ("HTTP", "HTTPS")):
        raise configuration(
            f"Health check protocol '{check.protocol}' is not supported for target groups "
            + ("with target type 'lambda'" if function else "with the protocol HTTP or HTTPS")
        )
    if check.timeout >= check.interval:
        raise invalid(
            f"Health check timeout '{check.timeout}' must be smaller than the interval '{check.interval}'"
        )
    if not check.path.startswith("/"):
        raise invalid(f"Health check path '{check.path}' must start with '/'")
    if not function and check.port != TRAFFIC_PORT and not _is_port(check.port):
        raise invalid(f"Health check port '{check.port}' must be '{TRAFFIC_PORT}' or a port from 1 to 65535")
    low, high = (0, 99) if version == "GRPC" else (200, 499)
    what = f"Health check matcher '{check.codes}' must be within '{low}-{high}'"
    if not _CODES.fullmatch(check.codes):
        raise invalid(what)
    if not all(low <= start <= end <= high for start, end in ranges(check.codes)):
        raise invalid(what)


def _is_port(text: str) -> bool:
    return re.fullmatch(r"\d{1,5}", text, re.ASCII) is not None and 1 <= int(text) <= 65_535
