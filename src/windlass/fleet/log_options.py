"""Log configurations of containers: what ECS refuses, and where output goes and how. Pure.

Sources: ECS API reference, LogConfiguration; options and their rules are those of Docker's awslogs driver
(moby: daemon/logger/awslogs/cloudwatchlogs.go), which also is where the expressions for dates come from.
Our own decisions: a container without a log configuration, or with the driver json-file, which on AWS leaves
its output on the instance, logs to `/ecs/<family>`, stream `ecs/<container>/<task id>`, and waits when that
cannot take it. A pattern that is none is refused at registration; AWS finds out when the task starts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from windlass.fleet.messages import LogOptions, LogTarget
from windlass.kernel.faults import Fault
from windlass.kernel.linear_regex import BadRegex, searcher

STREAM_PREFIX = "awslogs-stream-prefix"
REQUIRED = ("awslogs-group", "awslogs-region")
OPTIONS = frozenset(
    (
        *REQUIRED,
        STREAM_PREFIX,
        "awslogs-create-group",
        "awslogs-datetime-format",
        "awslogs-multiline-pattern",
        "mode",
        "max-buffer-size",
    )
)
"""What the awslogs driver of ECS takes."""
DRIVERS = ("awslogs", "json-file")
"""What Windlass has. json-file: the output is kept where `windlass logs` finds it."""
FARGATE_DRIVERS = ("awslogs", "splunk", "awsfirelens")
MODES = ("blocking", "non-blocking")
MODE_DEFAULT = "non-blocking"
"""Since 2025-06-25, unless the account setting defaultLogDriverMode says otherwise (LogConfiguration)."""
BUFFER_BYTES_DEFAULT = 10 * 2**20
"""max-buffer-size when it is not set: 10m (LogConfiguration)."""
DEFAULT_PREFIX = "ecs"

GROUP_MISSING = "ResourceNotFoundException: The specified log group does not exist."
GROUP_MISSING_FARGATE = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
    f"failed to create Cloudwatch log stream: {GROUP_MISSING} : exit status 1"
)
GROUP_MISSING_EC2 = (
    "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "
    f"failed to create Cloudwatch log stream: {GROUP_MISSING}"
)

_TRUTHS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
"""What Go's strconv.ParseBool takes."""
_SIZE = re.compile(r"(\d{1,12})(?: ?([kmgt])i?b?|b)?", re.ASCII | re.IGNORECASE)
_UNITS = {None: 0, "k": 1, "m": 2, "g": 3, "t": 4}
_DIRECTIVE = re.compile("%.", re.DOTALL)
_DATES: Mapping[str, str] = {
    "a": "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    "A": "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)",
    "w": "[0-6]",
    "d": "(?:0[1-9]|[12][0-9]|3[01])",
    "b": "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
    "B": ("(?:January|February|March|April|May|June|July|August|September|October|November|December)"),
    "m": "(?:0[1-9]|1[0-2])",
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "H": "(?:[01][0-9]|2[0-3])",
    "I": "(?:0[1-9]|1[0-2])",
    "p": "[AP]M",
    "M": "[0-5][0-9]",
    "S": "[0-5][0-9]",
    "f": r"\d{6}",
    "z": r"[+-]\d{4}",
    "Z": "[A-Z]{1,4}T",
    "j": "(?:00[1-9]|0[1-9][0-9]|[12][0-9]{2}|3[0-5][0-9]|36[0-6])",
    "L": r"\.\d{3}",
    "%": "%",
}
"""strftime directive → expression. %L, milliseconds with their point, is the driver's own."""

Container: TypeAlias = Mapping[str, Any]


def check(container: Container) -> None:
    """Refuse what ECS refuses, and drivers that Windlass does not have. Raises ClientException."""
    configured = container.get("logConfiguration")
    if configured is None:
        return
    driver, options = configured["logDriver"], configured.get("options", {})
    if driver not in DRIVERS:
        raise _refuse(
            f"Windlass does not have the log driver '{driver}' of container '{container['name']}'; "
            f"it has {' and '.join(DRIVERS)}."
        )
    if driver == "awslogs":
        _check_awslogs(options)
    _check_delivery(options)


def fargate_fault(container: Container) -> str:
    """Why Fargate would not take the log configuration, or ""."""
    configured = container.get("logConfiguration")
    if configured is None:
        return ""
    driver = configured["logDriver"]
    if driver not in FARGATE_DRIVERS:
        return f"Log driver '{driver}' of container '{container['name']}' is not supported on Fargate."
    if driver == "awslogs" and STREAM_PREFIX not in configured.get("options", {}):
        return f"Log driver awslogs requires options: {STREAM_PREFIX}"
    return ""


