"""Which service and operation a request is for, on one port for all of them.

The order is that of the wire-protocols fact sheet, section 2: CBOR path, X-Amz-Target, Action and Version,
then REST by credential scope, Host and path. Decides from the request and the models alone; whether a handler
exists is the gateway's question. Known gaps: S3's virtual-host style; a query request without any Action gets
`MissingAction`, where AWS redirects to its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from windlass.aws.body import plain
from windlass.aws.known import Known
from windlass.aws.models import Models
from windlass.aws.rest_table import Match, rest_table
from windlass.aws.wire import Request
from windlass.kernel.faults import Fault

CBOR = "smithy-rpc-v2-cbor"
FORM = "application/x-www-form-urlencoded"
QUERY_PROTOCOLS = ("query", "ec2")
SQS = "sqs"
"""Speaks query although its model lists only JSON (sqs fact sheet, section 1)."""

_CREDENTIAL = re.compile(r"Credential=([^\s,]+)")
_QUERY_CREDENTIAL = re.compile(r"(?:^|&)X-Amz-Credential=([^&]+)")
_ACTION = re.compile(rb"(?:^|&)Action=([^&]*)")
_VERSION = re.compile(rb"(?:^|&)Version=([^&]*)")


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a request goes. `protocol` is a key of PROTOCOLS; `path_labels` are decoded, by label name."""

    service: str
    operation: str
    protocol: str
    path_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scope:
    """A credential scope as the client states it: unverified."""

    access_key: str
    date: str
    region: str
    service: str


def credential_scope(request: Request) -> Scope | None:
    """The scope of the Authorization header, or of a presigned URL; None without one of five parts."""
    found = _CREDENTIAL.search(request.headers.get("authorization", ""))
    if found is None and "X-Amz-Credential=" in request.query:
        found = _QUERY_CREDENTIAL.search(request.query)
    if found is None:
        return None
    parts = unquote(found[1]).rsplit("/", 4)
    return Scope(*parts[:4]) if len(parts) == 5 else None


def route(request: Request, models: Models) -> Routed:
    """The service, operation and protocol of a request.

    Raises Fault: UnknownOperationException or InvalidAction as AWS does, NotImplemented (501) for a service
    that botocore knows and this plane does not serve. `guess_protocol` says how to write the fault.
    """
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return _route_cbor(request, models)
    target = request.headers.get("x-amz-target")
    if target is not None:
        return _route_target(request, target, models)
    action = _parameter(_ACTION, request)
    if action is not None:
        return _route_action(request, action, models)
    return _route_rest(request, models)


def guess_protocol(request: Request) -> str:
    """The protocol that the client seems to speak: how to answer when no operation was found."""
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return CBOR
    kind = _media_type(request)
    if "x-amz-target" in request.headers or kind.startswith("application/x-amz-json"):
        return "json"
    scope = credential_scope(request)
    service = scope.service if scope is not None else ""
    if service in ("ec2", "s3"):
        return {"ec2": "ec2", "s3": "rest-xml"}[service]
    if kind == FORM or "Action=" in request.query:
        return "query"
    return "rest-json"


def _media_type(request: Request) -> str:
    """`Application/JSON; charset=utf-8` → `application/json` (RFC 9110, 8.3.1: case does not count)."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _route_cbor(request: Request, models: Models) -> Routed:
    if "x-amz-target" in request.headers:
        raise Fault(
            "SerializationException", "A smithy-protocol request must not have an X-Amz-Target header"
        )
    parts = request.path.rsplit("/", 4)
    if request.method != "POST" or len(parts) != 5 or parts[1] != "service" or parts[3] != "operation":
        raise Fault(
            "UnknownOperationException", "The path is not /service/<Service>/operation/<Op>", status=404
        )
    prefix = parts[2].rpartition(".")[2]
    return _rpc(request, models.known.by_target.get(prefix, ()), prefix, parts[4], CBOR, models)


def _route_target(request: Request, target: str, models: Models) -> Routed:
    prefix, _, operation = target.rpartition(".")
    if request.method != "POST":
        raise Fault(
            "UnknownOperationException", f"{request.method} is not a method of this service", status=404
        )
    return _rpc(request, models.known.by_target.get(prefix, ()), prefix, operation, "json", models)


def _rpc(
    request: Request, rows: Sequence[Known], prefix: str, operation: str, protocol: str, models: Models
) -> Routed:
    if not rows:
        raise Fault("UnknownOperationException", f"No service has the target {prefix[:128]!r}")
    row = _choose(rows, request, models)
    if models.operation(row.name, operation) is None:
        raise Fault("UnknownOperationException", f"{row.name} has no operation {operation[:128]!r}")
    return Routed(row.name, operation, protocol)


def _choose(rows: Sequence[Known], request: Request, models: Models) -> Known:
    """Of services that share a mark: one that is served, and rather the one that the client signed for."""
    served = [row for row in rows if row.name in models.served]
    if not served:
        raise not_served(rows[0].name)
    if len(served) == 1:
        return served[0]
    scope = credential_scope(request)
    signed = [row for row in served if scope is not None and row.signing_name == scope.service]
    return (signed or served)[0]


def not_served(name: str) -> Fault:
    """The answer for a service of AWS's that this plane does not have."""
    return Fault("NotImplemented", f"Windlass does not serve {name}; see windlass coverage", status=501)


