"""Where the output of jobs goes: what is refused of a logConfiguration, and what Batch adds to it. Pure.

Source: AWS Batch User Guide, using_awslogs; facts/batch.md, 10. Options of the awslogs driver are ECS's
(fleet/log_options.py). Our decision: without a configuration, or with the driver json-file, whose output AWS
leaves on the instance, the output goes to Batch's own group too, and waits when that cannot take it.
"""

from __future__ import annotations

from typing import Any

from windlass.fleet import log_options
from windlass.fleet.log_options import STREAM_PREFIX
from windlass.kernel.faults import Fault
from windlass.services.batch.faults import invalid
from windlass.services.batch.resource_model import Shape

GROUP = "/aws/batch/job"
PREFIX_LENGTH_MAX = 200
"""Characters of the definition's name that begin the log stream's (facts/batch.md, 10)."""


def check(container: Shape, *, fargate: bool) -> None:
    """Raises ClientException for a configuration that Batch refuses, or that Windlass does not have."""
    configured = container.get("logConfiguration")
    if configured is None:
        return
    driver = configured["logDriver"]
    if fargate and driver not in log_options.FARGATE_DRIVERS:
        raise invalid(f"logDriver {driver} is not applicable for Fargate.")
    if configured.get("secretOptions"):
        raise invalid("secretOptions are not applicable for the log drivers awslogs and json-file.")
    usual = filled(configured, "any", "any") if driver == "awslogs" else configured
    try:
        log_options.check({"name": container.get("name", "default"), "logConfiguration": usual})
    except Fault as fault:
        raise invalid(fault.message) from fault


def filled(configured: Shape | None, definition: str, region: str) -> dict[str, Any]:
    """The configuration as ECS has it, for a job of the definition of that name.

    >>> filled(None, "frames", "eu-west-1")["options"]["awslogs-stream-prefix"]
    'frames'
    """
    options = {"mode": "blocking"}
    if configured is not None and configured["logDriver"] == "awslogs":
        options = configured.get("options", {})
    group = options.get("awslogs-group", GROUP)
    usual = {
        "awslogs-group": group,
        "awslogs-region": region,
        STREAM_PREFIX: definition[:PREFIX_LENGTH_MAX],
        "awslogs-create-group": "true" if group == GROUP else "false",
    }
    return {"logDriver": "awslogs", "options": {**usual, **options}}
