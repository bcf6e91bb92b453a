"""The rows that a caller names, by ARN, whole or partial; App Runner's errors when they are not there.

Also pages of lists, and AWS's own auto scaling configuration, which every account has without a row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from windlass.aws import arn as arns
from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.kernel.store import Table
from windlass.services.apprunner.configuration_model import (
    CONNECTIONS,
    CONNECTORS,
    DEFAULT_SCALINGS,
    INGRESSES,
    OBSERVABILITIES,
    SCALINGS,
    AutoScalingConfiguration,
    Connection,
    DefaultScaling,
    ObservabilityConfiguration,
    Revision,
    VpcConnector,
    VpcIngressConnection,
)
from windlass.services.apprunner.faults import bad_arn, bad_token, missing, too_many
from windlass.services.apprunner.model import SERVICES, Reads, Scope, Service

R = TypeVar("R", bound=Revision)
T = TypeVar("T")

DEFAULT_NAME = "DefaultConfiguration"
_DEFAULT_ID = f"{1:032}"
_DEFAULT_SINCE = 1_621_296_000_000_000_000
"""2021-05-18, when App Runner came; ours: AWS shows when it made the account's."""
_REVISION = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def service(reads: Reads, scope: Scope, reference: str) -> Service:
    """The service of that ARN, deleted or not."""
    _resource(reference, scope, "service", "service")
    found = reads[SERVICES].get(reference)
    if found is None:
        raise missing("service", reference)
    return found


def live_service(reads: Reads, scope: Scope, reference: str) -> Service:
    """The service of that ARN, if it was not deleted."""
    found = service(reads, scope, reference)
    if found.status == "DELETED":
        raise missing("service", reference)
    return found


def scaling(reads: Reads, scope: Scope, reference: str) -> AutoScalingConfiguration:
    """One revision of an auto scaling configuration: of a name alone the newest that is active."""
    kind, noun = "autoscalingconfiguration", "auto scaling configuration"
    name, revision, uid = _revision(reference, scope, kind, noun)
    return _one(scaling_revisions(reads, scope, name), revision, uid, noun, reference)


def observability(reads: Reads, scope: Scope, reference: str) -> ObservabilityConfiguration:
    """One revision of an observability configuration."""
    kind, noun = "observabilityconfiguration", "observability configuration"
    name, revision, uid = _revision(reference, scope, kind, noun)
    return _one(reads[OBSERVABILITIES].by("name", (*scope, name)), revision, uid, noun, reference)


def connector(reads: Reads, scope: Scope, reference: str) -> VpcConnector:
    """One VPC connector, ACTIVE or not, of that whole ARN."""
    name, revision, uid = _revision(reference, scope, "vpcconnector", "VPC connector")
    if not uid:
        raise bad_arn("VPC connector", reference)
    return _one(reads[CONNECTORS].by("name", (*scope, name)), revision, uid, "VPC connector", reference)


def connection(reads: Reads, scope: Scope, reference: str) -> Connection:
    """The connection of that ARN."""
    parts = _resource(reference, scope, "connection", "connection")
    found = reads[CONNECTIONS].get((*scope, parts[0]))
    if found is None or found.arn != reference:
        raise missing("connection", reference)
    return found


def ingress(reads: Reads, scope: Scope, reference: str) -> VpcIngressConnection:
    """The VPC ingress connection of that ARN, deleted or not."""
    _resource(reference, scope, "vpcingressconnection", "VPC ingress connection")
    found = reads[INGRESSES].get(reference)
    if found is None:
        raise missing("VPC ingress connection", reference)
    return found


def scaling_revisions(reads: Reads, scope: Scope, name: str) -> list[AutoScalingConfiguration]:
    """All revisions of that name, oldest first."""
    rows = reads[SCALINGS].by("name", (*scope, name))
    if name == DEFAULT_NAME and reads[SCALINGS].get((*scope, name, 1)) is None:
        rows.insert(0, aws_default(scope))
    return rows