def _parameter(pattern: re.Pattern[bytes], request: Request) -> str | None:
    """The first value of Action or Version, of the form body or of the query string."""
    texts = [request.query.encode("ascii", "replace")]
    if request.method == "POST" and _media_type(request) == FORM:
        texts.insert(0, plain(request).body)
    for text in texts:
        found = pattern.search(text)
        if found is not None:
            return unquote(found[1].decode("ascii", "replace").replace("+", " "))
    return None


def _route_action(request: Request, action: str, models: Models) -> Routed:
    version = _parameter(_VERSION, request)
    scope = credential_scope(request)
    rows = models.known.by_signing_name.get(scope.service, []) if scope is not None else []
    rows = rows or models.known.by_version.get(version or "", [])
    speakers = [
        row for row in rows if row.name == SQS or any(one in row.protocols for one in QUERY_PROTOCOLS)
    ]
    if rows and not speakers:
        return _route_rest(request, models)
    of_version = [row for row in speakers if row.api_version == version]
    if speakers and not of_version:
        _choose(speakers, request, models)  # a service that is not served is a better reason than its version
    having = [row for row in of_version if row.name in models.served and models.operation(row.name, action)]
    row = _choose(having or of_version, request, models) if of_version else None
    if row is None or not having:
        stated = "NO_VERSION_SPECIFIED" if version is None else version
        raise Fault("InvalidAction", f"Could not find operation {action[:128]} for version {stated[:32]}")
    return Routed(row.name, action, "ec2" if "ec2" in row.protocols else "query")


def _route_rest(request: Request, models: Models) -> Routed:
    scope = credential_scope(request)
    name = scope.service if scope is not None else _host_service(request)
    rows = models.known.by_signing_name.get(name, []) if name is not None else []
    if rows:
        _choose(rows, request, models)
    elif scope is not None:
        raise Fault("UnknownOperationException", f"No service signs as {scope.service[:64]!r}", status=404)
    else:
        # Unsigned, without a name of AWS's: any service whose paths fit. S3's fit all, so it comes last.
        served = sorted(models.served, key=lambda one: (one == "s3", one))
        rows = [models.known.by_name[one] for one in served]
    for row in rows:
        if row.name in models.served and row.protocol.startswith("rest-"):
            match = rest_table(models.service(row.name)).match(request)
            if match is not None:
                return Routed(row.name, match.operation, row.protocol, _labels(match))
    raise _unroutable(request, rows)


def _host_service(request: Request) -> str | None:
    """`lambda` of `lambda.eu-west-1.amazonaws.com`; prefixes such as `data-` do not count."""
    host = request.headers.get("host", "").partition(":")[0]
    if not host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return None
    name = host.partition(".")[0]
    return re.sub(r"^(data|sync|stream|streaming)-", "", name)


def _labels(match: Match) -> dict[str, str]:
    try:
        return {name: unquote(text, errors="strict") for name, text in match.labels.items()}
    except UnicodeDecodeError:
        raise Fault("SerializationException", "The path is not UTF-8") from None


def _unroutable(request: Request, rows: Sequence[Known]) -> Fault:
    """What AWS says to a path that no operation has, by the protocol of the service."""
    protocols = {row.protocol for row in rows}
    if protocols <= {"query", "ec2"} and rows:
        return Fault("MissingAction", "The request is missing an action or a required parameter.")
    if protocols == {"rest-xml"}:
        message = "The specified method is not allowed against this resource."
        return Fault("MethodNotAllowed", message, status=405)
    what = f"{request.method} {request.path[:256]}"
    return Fault("UnknownOperationException", f"No operation is found for {what}", status=404)
