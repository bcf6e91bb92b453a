"""Function rows to API shapes. Reads only.

Known gap: no `Location` in GetFunction's Code, because the package cannot be downloaded.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from windlass.aws.calls import Result
from windlass.kernel.clock import MILLISECOND, SECOND, Instant
from windlass.services.lambda_.model import LATEST, Function, Settings

_BEING_CREATED = "The function is being created."
"""AWS says so in updates too; recorded in late 2025."""


def configuration(function: Function, *, qualified: bool = False, states: bool = True) -> Result:
    """FunctionConfiguration. `qualified` shows the ARN with :$LATEST, `states=False` is ListFunctions'."""
    wanted = function.wanted
    described = {
        "FunctionName": function.name,
        "FunctionArn": f"{function.arn}:{LATEST}" if qualified else function.arn,
        "LastModified": last_modified(function.last_modified),
        "RevisionId": function.revision_id,
        "Version": LATEST,
        **_settings(wanted),
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": log_group(function.name, wanted)},
    }
    if wanted.environment:
        described["Environment"] = {"Variables": dict(wanted.environment)}
    if states:
        described |= _states(function)
    return described


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


def _settings(settings: Settings) -> dict[str, Any]:
    return {
        "Runtime": settings.runtime,
        "Role": settings.role,
        "Handler": settings.handler,
        "CodeSize": settings.code_size,
        "CodeSha256": code_sha256(settings.code_sha256),
        "Description": settings.description,
        "Timeout": settings.timeout_s,
        "MemorySize": settings.memory_mib,
        "TracingConfig": {"Mode": settings.tracing},
        "PackageType": "Zip",
        "Architectures": [settings.architecture],
        "EphemeralStorage": {"Size": settings.ephemeral_mib},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    }


def _states(function: Function) -> dict[str, Any]:
    described: dict[str, Any] = {"State": function.state}
    if function.state == "Pending":
        described |= {"StateReason": _BEING_CREATED, "StateReasonCode": "Creating"}
    if function.update_status:
        described["LastUpdateStatus"] = function.update_status
    if function.update_status == "InProgress":
        described |= {"LastUpdateStatusReason": _BEING_CREATED, "LastUpdateStatusReasonCode": "Creating"}
    return described
