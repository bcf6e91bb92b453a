"""The rows that a caller names by ARN or name, and pages of lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from windlass.aws import paging
from windlass.aws.arn import parse
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Table
from windlass.services.elbv2 import refusals
from windlass.services.elbv2.limits import PAGE_MAX
from windlass.services.elbv2.model import (
    LISTENERS,
    LOAD_BALANCERS,
    RULES,
    SERVICE,
    TARGET_GROUPS,
    Listener,
    LoadBalancer,
    Reads,
    Rule,
    TargetGroup,
)

R = TypeVar("R", LoadBalancer, Listener, Rule, TargetGroup)


def load_balancer(reads: Reads, call: Call, arn: str) -> LoadBalancer:
    _check(arn, "loadbalancer/", "load balancer")
    return _own(reads, call, LOAD_BALANCERS, arn, lambda: refusals.no_load_balancer(arn))


def listener(reads: Reads, call: Call, arn: str) -> Listener:
    _check(arn, "listener/", "listener")
    return _own(reads, call, LISTENERS, arn, lambda: refusals.no_listener(arn))


def rule(reads: Reads, call: Call, arn: str) -> Rule:
    _check(arn, "listener-rule/", "listener rule")
    return _own(reads, call, RULES, arn, lambda: refusals.no_rule(arn))


def group(reads: Reads, call: Call, arn: str) -> TargetGroup:
    _check(arn, "targetgroup/", "target group")
    return _own(reads, call, TARGET_GROUPS, arn, lambda: refusals.no_group(arn))


def _own(reads: Reads, call: Call, table: Table[R], arn: str, missing: Callable[[], Fault]) -> R:
    found = reads[table].get(arn)
    if found is None or (found.account, found.region) != call.scope:
        raise missing()
    return found


def _check(arn: str, prefix: str, what: str) -> None:
    read = parse(arn)
    if read is None or read.service != SERVICE or not read.resource.startswith(prefix):
        raise refusals.invalid(f"'{arn}' is not a valid {what} ARN")


def cut(call: Call, params: Params, rows: Sequence[Any], operation: str, name: str) -> Result:
    """The page of a list that is at hand, as the operation answers it under that name."""
    some, marker = paging.cut(
        rows,
        operation=operation,
        filters=[*call.scope, {key: params[key] for key in params if key not in ("Marker", "PageSize")}],
        token=params.get("Marker"),
        limit=params.get("PageSize", PAGE_MAX),
        fault=lambda: refusals.invalid("Invalid marker"),
    )
    return {name: some, **({"NextMarker": marker} if marker else {})}
