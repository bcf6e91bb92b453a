"""Rows of functions, versions and aliases to API shapes. Reads only."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from windlass.aws.calls import Result
from windlass.kernel.clock import MILLISECOND, SECOND, Instant
from windlass.services.lambda_ import images
from windlass.services.lambda_.logging_config import described as described_logging
from windlass.services.lambda_.model import LATEST, Alias, Function, Settings, Version
from windlass.services.lambda_.names import Reference
from windlass.services.lambda_.transitions import CREATING, Reason


def configuration(function: Function, qualifier: str = "", *, states: bool = True) -> Result:
    """FunctionConfiguration of the function itself; `qualifier` goes into the ARN.

    `states=False` is how the lists show it.
    """
    described = {
        "FunctionName": function.name,
        "FunctionArn": function.qualified_arn(qualifier),
        "LastModified": last_modified(function.last_modified),
        "RevisionId": function.revision_id,
        "Version": LATEST,
        **_settings(function.name, function.wanted),
        "SnapStart": _snap_start(function.wanted),
    }
    if states:
        described |= _state(function)
        described |= _update(function)
    return described


def version(row: Version, qualifier: str = "", *, states: bool = True) -> Result:
    """FunctionConfiguration of a published version, reached by its number or by an alias."""
    number = str(row.number)
    described = {
        "FunctionName": row.function,
        "FunctionArn": Reference(row.account, row.region, row.function, qualifier or number).arn,
        "LastModified": last_modified(row.created_at),
        "RevisionId": row.revision_id,
        "Version": number,
        **_settings(row.function, row.settings),
        "SnapStart": _snap_start(row.settings, published=True),
    }
    if states:
        described |= _state(row)
        described |= {} if row.state == "Pending" else {"LastUpdateStatus": "Successful"}
    return described


def found(row: Function | Version, qualifier: str) -> Result:
    """Of a function or one of its versions, as the qualifier led there."""
    return configuration(row, qualifier) if isinstance(row, Function) else version(row, qualifier)


def listed(row: Function | Version) -> Result:
    """As lists of versions show it: qualified, without states."""
    if isinstance(row, Function):
        return configuration(row, LATEST, states=False)
    return version(row, states=False)


def alias(row: Alias) -> Result:
    """AliasConfiguration."""
    described: Result = {
        "AliasArn": Reference(row.account, row.region, row.function, row.name).arn,
        "Name": row.name,
        "FunctionVersion": row.version,
        "Description": row.description,
        "RevisionId": row.revision_id,
    }
    if row.weights:
        described["RoutingConfig"] = {"AdditionalVersionWeights": dict(row.weights)}
    return described


def page(member: str, rows: list[Result], marker: str | None) -> Result:
    """One page of a listing; NextMarker only when there is another."""
    return {member: rows} if marker is None else {member: rows, "NextMarker": marker}


def log_group(name: str, settings: Settings) -> str:
    return settings.log_group or f"/aws/lambda/{name}"


def code_sha256(hexadecimal: str) -> str:
    """As the API shows it: the digest in base64."""
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def last_modified(at: Instant) -> str:
    """
    >>> last_modified(1_569_349_235_054_000_000)
    '2019-09-24T18:20:35.054+0000'
    """
    whole = datetime.fromtimestamp(at // SECOND, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{at % SECOND // MILLISECOND:03d}+0000"


def _settings(name: str, settings: Settings) -> dict[str, Any]:
    described: dict[str, Any] = {
        "Role": settings.role,
        "CodeSize": settings.code_size,
        "Description": settings.description,
        "Timeout": settings.timeout_s,
        "MemorySize": settings.memory_mib,
        "TracingConfig": {"Mode": settings.tracing},
        "Architectures": [settings.architecture],
        "EphemeralStorage": {"Size": settings.ephemeral_mib},
        "LoggingConfig": described_logging(settings, log_group(name, settings)),
    }
    if settings.vpc is not None:
        described["VpcConfig"] = {
            "SubnetIds": list(settings.vpc.subnets),
            "SecurityGroupIds": list(settings.vpc.groups),
            "VpcId": settings.vpc.vpc_id,
            "Ipv6AllowedForDualStack": False,
        }
    if settings.image is None:
        described |= {
            "PackageType": "Zip",
            "Runtime": settings.runtime,
            "Handler": settings.handler,
            "CodeSha256": code_sha256(settings.code_sha256),
        }
    else:
        described |= images.described(settings.image)
    if settings.environment:
        described["Environment"] = {"Variables": dict(settings.environment)}
    if settings.layers:
        described["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.code_size} for layer in settings.layers]
    if settings.dead_letter:
        described["DeadLetterConfig"] = {"TargetArn": settings.dead_letter}
    return described


def _snap_start(settings: Settings, *, published: bool = False) -> dict[str, str]:
    """SnapStartResponse: on for published versions of a function that asks for it."""
    applies = "PublishedVersions" if settings.snap_start else "None"
    return {"ApplyOn": applies, "OptimizationStatus": "On" if settings.snap_start and published else "Off"}


def _state(row: Function | Version) -> dict[str, Any]:
    reason = Reason(row.state_code, row.state_reason)
    if row.state == "Pending" and not reason.code:
        reason = CREATING
    described: dict[str, Any] = {"State": row.state}
    if reason.code:
        described |= {"StateReason": reason.text, "StateReasonCode": reason.code}
    return described


def _update(function: Function) -> dict[str, Any]:
    if not function.update_status:
        return {}
    reason = Reason(function.update_code, function.update_reason)
    if function.update_status == "InProgress":
        reason = CREATING
    described: dict[str, Any] = {"LastUpdateStatus": function.update_status}
    if reason.code:
        described |= {"LastUpdateStatusReason": reason.text, "LastUpdateStatusReasonCode": reason.code}
    return described
