"""Asynchronous events, how functions want them handled, and what is still to be handed over: as rows.

Writers: AsyncEvent rows are put by Invoke, then belong to events.py, which turns each into its Letters and
deletes it in one transaction; letters belong to letters.py. EventInvokeConfig rows are the handlers'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table

LetterKind = Literal["destination", "dead_letter"]


@dataclass(frozen=True, slots=True)
class AsyncEvent:
    """An event of invocation type Event until it was handled. `id` is its request id on every attempt.

    `errors` counts function errors, `throttles` the refusals since the last of those, `invokes` how often
    the function ran.
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
    qualifier: str = ""
    """As the caller gave it: an alias chooses a version on every attempt."""
    trace_id: str = ""
    invokes: int = 0


@dataclass(frozen=True, slots=True)
class EventInvokeConfig:
    """How asynchronous events of a function's version or alias are handled; None stands for the default."""

    account: str
    region: str
    function: str
    uid: str
    """Of the function: one that is made again under its name begins without."""
    qualifier: str
    """"$LATEST", a version or an alias."""
    last_modified: Instant
    retries: int | None = None
    age_s: int | None = None
    on_success: str = ""
    on_failure: str = ""
    """ARNs; empty: none."""

    @property
    def key(self) -> tuple[str, str]:
        return (self.uid, self.qualifier)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be handed over to a destination or a dead-letter queue: one row each, until it is there."""

    id: str
    """The event's request id and the kind: made twice, it is the same row."""
    kind: LetterKind
    account: str
    region: str
    function: str
    target: str
    """ARN."""
    body: str
    written_at: Instant
    due_at: Instant
    role: str
    """ARN of the execution role, in whose name it is handed over."""
    function_arn: str
    """What the event was sent to, with its qualifier."""
    succeeded: bool = False
    request_id: str = ""
    error_status: int = 0
    error_message: str = ""
    attempts: int = 0


ASYNC_EVENTS: Table[AsyncEvent] = Table(name="lambda.event", row=AsyncEvent, key=lambda event: event.id)
EVENT_INVOKE_CONFIGS: Table[EventInvokeConfig] = Table(
    name="lambda.event_invoke_config",
    row=EventInvokeConfig,
    key=lambda config: config.key,
    indexes={"function": Index(of=lambda config: config.uid, order=lambda config: config.qualifier)},
)
LETTERS: Table[Letter] = Table(
    name="lambda.letter",
    row=Letter,
    key=lambda letter: letter.id,
    indexes={"due": Index(of=lambda letter: True, order=lambda letter: letter.due_at)},
)
EVENT_TABLES = (ASYNC_EVENTS, EVENT_INVOKE_CONFIGS, LETTERS)