def scalings(reads: Reads, scope: Scope) -> list[AutoScalingConfiguration]:
    """All revisions of all names."""
    rows = reads[SCALINGS].by("scope", scope)
    if reads[SCALINGS].get((*scope, DEFAULT_NAME, 1)) is None:
        rows.insert(0, aws_default(scope))
    return rows


def default_scaling(reads: Reads, scope: Scope) -> DefaultScaling:
    """Which revision new services get."""
    return reads[DEFAULT_SCALINGS].get(scope) or DefaultScaling(*scope, name=DEFAULT_NAME, revision=1)


def aws_default(scope: Scope) -> AutoScalingConfiguration:
    """AWS's own: 100 requests at a time, 1 to 25 instances."""
    return AutoScalingConfiguration(
        *scope, name=DEFAULT_NAME, revision=1, id=_DEFAULT_ID, created_at=_DEFAULT_SINCE
    )


def latest(rows: Sequence[R]) -> R | None:
    """The newest revision that is active, of those of one name."""
    return next((row for row in reversed(rows) if row.status == "ACTIVE"), None)


def page(call: Call, params: Params, operation: str, rows: Sequence[T]) -> tuple[list[T], Result]:
    """A page of a short list, and its NextToken, if there is one; without MaxResults all of it."""
    shown, token = paging.cut(
        rows,
        operation=operation,
        filters=_filters(call, params),
        token=params.get("NextToken"),
        limit=params.get("MaxResults", max(1, len(rows))),
        fault=bad_token,
    )
    return shown, {} if token is None else {"NextToken": token}


def table_page(
    call: Call,
    params: Params,
    operation: str,
    table: Table[T],
    index: tuple[str, Any],
    *,
    reverse: bool = False,
) -> tuple[list[T], Result]:
    """The same of the rows that an ordered index has."""
    view = call.store[table]
    shown, token = paging.page(
        view,
        *index,
        operation=operation,
        filters=_filters(call, params),
        token=params.get("NextToken"),
        limit=params.get("MaxResults", max(1, view.count(*index))),
        fault=bad_token,
        reverse=reverse,
    )
    return shown, {} if token is None else {"NextToken": token}


def check_quota(call: Call, quota: str, held: int, what: str) -> None:
    """Raises ServiceQuotaExceededException when the scope has all that the profile lets it have."""
    most = call.part(Quotas).value(quota, call.scope)
    if most is not None and held >= most:
        raise too_many(what, most)


def _filters(call: Call, params: Params) -> list[Any]:
    asked = {name: params[name] for name in params if name not in ("NextToken", "MaxResults")}
    return [*call.scope, asked]


def _resource(reference: str, scope: Scope, kind: str, noun: str) -> list[str]:
    """What stands behind the kind in an ARN of that scope. Raises Fault for other ARNs."""
    read = arns.parse(reference)
    if read is None or read.service != "apprunner":
        raise bad_arn(noun, reference)
    found, *parts = read.resource.split("/")
    if found != kind or not parts:
        raise bad_arn(noun, reference)
    if (read.account, read.region) != scope:
        raise missing(noun, reference)
    return parts


def _revision(reference: str, scope: Scope, kind: str, noun: str) -> tuple[str, int, str]:
    """Name, revision and id in the ARN; 0 and "" where it has none. Raises Fault."""
    name, *rest = _resource(reference, scope, kind, noun)
    if len(rest) > 2 or (rest and not _REVISION.fullmatch(rest[0])):
        raise bad_arn(noun, reference)
    return name, int(rest[0]) if rest else 0, rest[1] if len(rest) == 2 else ""


def _one(rows: Sequence[R], revision: int, uid: str, noun: str, reference: str) -> R:
    """The revision, or without one the newest active. A partial ARN does not name what was deleted."""
    if uid:
        found = next((row for row in rows if row.revision == revision and row.id == uid), None)
    elif revision:
        found = next((row for row in rows if row.revision == revision and row.status == "ACTIVE"), None)
    else:
        found = latest(rows)
    if found is None:
        raise missing(noun, reference)
    return found
