"""Functions, their environments and their queued events as rows.

Writers: handlers write `Function.wanted` and all that callers set; controller.py alone writes `served`,
`state` and `update_status`. Environment rows are written with their Unit by environments.py and deleted with
it by controller.py. AsyncEvent rows are put by Invoke, then belong to events.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from windlass.aws.arn import arn
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table

LATEST = "$LATEST"


@dataclass(frozen=True, slots=True)
class Settings:
    """Code and configuration of $LATEST: what an update replaces as a whole."""

    role: str
    handler: str
    runtime: str
    code_sha256: str
    """Lower-case hex; also the blob's name."""
    code_size: int
    description: str = ""
    timeout_s: int = 3
    memory_mib: int = 128
    environment: tuple[tuple[str, str], ...] = ()
    architecture: str = "x86_64"
    ephemeral_mib: int = 512
    tracing: str = "PassThrough"
    log_group: str = ""
    """Empty: /aws/lambda/NAME."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `wanted` is what callers see, `served` what runs: they differ while an update is on.

    `uid` tells a function from a later one of the same name; `generation` counts the values of `wanted`.
    """

    account: str
    region: str
    name: str
    uid: str
    wanted: Settings
    generation: int
    created_at: Instant
    last_modified: Instant
    revision_id: str
    served: Settings | None = None
    served_generation: int = 0
    state: Literal["Pending", "Active"] = "Pending"
    update_status: Literal["", "InProgress", "Successful"] = ""
    reserved: int | None = None
    tags: tuple[tuple[str, str], ...] = ()
    policy: tuple[tuple[str, str], ...] = ()
    """(statement id, statement as JSON), in the order they were added."""

    @property
    def arn(self) -> str:
        return arn("lambda", self.region, self.account, f"function:{self.name}")

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.name)

    @property
    def changing(self) -> bool:
        """Whether the controller has something to take over into `served`."""
        return self.state == "Pending" or self.update_status == "InProgress"


@dataclass(frozen=True, slots=True)
class Environment:
    """One execution environment: the unit that is it, and what it was made from."""

    unit_id: str
    uid: str
    generation: int
    endpoint: str
    """AWS_ENDPOINT_URL in it: after a restart on another port it is of no more use."""
    created_at: Instant
    access_key: str = ""
    """Of the execution role's session that was made for it; ends with it."""


@dataclass(frozen=True, slots=True)
class AsyncEvent:
    """An event of invocation type Event until it was handled. `id` is its request id on every attempt.

    `errors` counts function errors, `throttles` the refusals since the last of those.
    """

    id: str
    account: str
    region: str
    function: str
    payload: bytes
    client_context: str
    received_at: Instant
    due_at: Instant
    errors: int = 0
    throttles: int = 0


FUNCTIONS: Table[Function] = Table(
    name="lambda.function",
    row=Function,
    key=lambda function: function.key,
    indexes={
        "scope": Index(of=lambda f: (f.account, f.region), order=lambda f: f.name),
        "changing": Index(of=lambda f: True if f.changing else None),
        "uid": Index(of=lambda f: f.uid),
        "reserved": Index(of=lambda f: (f.account, f.region) if f.reserved is not None else None),
    },
)
ENVIRONMENTS: Table[Environment] = Table(
    name="lambda.environment",
    row=Environment,
    key=lambda environment: environment.unit_id,
    indexes={"uid": Index(of=lambda environment: environment.uid)},
)
ASYNC_EVENTS: Table[AsyncEvent] = Table(name="lambda.event", row=AsyncEvent, key=lambda event: event.id)
TABLES = (FUNCTIONS, ENVIRONMENTS, ASYNC_EVENTS)
