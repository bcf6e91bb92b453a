"""SQS rows: queues, their messages, and what FIFO queues remember.

A queue's content hangs on `Queue.id`, not on its name: PurgeQueue draws a new id, DeleteQueue drops the
queue, and expiry.py sweeps what no queue claims any more. So both cost the same for one message or a million.

Writers: handlers write queues and messages; moving.py writes `MoveTask.status`, except that
CancelMessageMoveTask writes CANCELLING; expiry.py only deletes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from windlass.aws.arn import parse
from windlass.kernel.clock import Instant
from windlass.kernel.store import Index, Table

QueueKey: TypeAlias = tuple[str, str, str]
"""(account, region, name)."""

SEQUENCE_BASE = 10**19
"""Added to a message's number, so that sequence numbers have AWS's 20 digits."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue and its attributes; defaults are AWS's (API CreateQueue)."""

    account: str
    region: str
    name: str
    id: str
    created_at: Instant
    modified_at: Instant
    fifo: bool = False
    visibility_s: int = 30
    delay_s: int = 0
    wait_s: int = 0
    message_bytes_max: int = 1_048_576
    retention_s: int = 345_600
    content_dedup: bool = False
    dedup_scope: str = "queue"
    throughput_limit: str = "perQueue"
    policy: str = ""
    kms_key: str = ""
    kms_reuse_s: int = 300
    managed_sse: bool = True
    redrive_policy: str = ""
    """As sent; `dead_letter_arn` and `receives_max` are what it says."""
    dead_letter_arn: str = ""
    receives_max: int = 0
    redrive_allow_policy: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    purged_at: Instant = 0

    @property
    def key(self) -> QueueKey:
        return (self.account, self.region, self.name)

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{self.region}:{self.account}:{self.name}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A message attribute: either `text` (String, Number) or `data` (Binary) is set."""

    name: str
    type: str
    text: str | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What a sender gave: the part of a message that receiving it does not change."""

    id: str
    body: str
    sent_at: Instant
    sender: str
    attributes: tuple[Attribute, ...] = ()
    trace: str = ""
    group_id: str = ""
    dedup_id: str = ""
    source_arn: str = ""
    """The queue it came from, on a message in a dead-letter queue."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a queue. Hidden until `visible_at`: delayed before the first receive, in flight after."""

    queue: str
    """`Queue.id`."""
    number: int
    """Rises within the queue; orders a FIFO group."""
    content: Content
    visible_at: Instant
    group: str = ""
    """The FIFO group; empty in a standard queue, where `content.group_id` is only a tenant's name."""
    receives: int = 0
    first_received_at: Instant = 0
    received_at: Instant = 0


@dataclass(frozen=True, slots=True)
class Group:
    """A FIFO group that holds messages: when its head is visible. Derived; rebuilt at start."""

    queue: str
    group: str
    ready_at: Instant
    head: int


@dataclass(frozen=True, slots=True)
class Dedup:
    """A deduplication id in its five minutes; survives the message."""

    queue: str
    scope: str
    """The group with DeduplicationScope messageGroup, else empty."""
    id: str
    message_id: str
    number: int
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a ReceiveRequestAttemptId was given: (number, receives) of each message."""

    queue: str
    id: str
    handed: tuple[tuple[int, int], ...]
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class DeletedQueue:
    """A name that may not be used again yet."""

    account: str
    region: str
    name: str
    deleted_at: Instant


MoveStatus: TypeAlias = Literal["RUNNING", "COMPLETED", "CANCELLING", "CANCELLED", "FAILED"]


@dataclass(frozen=True, slots=True)
class MoveTask:
    """A message move task. `destination_arn` empty: back to where each message came from."""

    id: str
    source_arn: str
    destination_arn: str
    per_second: int
    """Messages per second; 0 leaves it to us."""
    started_at: Instant
    to_move: int
    moved: int = 0
    status: MoveStatus = "RUNNING"
    failure: str = ""

    @property
    def active(self) -> bool:
        return self.status in ("RUNNING", "CANCELLING")


def queue_key_of(arn: str) -> QueueKey | None:
    """`arn:aws:sqs:eu-west-1:123456789012:jobs` → ("123456789012", "eu-west-1", "jobs"), or None."""
    parts = parse(arn)
    if parts is None or parts.service != "sqs" or not parts.account or not parts.region:
        return None
    return (parts.account, parts.region, parts.resource)


def queue_account(task: MoveTask) -> str | None:
    key = queue_key_of(task.source_arn)
    return None if key is None else key[0]


def sequence_number(number: int) -> str:
    return str(SEQUENCE_BASE + number)


QUEUES: Table[Queue] = Table(
    name="sqs.queue",
    row=Queue,
    key=lambda queue: queue.key,
    indexes={
        "scope": Index(of=lambda queue: (queue.account, queue.region), order=lambda queue: queue.name),
        "id": Index(of=lambda queue: queue.id),
        "dead_letter": Index(of=lambda queue: queue.dead_letter_arn or None, order=lambda queue: queue.name),
    },
)
MESSAGES: Table[Message] = Table(
    name="sqs.message",
    row=Message,
    key=lambda message: (message.queue, message.number),
    indexes={
        "due": Index(
            of=lambda message: (message.queue, message.receives > 0), order=lambda message: message.visible_at
        ),
        "sent": Index(of=lambda message: message.queue, order=lambda message: message.content.sent_at),
        "group": Index(
            of=lambda message: (message.queue, message.group) if message.group else None,
            order=lambda message: message.number,
        ),
    },
)
GROUPS: Table[Group] = Table(
    name="sqs.group",
    row=Group,
    key=lambda group: (group.queue, group.group),
    indexes={"ready": Index(of=lambda group: group.queue, order=lambda group: (group.ready_at, group.head))},
    durable=False,
)
DEDUPS: Table[Dedup] = Table(
    name="sqs.dedup",
    row=Dedup,
    key=lambda dedup: (dedup.queue, dedup.scope, dedup.id),
    indexes={"expiry": Index(of=lambda dedup: True, order=lambda dedup: dedup.expires_at)},
)
ATTEMPTS: Table[Attempt] = Table(
    name="sqs.attempt",
    row=Attempt,
    key=lambda attempt: (attempt.queue, attempt.id),
    indexes={"expiry": Index(of=lambda attempt: True, order=lambda attempt: attempt.expires_at)},
)
DELETED_QUEUES: Table[DeletedQueue] = Table(
    name="sqs.deleted_queue",
    row=DeletedQueue,
    key=lambda deleted: (deleted.account, deleted.region, deleted.name),
    indexes={"deleted": Index(of=lambda deleted: True, order=lambda deleted: deleted.deleted_at)},
)
MOVE_TASKS: Table[MoveTask] = Table(
    name="sqs.move_task",
    row=MoveTask,
    key=lambda task: task.id,
    indexes={
        "source": Index(of=lambda task: task.source_arn, order=lambda task: -task.started_at),
        "active": Index(of=lambda task: queue_account(task) if task.active else None),
    },
)
TABLES = (QUEUES, MESSAGES, GROUPS, DEDUPS, ATTEMPTS, DELETED_QUEUES, MOVE_TASKS)