def group_of(container: Container) -> tuple[str, str] | None:
    """(Region, log group) that must be there before the container can start; None when none must."""
    configured = container.get("logConfiguration", {})
    options = configured.get("options", {})
    if configured.get("logDriver") != "awslogs" or _creates_group(options):
        return None
    return options["awslogs-region"], options["awslogs-group"]


def target(
    container: Container, family: str, account: str, region: str, task_id: str, runtime_id: str
) -> LogTarget:
    """Where the container's output goes: stream `<prefix>/<container>/<task id>`, without a prefix the

    container's runtime id (LogConfiguration).
    """
    name = container["name"]
    configured = container.get("logConfiguration", {})
    if configured.get("logDriver") != "awslogs":
        return LogTarget(account, region, _group(family), f"{DEFAULT_PREFIX}/{name}/{task_id}")
    options = configured["options"]
    prefix = options.get(STREAM_PREFIX, "")
    stream = f"{prefix}/{name}/{task_id}" if prefix else runtime_id
    return LogTarget(
        account, options["awslogs-region"], options["awslogs-group"], stream, _creates_group(options)
    )


@lru_cache(maxsize=4_096)
def _group(family: str) -> str:
    """The group of output that goes nowhere else: the same text for all tasks of a family."""
    return f"/ecs/{family}"


def delivery(container: Container, mode_default: str) -> LogOptions:
    """How output becomes events, and what if they cannot be sent; `mode_default` is the account's."""
    configured = container.get("logConfiguration")
    if configured is None:
        return LogOptions()
    options = configured.get("options", {})
    usual = mode_default if configured["logDriver"] == "awslogs" else "blocking"
    if options.get("mode", usual) == "blocking":
        return LogOptions(event_start(options))
    size = options.get("max-buffer-size")
    return LogOptions(
        event_start(options),
        blocking=False,
        buffer_bytes=BUFFER_BYTES_DEFAULT if size is None else _size(size) or 0,
    )


def event_start(options: Mapping[str, str]) -> str:
    """The expression that is found in the first line of each event; "" when every line is an event."""
    format = options.get("awslogs-datetime-format")
    return date_expression(format) if format else options.get("awslogs-multiline-pattern", "")


def date_expression(format: str) -> str:
    """A strftime format as an expression. What stands beside directives is expression already, as in Docker;

    a directive that it does not know is nothing.

    >>> date_expression("%H:%M")
    '(?:[01][0-9]|2[0-3]):[0-5][0-9]'
    """
    return _DIRECTIVE.sub(lambda found: _DATES.get(found[0][1], ""), format)


def _check_awslogs(options: Mapping[str, str]) -> None:
    if missing := [option for option in REQUIRED if not options.get(option)]:
        raise _refuse(f"Log driver awslogs requires options: {', '.join(missing)}")
    if unknown := sorted(set(options) - OPTIONS):
        raise _refuse(f"Log driver awslogs disallows options: {', '.join(unknown)}")
    if options.get("awslogs-create-group", "true") not in _TRUTHS:
        raise _refuse("Log driver awslogs: awslogs-create-group must be true or false.")
    if options.get("awslogs-datetime-format") and options.get("awslogs-multiline-pattern"):
        raise _refuse(
            "You cannot configure both the awslogs-datetime-format and awslogs-multiline-pattern options."
        )
    pattern = event_start(options)
    if pattern and (why := _pattern_fault(pattern)):
        raise _refuse(f'awslogs could not parse multiline pattern key "{pattern}": {why}')


def _check_delivery(options: Mapping[str, str]) -> None:
    if options.get("mode", MODE_DEFAULT) not in MODES:
        raise _refuse(f"Invalid log driver mode '{options['mode']}': it is one of {', '.join(MODES)}.")
    size = options.get("max-buffer-size")
    if size is not None and _size(size) is None:
        raise _refuse(f"Invalid max-buffer-size '{size}': a number with k, m or g, such as 25m.")


def _creates_group(options: Mapping[str, str]) -> bool:
    return _TRUTHS.get(options.get("awslogs-create-group", "false"), False)


def _size(text: str) -> int | None:
    """Bytes in "10m", "512k", "4096" (go-units, RAMInBytes); None for what is no size."""
    found = _SIZE.fullmatch(text)
    return None if found is None else int(found[1]) << 10 * _UNITS[found[2] and found[2].lower()]


def _pattern_fault(pattern: str) -> str:
    try:
        searcher(pattern)
    except BadRegex as error:
        return str(error)
    return ""


def _refuse(message: str) -> Fault:
    return Fault("ClientException", message)
