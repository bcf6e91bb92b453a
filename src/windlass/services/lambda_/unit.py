"""What to run for a target: its settings to a Unit.

Pure: everything drawn (ids, credentials, stream name) is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from windlass.aws.credentials import Credentials
from windlass.fleet.function_messages import FunctionImage, Package
from windlass.fleet.messages import FunctionSpec, LogTarget, UnitSpec
from windlass.fleet.model import Unit
from windlass.fleet.networks import Network
from windlass.kernel.clock import SECOND, Instant
from windlass.services.lambda_.describe import log_group
from windlass.services.lambda_.limits import (
    AHEAD_INIT_S_MIN,
    INIT_S_MAX,
    MEMORY_MIB_PER_VCPU,
    RESTORE_S_MAX,
)
from windlass.services.lambda_.model import LATEST, Settings
from windlass.services.lambda_.target import Target

OWNER = "lambda"
EnvironmentKind: TypeAlias = Literal["on-demand", "provisioned", "template"]
"""A template is the snapshot that others are restored from; it takes no events (snap_start.py)."""
_CPU_UNITS_PER_VCPU = 1024


def environment_unit(
    target: Target,
    unit_id: str,
    credentials: Credentials,
    *,
    path_of: Callable[[str], str],
    network: Network,
    now: Instant,
    kind: EnvironmentKind = "on-demand",
    node_id: str = "",
) -> Unit:
    """The unit that is one environment of the target; only on demand it is initialised for an event.

    `path_of` tells a package's file by its SHA-256. `node_id` is where it has to be, "" anywhere.
    """
    function, settings = target.function, target.settings
    snapshot, ahead = snapshot_key(target), kind == "provisioned"
    log = LogTarget(
        account=function.account,
        region=function.region,
        group=log_group(function.name, settings),
        stream=log_stream(unit_id, target.version, now),
    )
    spec = FunctionSpec(
        code_sha256=settings.code_sha256,
        code_path=path_of(settings.code_sha256),
        handler=settings.handler,
        runtime=settings.runtime,
        memory_mib=settings.memory_mib,
        timeout_s=settings.timeout_s,
        init_timeout_s=max(AHEAD_INIT_S_MIN, settings.timeout_s) if ahead or snapshot else INIT_S_MAX,
        environment=variables(target, credentials, log, provisioned=ahead),
        log=log,
        image=_image(settings),
        layers=tuple(Package(layer.code_sha256, path_of(layer.code_sha256)) for layer in settings.layers),
        ahead=ahead,
        ephemeral_mib=settings.ephemeral_mib,
        system_log_level=settings.system_log_level,
        snapshot=snapshot,
        template=kind == "template",
        restore_timeout_s=RESTORE_S_MAX if snapshot else 0,
    )
    return Unit(
        id=unit_id,
        owner=OWNER,
        account=function.account,
        region=function.region,
        spec=UnitSpec(unit_id=unit_id, kind="function", function=spec, network=network),
        cpu_units=max(1, settings.memory_mib * _CPU_UNITS_PER_VCPU // MEMORY_MIB_PER_VCPU),
        memory_mib=settings.memory_mib,
        created_at=now,
        bound_to=node_id,
    )


def snapshot_key(target: Target) -> str:
    """What its environments are restored from; "" where that is nothing."""
    return target.pool if target.settings.snap_start and target.version != LATEST else ""


def _image(settings: Settings) -> FunctionImage | None:
    image = settings.image
    if image is None:
        return None
    return FunctionImage(
        image.resolved or image.uri, image.entry_point, image.command, image.working_directory
    )


def log_stream(unit_id: str, version: str, now: Instant) -> str:
    """`YYYY/MM/DD/[$LATEST]` and 32 hex digits, which are the unit's id."""
    return f"{datetime.fromtimestamp(now // SECOND, UTC):%Y/%m/%d}/[{version}]{unit_id}"


def variables(
    target: Target, credentials: Credentials, log: LogTarget, *, provisioned: bool = False
) -> tuple[tuple[str, str], ...]:
    """The environment that the plane knows of; the node adds what only it knows (paths, the Runtime API, and

    where the plane is, as seen from the environment's network).
    """
    function, settings = target.function, target.settings
    fixed = {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_REGION": function.region,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": target.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory_mib),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency" if provisioned else "on-demand",
    }
    if snapshot_key(target):  # AWS leaves the log's variables out: they would be the snapshot's
        fixed["AWS_LAMBDA_INITIALIZATION_TYPE"] = "snap-start"
    else:
        fixed["AWS_LAMBDA_LOG_GROUP_NAME"] = log.group
        fixed["AWS_LAMBDA_LOG_STREAM_NAME"] = log.stream
    if settings.log_format == "JSON":
        fixed["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        fixed["AWS_LAMBDA_LOG_LEVEL"] = settings.application_log_level
    if settings.runtime and not settings.runtime.startswith(
        "provided"
    ):  # of OS-only runtimes AWS says nothing
        fixed["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{settings.runtime}"
    return tuple({**dict(settings.environment), **fixed}.items())
