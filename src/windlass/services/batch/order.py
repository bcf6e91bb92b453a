"""Which jobs start next, and in which compute environments. Pure.

Queues go by descending priority, environments in the order that their queue gives. The first job of a queue
holds back all behind it, and nothing else: what it leaves, queues of lower priority may take, also when it
waits for more room than is free (AWS: queues "are evaluated first", not reserved for; docs/decisions/0038).
In a fair-share queue the shares take turns (shares.py), and the share whose turn it is holds back the others
too, unless its job can never run.

The cost of a decision does not depend on how many jobs are queued: `Heads` gives the first of a line, and
children of one array start together. What may run at all, and who is behind whom within a line, is decided
elsewhere: in the order of the index "line" of the jobs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from windlass.kernel.clock import Instant
from windlass.kernel.rows import replace
from windlass.services.batch import reasons
from windlass.services.batch.reasons import Room, Size
from windlass.services.batch.resource_model import Key
from windlass.services.batch.shares import Order, Shares

_ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Head:
    """The first of a line: `count` attempts of one size, of a single job or an array's children."""

    job_id: str
    share: str
    cpu_units: int
    """Of one attempt; 1,024 a vCPU. At least 1."""
    memory_mib: int = 0
    gpus: int = 0
    count: int = 1

    @property
    def size(self) -> Size:
        return Size(self.cpu_units, self.memory_mib, self.gpus)


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue. `shares` is None for first in, first out."""

    key: Key
    priority: int
    environments: tuple[str, ...]
    shares: Shares | None = None


class Heads(Protocol):
    """The lines of jobs, as they stood before the plan."""

    def next(self, queue: Key, share: str, skipped: int) -> Head | None:
        """The head behind the first `skipped` ones of a line; `share` is "" for a queue without shares."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start the next `count` attempts of a job there."""

    job_id: str
    environment: str
    count: int


@dataclass(frozen=True, slots=True)
class Blocked:
    """The first job of a queue, or of a share, does not start; reasons.py words why."""

    queue: Key
    job_id: str
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`more`: there was not enough `most`; plan again when this is done."""

    starts: tuple[Start, ...]
    blocked: tuple[Blocked, ...]
    more: bool


def plan(queues: Sequence[Queue], rooms: Mapping[str, Room], heads: Heads, now: Instant, most: int) -> Plan:
    """What to start, at most `most` attempts, and why what is first does not.

    Two free vCPUs, a queue of priority 10 with a 4-vCPU job, one of priority 1 with an array of 1-vCPU
    children → start two of the children; the 4-vCPU job is blocked: "2 of 16 vCPUs of …".
    """
    draft = _Draft(rooms, {name: room.free_cpu_units for name, room in rooms.items()}, heads, most)
    for queue in sorted(queues, key=lambda queue: (-queue.priority, queue.key)):
        draft.serve(queue, now)
    starts = tuple(Start(*place, count) for place, count in draft.starts.items())
    return Plan(starts, tuple(draft.blocked), draft.more)


def in_order(queue: Queue, heads: Heads, now: Instant, most: int) -> tuple[tuple[str, int], ...]:
    """The first `most` attempts of a queue in the order in which they would start: (job id, how many).

    As if there were all the room in the world; a job can come up several times, in turn with others.
    """
    draft = _Draft({_ANYWHERE: Room(_ANYWHERE, None, None)}, {_ANYWHERE: None}, heads, most)
    draft.serve(Queue(queue.key, queue.priority, (_ANYWHERE,), queue.shares), now)
    return tuple(draft.turns)


@dataclass(slots=True)
class _Line:
    """How far a plan is in one line."""

    heads: Heads
    queue: Key
    share: str
    skipped: int = 0
    taken: int = 0
    """Of the head."""
    _head: Head | None = None

    def head(self) -> Head | None:
        if self._head is None:
            self._head = self.heads.next(self.queue, self.share, self.skipped)
        return self._head

    def left(self, head: Head) -> int:
        return head.count - self.taken

    def took(self, head: Head, count: int) -> None:
        self.taken += count
        if self.taken >= head.count:
            self.skipped, self.taken, self._head = self.skipped + 1, 0, None


@dataclass(slots=True)
class _Draft:
    """A plan in the making: what is free shrinks as attempts are given a place."""

    rooms: Mapping[str, Room]
    free: dict[str, int | None]
    heads: Heads
    left: int
    starts: dict[tuple[str, str], int] = field(default_factory=dict)
    turns: list[tuple[str, int]] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)
    more: bool = False

    def serve(self, queue: Queue, now: Instant) -> None:
        if queue.shares is None:
            self._serve_line(queue)
        else:
            self._serve_shares(queue, queue.shares, now)

    def _serve_line(self, queue: Queue) -> None:
        line = _Line(self.heads, queue.key, "")
        while (head := line.head()) is not None:
            wanted = line.left(head)
            count = self._place(queue, head, wanted)
            line.took(head, count)
            if count < wanted:
                self._stopped(queue, head)
                return

    def _serve_shares(self, queue: Queue, shares: Shares, now: Instant) -> None:
        order = Order(shares, now)
        lines: dict[str, _Line] = {}
        while (share := order.first()) is not None:
            line = lines.get(share) or lines.setdefault(share, _Line(self.heads, queue.key, share))
            head = line.head()
            if head is None:
                order.drop()
                continue
            wanted = min(line.left(head), order.starts(head.cpu_units))
            count = self._place(queue, head, wanted)
            line.took(head, count)
            if count:
                order.took(count * head.cpu_units)
            if count < wanted:
                if not self._stopped(queue, head):
                    return
                order.drop()

    def _place(self, queue: Queue, head: Head, wanted: int) -> int:
        """Give up to `wanted` attempts of the head a place; how many got one."""
        placed = 0
        for name in queue.environments:
            room = self.rooms.get(name)
            if room is None:
                continue
            fit = self._fit(queue, head, room)
            count = min(wanted - placed, self.left, wanted if fit is None else fit)
            if count <= 0:
                continue
            placed += count
            self.left -= count
            key = (head.job_id, name)
            self.starts[key] = self.starts.get(key, 0) + count
            free = self.free[name]
            if free is not None:
                self.free[name] = free - count * head.cpu_units
        if placed:
            self.turns.append((head.job_id, placed))
        return placed

    def _fit(self, queue: Queue, head: Head, room: Room) -> int | None:
        """How many attempts of the head fit in there; None: any number."""
        if not room.open or not reasons.can_ever(head.size, room):
            return 0
        free = self.free[room.environment]
        return None if free is None else max(0, free - _kept(queue, head, room)) // head.cpu_units

    def _stopped(self, queue: Queue, head: Head) -> bool:
        """The head did not get all it wanted; whether that is for ever."""
        if not self.left:
            self.more = True
            return False
        rooms = [
            replace(self.rooms[name], free_cpu_units=self.free[name])
            for name in queue.environments
            if name in self.rooms
        ]
        held = reasons.why(head.size, rooms, [_kept(queue, head, room) for room in rooms])
        self.blocked.append(Blocked(queue.key, head.job_id, held.reason, held.sentence))
        return held.for_ever


def _kept(queue: Queue, head: Head, room: Room) -> int:
    if queue.shares is None or room.cap_cpu_units is None:
        return 0
    return queue.shares.kept(room.cap_cpu_units, head.cpu_units)
