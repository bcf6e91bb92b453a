"""Event source mappings as rows.

Writers: handlers write what callers set and the states that a call leads to (Creating, Updating, Enabling,
Disabling, Deleting); sources/controller.py alone writes where those end (Enabled, Disabled, gone). What a
mapping is doing, and what came of its last batch, is in memory only.
"""

from __future__ import annotations

from dataclasses import dataclass

from windlass.aws.arn import Arn, arn, parse
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table

USER_INITIATED = "USER_INITIATED"
"""StateTransitionReason of every change that a caller asked for; others are not known here."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a mapping takes messages: what CreateEventSourceMapping and its update set."""

    batch_size: int = 10
    window_s: int = 0
    """Seconds to gather a batch; 0: what one receive gives."""
    concurrency_max: int | None = None
    """ScalingConfig.MaximumConcurrency: batches at once."""
    filters: tuple[str, ...] = ()
    """Patterns; a message that none matches is deleted. Empty: every message is wanted."""
    item_failures: bool = False
    """FunctionResponseTypes has ReportBatchItemFailures."""
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mapping:
    """One event source mapping. It may outlive its function and its queue."""

    uuid: str
    account: str
    region: str
    queue_arn: str
    function: str
    """The function's name; whether there is one is found out each time."""
    qualifier: str
    """A version or alias; empty for the function itself."""
    enabled: bool
    """What the caller wants; `state` is how far that is."""
    state: str
    rules: Rules
    last_modified: Instant
    """When the caller changed it last, or its state changed."""
    tags: tuple[tuple[str, str], ...] = ()
    reason: str = USER_INITIATED

    @property
    def arn(self) -> str:
        return arn("lambda", self.region, self.account, f"event-source-mapping:{self.uuid}")

    @property
    def function_arn(self) -> str:
        tail = f":{self.qualifier}" if self.qualifier else ""
        return arn("lambda", self.region, self.account, f"function:{self.function}{tail}")

    @property
    def function_key(self) -> tuple[str, str, str]:
        return (self.account, self.region, self.function)

    @property
    def queue(self) -> Arn:
        found = parse(self.queue_arn)
        assert found is not None, "checked when the mapping was created"
        return found

    @property
    def fifo(self) -> bool:
        return self.queue_arn.endswith(".fifo")


MAPPINGS: Table[Mapping] = Table(
    name="lambda.mapping",
    row=Mapping,
    key=lambda mapping: mapping.uuid,
    indexes={
        "scope": Index(of=lambda m: (m.account, m.region), order=lambda m: m.uuid),
        "queue": Index(of=lambda m: (m.account, m.region, m.queue_arn), order=lambda m: m.uuid),
        "function_arn": Index(of=lambda m: m.function_arn, order=lambda m: m.uuid),
        "pair": Index(of=lambda m: (m.function_arn, m.queue_arn), order=lambda m: m.uuid),
        "function": Index(of=lambda m: m.function_key),
    },
)
