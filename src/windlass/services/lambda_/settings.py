"""A request's configuration to Settings, or the fault that says why not.

Pure. Checks what the model does not state; the model's own constraints were checked before. What AWS has
and Windlass does not is refused here, in one place, with a sentence that says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from windlass.kernel.faults import Fault
from windlass.services.lambda_ import snap_start
from windlass.services.lambda_.destinations import dead_letter_problem
from windlass.services.lambda_.limits import (
    ENVIRONMENT_BYTES_MAX,
    ENVIRONMENT_NAMES_RESERVED,
    MEMORY_MIB_MAX,
    RUNTIMES,
    RUNTIMES_ENDED,
    TIMEOUT_S_MAX,
)
from windlass.services.lambda_.logging_config import with_logging
from windlass.services.lambda_.model import Settings
from windlass.services.lambda_.package import Package, invalid

_ABSENT: Mapping[str, str] = {
    "FileSystemConfigs": "file systems",
    "KMSKeyArn": "customer keys",
    "SourceKMSKeyArn": "customer keys",
    "CodeSigningConfigArn": "code signing",
    "CapacityProviderConfig": "managed instances",
    "DurableConfig": "durable functions",
    "TenancyConfig": "tenant isolation",
    "PublishTo": "managed instances",
}
"""Parameters that ask for what is not there. Empty values ask for nothing."""


def refuse_absent(params: Mapping[str, Any]) -> None:
    """Raise the fault for the first parameter that asks for something that Windlass does not have."""
    for member, what in _ABSENT.items():
        if asks(params.get(member)):
            raise invalid(f"Windlass does not have {what} for Lambda functions yet: leave out {member}")


def refuse_foreign_code(code: Mapping[str, Any]) -> None:
    """Raise the fault for code that is not in the request."""
    if any(code.get(member) for member in ("S3Bucket", "S3Key", "S3ObjectVersion")):
        raise invalid("Windlass does not take function code from S3 yet: send it as ZipFile")


def asks(value: Any) -> bool:
    """Whether a value asks for anything: {"SubnetIds": []}, "" and False do not."""
    return any(asks(inner) for inner in value.values()) if isinstance(value, Mapping) else bool(value)


def created(params: Mapping[str, Any], package: Package) -> Settings:
    """The settings of a new function of a package."""
    if asks(params.get("ImageConfig")):
        raise invalid(
            "ImageConfig is for functions of container images: leave it out, or use PackageType Image"
        )
    if not params.get("Runtime") or not params.get("Handler"):
        raise invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    fresh = Settings(
        role=params["Role"],
        handler=params["Handler"],
        runtime=params["Runtime"],
        code_sha256=package.sha256,
        code_size=package.size,
        unpacked_size=package.unpacked_size,
    )
    return updated(fresh, params)


def with_package(settings: Settings, package: Package) -> Settings:
    """The settings with another code."""
    return replace(
        settings,
        code_sha256=package.sha256,
        code_size=package.size,
        unpacked_size=package.unpacked_size,
    )


def updated(settings: Settings, params: Mapping[str, Any]) -> Settings:
    """The settings with those of the request in place; each member of a request replaces the whole value."""
    runtime = params.get("Runtime", settings.runtime)
    if settings.image is None:
        check_runtime(runtime)
    environment = settings.environment
    if "Environment" in params:
        given: Mapping[str, str] = params["Environment"].get("Variables") or {}
        check_environment(given)
        environment = tuple(sorted(given.items()))
    found = replace(
        with_logging(settings, params.get("LoggingConfig", {})),
        runtime=runtime,
        role=params.get("Role", settings.role),
        handler=params.get("Handler", settings.handler),
        description=params.get("Description", settings.description),
        timeout_s=_at_most(params.get("Timeout", settings.timeout_s), TIMEOUT_S_MAX, "timeout"),
        memory_mib=_at_most(params.get("MemorySize", settings.memory_mib), MEMORY_MIB_MAX, "memorySize"),
        environment=environment,
        architecture=(params.get("Architectures") or [settings.architecture])[0],
        ephemeral_mib=params.get("EphemeralStorage", {}).get("Size", settings.ephemeral_mib),
        tracing=params.get("TracingConfig", {}).get("Mode", settings.tracing),
        dead_letter=_dead_letter(params.get("DeadLetterConfig", {}).get("TargetArn", settings.dead_letter)),
        snap_start=_snap_start(params, settings),
    )
    snap_start.check(found)
    return found


def _snap_start(params: Mapping[str, Any], settings: Settings) -> bool:
    if "SnapStart" not in params:
        return settings.snap_start
    return bool(params["SnapStart"].get("ApplyOn", "None") == "PublishedVersions")


def _dead_letter(target: str) -> str:
    problem = dead_letter_problem(target) if target else None
    if problem is not None:
        raise invalid(problem)
    return target


def check_runtime(runtime: str) -> None:
    if runtime in RUNTIMES:
        return
    if runtime in RUNTIMES_ENDED:
        raise invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )
    raise invalid(
        f"Windlass does not have the runtime {runtime}. It has {', '.join(RUNTIMES)}; others run as a "
        "custom runtime: provided.al2023 with a bootstrap"
    )


def check_environment(given: Mapping[str, str]) -> None:
    start = "Lambda was unable to configure your environment variables because the environment variables "
    reserved = sorted(ENVIRONMENT_NAMES_RESERVED & given.keys())
    if reserved:
        raise invalid(
            f"{start}you have provided contains reserved keys that are currently not supported for "
            f"modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    if any("\0" in value for value in given.values()):
        raise invalid(f"{start}you have provided contains a NUL character, which no process can be given.")
    measured = json.dumps(given, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > ENVIRONMENT_BYTES_MAX:
        raise invalid(f"{start}you have provided exceeded the 4KB limit. String measured: {measured}")


def _at_most(value: int, most: int, member: str) -> int:
    """Maxima that the model leaves open."""
    if value > most:
        raise Fault(
            "ValidationException",
            f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: "
            f"Member must have value less than or equal to {most}",
        )
    return value
