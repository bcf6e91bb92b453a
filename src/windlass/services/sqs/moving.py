"""Message move tasks: back from a dead-letter queue, as fast as the task allows.

`plan` decides how many messages a task may move now and whether it has ended; the loop applies it in
transactions of MOVED_PER_PASS messages. All of a task that matters is its row, so a restart goes on where
the last transaction ended; only the level of its bucket is lost, worth a burst of a tenth of a second.
Known gap: AWS's automatic rate adapts itself; ours is the maximum, MOVE_RATE_MAX.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from windlass.kernel.bucket import Bucket, Rate, full, give_back, take_up_to, wait_for
from windlass.kernel.clock import SECOND, Duration, Instant
from windlass.kernel.ids import Ids
from windlass.kernel.reconcile import Loop
from windlass.kernel.store import Transaction
from windlass.services.plane import Plane
from windlass.services.sqs import contents
from windlass.services.sqs.limits import MOVE_RATE_MAX, MOVE_TASK_TIME_MAX
from windlass.services.sqs.model import MOVE_TASKS, QUEUES, MoveStatus, MoveTask, Queue, queue_key_of
from windlass.services.sqs.queue import redriven

MOVED_PER_PASS = 100
"""Messages of one task in one transaction."""
PERIOD: Duration = 30 * SECOND
NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
NO_SOURCE = "CouldNotDetermineMessageSource"


@dataclass(frozen=True, slots=True)
class End:
    """The task is over: its last status and, if it failed, why."""

    status: MoveStatus
    failure: str = ""


def plan(task: MoveTask, source: Queue | None, target: Queue | None, now: Instant) -> End | None:
    """Whether the task ends before it moves anything more; None when it goes on."""
    if task.status == "CANCELLING":
        return End("CANCELLED")
    if source is None or (task.destination_arn and target is None):
        return End("FAILED", NO_QUEUE)
    if now >= task.started_at + MOVE_TASK_TIME_MAX:
        return End("FAILED", "The task ran for its maximum of 36 hours.")
    return None


def rate(task: MoveTask) -> Rate:
    """Its messages per second, in bursts of a tenth of a second."""
    per_second = task.per_second or MOVE_RATE_MAX
    return Rate(burst=max(1, per_second // 10), per_second=per_second)


class Moving:
    """The loop; `wake()` it when a task was started or cancelled."""

    def __init__(self, plane: Plane, sequences: contents.Sequences) -> None:
        self._store = plane.store
        self._journal = plane.journal
        self._sequences = sequences
        self._ids = Ids(plane.chance.stream("sqs.moving"))
        self._levels: dict[str, Bucket] = {}
        self._loop = Loop("sqs.moving", plane.clock, plane.journal, self._pass, period=PERIOD)
        plane.spawn.start("sqs.moving", self._loop.run())

    def wake(self) -> None:
        self._loop.wake()

    async def _pass(self, now: Instant, keys: frozenset[Hashable]) -> Instant | None:
        again: Instant | None = None
        tasks = self._store[MOVE_TASKS]
        for task in [task for account in tasks.values("active") for task in tasks.by("active", account)]:
            with self._store.transact() as tx:
                at = self._advance(tx, task, now)
            again = at if again is None or (at is not None and at < again) else again
        return again

    def _advance(self, tx: Transaction, task: MoveTask, now: Instant) -> Instant | None:
        """One step of one task; returns when it may take the next."""
        source = _queue(tx, task.source_arn)
        ended = plan(task, source, _queue(tx, task.destination_arn), now)
        if ended is None:
            assert source is not None
            level, allowed = self._allowance(task, now)
            messages = contents.visible(tx, source, allowed, now) if allowed else []
            moved = 0
            for message in messages:
                target = _queue(tx, task.destination_arn or message.content.source_arn)
                if target is None or target.fifo != source.fifo:
                    ended = End("FAILED", NO_QUEUE if message.content.source_arn else NO_SOURCE)
                    break
                number = self._sequences.next(target.id, now)
                contents.append(tx, redriven(message, target, number, self._ids.uuid(), now))
                contents.remove(tx, message)
                moved += 1
            task = replace(task, moved=task.moved + moved)
            unused = give_back(level, rate(task), allowed - moved, now)
            self._levels[task.id] = unused
            if ended is None and allowed and not messages:
                ended = End("COMPLETED")
            if ended is None:
                tx[MOVE_TASKS].put(task)
                return now + (wait_for(unused, rate(task), 1, now) or 0)
        tx[MOVE_TASKS].put(replace(task, status=ended.status, failure=ended.failure))
        self._levels.pop(task.id, None)
        self._journal.note("sqs", task.source_arn, f"move task {ended.status}", ended.failure)
        return None

    def _allowance(self, task: MoveTask, now: Instant) -> tuple[Bucket, int]:
        level = self._levels.get(task.id) or full(rate(task), now)
        return take_up_to(level, rate(task), MOVED_PER_PASS, now)


def _queue(tx: Transaction, arn: str) -> Queue | None:
    key = queue_key_of(arn) if arn else None
    return None if key is None else tx[QUEUES].get(key)
