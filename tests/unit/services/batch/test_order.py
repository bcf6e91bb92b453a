"""Which job starts next: tables of situations, and rules that hold in every one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.batch.order import Head, Plan, Queue, Start, in_order, plan
from windlass.services.batch.reasons import Room, Size
from windlass.services.batch.resource_model import Key
from windlass.services.batch.shares import Share, Shares, Used

VCPU = 1_024
ENOUGH = 1_000


@dataclass
class TheLines:
    """order.Heads out of lists: heads by (queue, share)."""

    lines: Mapping[tuple[Key, str], Sequence[Head]]

    def next(self, queue: Key, share: str, skipped: int) -> Head | None:
        line = self.lines.get((queue, share), ())
        return line[skipped] if skipped < len(line) else None


def key(name: str) -> Key:
    return ("1", "r", name)


def a_room(name: str = "ce", free: int | None = 16, cap: int | None = 16, **more: object) -> Room:
    """In vCPUs."""
    units = [None if vcpus is None else vcpus * VCPU for vcpus in (free, cap)]
    return replace(Room(name, units[0], units[1]), **more)  # type: ignore[arg-type]


def a_queue(
    name: str = "q", priority: int = 1, environments: str = "ce", shares: Shares | None = None
) -> Queue:
    return Queue(key(name), priority, tuple(environments.split()), shares)


def a_head(job_id: str = "job", vcpus: float = 1, count: int = 1, share: str = "") -> Head:
    return Head(job_id, share, int(vcpus * VCPU), 2_048, count=count)


def planned(
    queues: Sequence[Queue],
    rooms: Sequence[Room],
    lines: Mapping[str, Sequence[Head]],
    most: int = ENOUGH,
) -> Plan:
    """`lines` by name of the queue, of all of its shares."""
    return plan(queues, {room.environment: room for room in rooms}, the_lines(lines), 0, most)


def the_lines(lines: Mapping[str, Sequence[Head]]) -> TheLines:
    found: dict[tuple[Key, str], list[Head]] = defaultdict(list)
    for name, heads in lines.items():
        for head in heads:
            found[key(name), head.share].append(head)
    return TheLines(found)


class TestFirstInFirstOut:
    def test_nothing_queued(self) -> None:
        assert planned([a_queue()], [a_room()], {}) == Plan((), (), False)

    def test_an_array_starts_as_much_as_fits_in_one_go(self) -> None:
        found = planned([a_queue()], [a_room(free=10)], {"q": [a_head(vcpus=4, count=10_000)]})
        assert found.starts == (Start("job", "ce", 2),)
        assert [(one.job_id, one.reason) for one in found.blocked] == [("job", "")]
        assert found.blocked[0].sentence == ("2 of 16 vCPUs of environment ce are free; the job wants 4")

    def test_quarters_of_a_vcpu(self) -> None:
        found = planned([a_queue()], [a_room(free=1)], {"q": [a_head(vcpus=0.25, count=9)]})
        assert found.starts == (Start("job", "ce", 4),)

    def test_the_first_holds_back_those_behind_it(self) -> None:
        found = planned([a_queue()], [a_room(free=3)], {"q": [a_head("big", 4), a_head("small", 1)]})
        assert found.starts == ()
        assert [one.job_id for one in found.blocked] == ["big"]

    def test_the_next_environment_takes_what_the_first_cannot(self) -> None:
        rooms = [a_room("one", free=2), a_room("two", free=9)]
        found = planned([a_queue(environments="one two")], rooms, {"q": [a_head(count=5)]})
        assert found == Plan((Start("job", "one", 2), Start("job", "two", 3)), (), False)

    def test_a_closed_environment_is_passed_over(self) -> None:
        rooms = [a_room("one", open=False, why="DISABLED"), a_room("two", free=1)]
        found = planned([a_queue(environments="one two")], rooms, {"q": [a_head(count=2)]})
        assert found.starts == (Start("job", "two", 1),)
        assert found.blocked[0].sentence == (
            "environment one is DISABLED; 0 of 16 vCPUs of environment two are free; the job wants 1"
        )

    def test_an_environment_without_a_cap_takes_any_number(self) -> None:
        found = planned([a_queue()], [a_room(free=None, cap=None)], {"q": [a_head(count=700)]})
        assert found == Plan((Start("job", "ce", 700),), (), False)

    def test_no_more_than_asked_for_and_told_so(self) -> None:
        lines = {"q": [a_head("a", count=3), a_head("b")]}
        assert planned([a_queue()], [a_room()], lines, most=3) == Plan((Start("a", "ce", 3),), (), True)
        assert planned([a_queue()], [a_room()], lines, most=4).more is False

    def test_an_environment_that_is_gone_has_no_room(self) -> None:
        found = planned([a_queue(environments="gone")], [], {"q": [a_head()]})
        assert (found.starts, found.blocked[0].sentence) == ((), "its queue has no compute environment")


class TestPriorities:
    def test_the_queue_of_higher_priority_goes_first(self) -> None:
        queues = [a_queue("low", 1), a_queue("high", 10)]
        found = planned(queues, [a_room(free=3)], {"low": [a_head("l", 2)], "high": [a_head("h", 2)]})
        assert found.starts == (Start("h", "ce", 1),)
        assert [one.job_id for one in found.blocked] == ["l"]

    def test_what_it_leaves_goes_to_the_next_even_while_it_waits(self) -> None:
        queues = [a_queue("low", 1), a_queue("high", 10)]
        lines = {"low": [a_head("l", 1, count=9)], "high": [a_head("h", 4)]}
        found = planned(queues, [a_room(free=2)], lines)
        assert found.starts == (Start("l", "ce", 2),)
        assert [one.job_id for one in found.blocked] == ["h", "l"]

    def test_equal_priorities_go_by_name(self) -> None:
        lines = {"a": [a_head("a")], "b": [a_head("b")]}
        found = planned([a_queue("b"), a_queue("a")], [a_room(free=1)], lines)
        assert found.starts == (Start("a", "ce", 1),)


class TestFairShares:
    def test_equal_shares_alternate_in_one_pass(self) -> None:
        queue = a_queue(shares=shares(a_share("a"), a_share("b")))
        lines = {"q": [a_head("x", count=100, share="a"), a_head("y", count=100, share="b")]}
        found = planned([queue], [a_room(free=9)], lines)
        assert found.starts == (Start("x", "ce", 5), Start("y", "ce", 4))

    def test_half_the_weight_is_twice_the_room(self) -> None:
        queue = a_queue(shares=shares(a_share("a", weight=1), a_share("b", weight=0.5)))
        lines = {"q": [a_head("x", count=100, share="a"), a_head("y", count=100, share="b")]}
        found = planned([queue], [a_room(free=12)], lines)
        assert counted(found) == {"x": 4, "y": 8}

    def test_what_a_share_used_is_made_up_for(self) -> None:
        queue = a_queue(shares=shares(a_share("a", now=4), a_share("b")))
        lines = {"q": [a_head("x", count=100, share="a"), a_head("y", count=100, share="b")]}
        found = planned([queue], [a_room(free=6)], lines)
        assert counted(found) == {"x": 1, "y": 5}

    def test_a_job_that_can_never_run_holds_back_its_own_share_alone(self) -> None:
        queue = a_queue(shares=shares(a_share("a"), a_share("b")))
        lines = {"q": [a_head("x", 32, share="a"), a_head("y", count=2, share="b")]}
        found = planned([queue], [a_room()], lines)
        assert found.starts == (Start("y", "ce", 2),)
        assert [one.reason.partition(" ")[0] for one in found.blocked] == [
            "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"
        ]

    def test_a_job_that_waits_for_room_holds_back_the_queue(self) -> None:
        queue = a_queue(shares=shares(a_share("a"), a_share("b", now=1)))
        lines = {"q": [a_head("x", 8, share="a"), a_head("y", share="b")]}
        found = planned([queue], [a_room(free=7)], lines)
        assert found.starts == ()
        assert [one.job_id for one in found.blocked] == ["x"]

    def test_room_is_kept_for_shares_that_are_not_there_yet(self) -> None:
        queue = a_queue(shares=shares(a_share("a"), reservation=50))
        found = planned([queue], [a_room()], {"q": [a_head("x", count=100, share="a")]})
        assert found.starts == (Start("x", "ce", 8),)
        assert found.blocked[0].sentence == (
            "8 of 16 vCPUs of environment ce are free, 8 of the 16 kept for shares that are not active; "
            "the job wants 1"
        )

    def test_the_room_kept_shrinks_with_every_active_share(self) -> None:
        queue = a_queue(shares=shares(a_share("a"), a_share("b"), reservation=50))
        lines = {"q": [a_head("x", count=100, share="a"), a_head("y", count=100, share="b")]}
        assert counted(planned([queue], [a_room()], lines)) == {"x": 6, "y": 6}

    def test_keeping_room_never_keeps_a_job_waiting_for_ever(self) -> None:
        queue = a_queue(shares=shares(a_share("a"), reservation=99))
        found = planned([queue], [a_room()], {"q": [a_head("x", 16, share="a")]})
        assert found.starts == (Start("x", "ce", 1),)

    def test_a_share_without_work_passes_its_turn(self) -> None:
        queue = a_queue(shares=shares(a_share("a"), a_share("b")))
        found = planned([queue], [a_room()], {"q": [a_head("y", count=2, share="b")]})
        assert found == Plan((Start("y", "ce", 2),), (), False)


class TestInOrder:
    def test_a_line_as_it_stands(self) -> None:
        lines = the_lines({"q": [a_head("a", 99), a_head("b", count=300)]})
        assert in_order(a_queue(), lines, 0, 100) == (("a", 1), ("b", 99))

    def test_shares_in_turn(self) -> None:
        lines = the_lines({"q": [a_head("x", count=2, share="a"), a_head("y", count=2, share="b")]})
        queue = a_queue(shares=shares(a_share("a"), a_share("b")))
        assert in_order(queue, lines, 0, 100) == (("x", 1), ("y", 1), ("x", 1), ("y", 1))


def a_share(name: str, weight: float = 1.0, now: int = 0) -> Share:
    return Share(name, weight, Used(now=now * VCPU))


def shares(*waiting: Share, reservation: int = 0) -> Shares:
    return Shares(waiting, len(waiting), reservation=reservation)


def counted(found: Plan) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for start in found.starts:
        counts[start.job_id] += start.count
    return dict(counts)


@dataclass(frozen=True)
class Situation:
    queues: tuple[Queue, ...]
    rooms: tuple[Room, ...]
    lines: Mapping[str, Sequence[Head]]
    most: int

    def plan(self) -> Plan:
        return planned(self.queues, self.rooms, self.lines, self.most)


_ROOMS = {
    "v": [a_room("v", 3), a_room("v", 12, 12), a_room("v", None, None), a_room("v", 1, short="m5.large")],
    "w": [a_room("w", 8), a_room("w", 0, 4), a_room("w", open=False, why="INVALID"), a_room("w", 3)],
    "x": [a_room("x", 9, fits_ever=Size(2 * VCPU, 4_096)), a_room("x", 4, open=False, why="DISABLED")],
}
_ENVIRONMENTS = ["v", "w", "x", "v w", "w x", "x w v"]
_HEADS = st.lists(
    st.tuples(st.sampled_from([0.25, 1, 2, 5]), st.integers(1, 12), st.sampled_from("st")), max_size=4
)
_WEIGHT = st.sampled_from([0.25, 0.5, 1.0, 2.0])
_STANDING = st.one_of(st.none(), st.tuples(_WEIGHT, _WEIGHT, st.integers(0, 4), st.sampled_from([0, 50])))
_QUEUE = st.tuples(st.integers(0, 2), st.sampled_from(_ENVIRONMENTS), _STANDING, _HEADS)


def situation(
    rooms: tuple[Room, ...],
    queues: list[tuple[int, str, tuple[float, float, int, int] | None, list]],
    most: int,
) -> Situation:
    """Queues a, b, …; heads of a queue without shares have none either."""
    found, lines = [], {}
    for name, (priority, environments, standing, heads) in zip("abc", queues, strict=False):
        stands = None
        if standing is not None:
            s, t, now, reservation = standing
            stands = shares(a_share("s", s, now), a_share("t", t), reservation=reservation)
        found.append(a_queue(name, priority, environments, stands))
        lines[name] = [
            a_head(f"{name}{i}", vcpus, count, share if stands else "")
            for i, (vcpus, count, share) in enumerate(heads)
        ]
    return Situation(tuple(found), rooms, lines, most)


def situations() -> st.SearchStrategy[Situation]:
    rooms = st.tuples(*(st.sampled_from(rooms) for rooms in _ROOMS.values()))
    queues = st.lists(_QUEUE, min_size=1, max_size=3)
    return st.builds(situation, rooms, queues, st.sampled_from([1, 5, ENOUGH]))


def attempts(situation: Situation) -> dict[str, Head]:
    return {head.job_id: head for line in situation.lines.values() for head in line}


@given(situations())
def test_stays_below_every_cap_and_out_of_what_is_closed(situation: Situation) -> None:
    """Nothing is placed where it may not be, and never more than is free, or queued, or asked for."""
    heads, rooms = attempts(situation), {room.environment: room for room in situation.rooms}
    found = situation.plan()
    used: Counter[str] = Counter()
    for start in found.starts:
        room = rooms[start.environment]
        assert room.open
        assert room.fits_ever is None or heads[start.job_id].size.within(room.fits_ever)
        used[start.environment] += start.count * heads[start.job_id].cpu_units
    assert all(
        rooms[name].free_cpu_units is None or units <= rooms[name].free_cpu_units
        for name, units in used.items()
    )
    counts = counted(found)
    assert all(0 < count <= heads[job_id].count for job_id, count in counts.items())
    assert sum(counts.values()) <= situation.most
    assert situation.plan() == found, "the same situation is planned alike"


@given(situations())
def test_nobody_is_overtaken_in_a_line(situation: Situation) -> None:
    """A job starts only if all of what stands before it in its line does."""
    counts = counted(situation.plan())
    for heads in situation.lines.values():
        for share in {head.share for head in heads}:
            line = [head for head in heads if head.share == share]
            for before, after in pairwise(line):
                assert after.job_id not in counts or counts.get(before.job_id) == before.count


@given(situations())
def test_what_does_not_start_is_accounted_for(situation: Situation) -> None:
    """A queue that starts less than it has says why, or the plan says that there is more to do."""
    found = situation.plan()
    counts, told = counted(found), {one.queue for one in found.blocked}
    for queue in situation.queues:
        left = [h for h in situation.lines[queue.key[2]] if counts.get(h.job_id, 0) < h.count]
        assert not left or queue.key in told or found.more
    for one in found.blocked:
        assert one.sentence
        assert counts.get(one.job_id, 0) < attempts(situation)[one.job_id].count


@given(situations())
def test_a_queue_takes_nothing_from_one_of_higher_priority(situation: Situation) -> None:
    """The plan of the first queue is what it would be alone."""
    first = min(situation.queues, key=lambda queue: (-queue.priority, queue.key))
    alone = replace(situation, queues=(first,)).plan()
    own = {head.job_id for head in situation.lines[first.key[2]]}
    assert tuple(start for start in situation.plan().starts if start.job_id in own) == alone.starts


@given(situations())
def test_settles(situation: Situation) -> None:
    """Planned again and again, each time with what was started taken away, it comes to an end."""
    now = replace(situation, most=ENOUGH)
    found = now.plan()
    assert not found.more
    again = _carried_out(now, found).plan()
    held = {one.queue for one in found.blocked}
    assert not again.starts or any(queue.shares is not None for queue in now.queues), (
        "all was started at once"
    )
    assert {one.queue for one in again.blocked} == held


@given(situations())
def test_small_steps_come_to_the_same_as_one(situation: Situation) -> None:
    """However few attempts a plan may have, in the end as many have started in every line without shares."""
    fifo = replace(situation, queues=tuple(replace(queue, shares=None) for queue in situation.queues))
    lines = {name: [replace(h, share="") for h in heads] for name, heads in situation.lines.items()}
    at_once = counted(replace(fifo, lines=lines, most=ENOUGH).plan())
    step, total = replace(fifo, lines=lines, most=5), Counter[str]()
    while found := step.plan():
        total.update(counted(found))
        if not found.more:
            break
        step = _carried_out(step, found)
    assert dict(total) == at_once


@given(st.integers(1, 60), st.lists(_WEIGHT, min_size=2, max_size=5))
def test_shares_come_out_by_weight_as_if_started_one_by_one(free: int, weights: list[float]) -> None:
    """The bulk step of a share is exactly the starts that it would get one at a time."""
    names = [f"s{i}" for i in range(len(weights))]
    queue = a_queue(shares=shares(*(a_share(n, w) for n, w in zip(names, weights, strict=True))))
    lines = {"q": [a_head(n, count=100, share=n) for n in names]}
    bulk = counted(planned([queue], [a_room(free=free, cap=free)], lines))
    single: Counter[str] = Counter()
    for _ in range(free):
        weighted = [(w * single[n], n) for n, w in zip(names, weights, strict=True)]
        single[min(weighted)[1]] += 1
    assert bulk == dict(single)


def _carried_out(situation: Situation, found: Plan) -> Situation:
    heads, counts = attempts(situation), counted(found)
    used: Counter[str] = Counter()
    for start in found.starts:
        used[start.environment] += start.count * heads[start.job_id].cpu_units
    rooms = tuple(
        room
        if room.free_cpu_units is None
        else replace(room, free_cpu_units=room.free_cpu_units - used[room.environment])
        for room in situation.rooms
    )
    lines = {
        name: [
            replace(head, count=head.count - counts.get(head.job_id, 0))
            for head in line
            if head.count > counts.get(head.job_id, 0)
        ]
        for name, line in situation.lines.items()
    }
    return replace(situation, rooms=rooms, lines=lines)


@pytest.mark.parametrize("queued", [5, 5_000])
def test_only_heads_are_read(queued: int) -> None:
    """What stands behind the first that does not fit is not looked at."""

    class Counting(TheLines):
        read = 0

        def next(self, queue: Key, share: str, skipped: int) -> Head | None:
            self.read += 1
            return super().next(queue, share, skipped)

    lines = Counting({(key("q"), ""): [a_head(str(i)) for i in range(queued)]})
    assert plan([a_queue()], {"ce": a_room(free=3)}, lines, 0, ENOUGH).starts[-1] == Start("2", "ce", 1)
    assert lines.read == 4
