"""Clock arithmetic, buckets, ids, chance, machines, journal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.bucket import PARTS, Rate, full, give_back, level, refill, take, take_up_to, wait_for
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, seconds
from windlass.kernel.faults import Bug
from windlass.kernel.ids import Ids
from windlass.kernel.journal import Journal
from windlass.kernel.machine import allows, diagram, move

RATE = Rate(burst=100, per_second=20)
LAMP = {("off", "press"): "on", ("on", "press"): "off"}


def test_a_full_bucket_gives_its_burst_then_its_rate() -> None:
    """100 at once, then 20 each second."""
    bucket, taken = take_up_to(full(RATE, 0), RATE, 1_000, 0)
    assert taken == 100
    bucket, taken = take_up_to(bucket, RATE, 1_000, SECOND)
    assert taken == 20
    assert wait_for(bucket, RATE, 1, SECOND) == SECOND // 20
    assert wait_for(bucket, RATE, 101, SECOND) is None


def test_take_is_all_or_nothing() -> None:
    bucket, ok = take(full(RATE, 0), RATE, 101, 0)
    assert not ok
    assert take(bucket, RATE, 100, 0)[1]


@given(st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(0, 30)), max_size=50))
def test_no_schedule_gets_more_than_burst_plus_rate(steps: list[tuple[int, int]]) -> None:
    """Whatever the caller does, at most burst + rate x time is given, and the level stays in its band."""
    now, given_out, bucket = 0, 0, full(RATE, 0)
    for passed, wanted in steps:
        now += passed
        bucket, taken = take_up_to(bucket, RATE, wanted, now)
        given_out += taken
        assert 0 <= bucket.parts <= RATE.burst * PARTS
        assert given_out * SECOND <= RATE.burst * SECOND + RATE.per_second * now


@given(st.integers(0, 200 * SECOND), st.integers(1, 100), st.integers(0, 10 * SECOND))
def test_wait_for_is_exact(level: int, count: int, now: int) -> None:
    """Waiting just that long is enough, one nanosecond less is not."""
    bucket, _ = take_up_to(full(RATE, now), RATE, level // SECOND, now)
    wait = wait_for(bucket, RATE, count, now)
    assert wait is not None
    assert take(bucket, RATE, count, now + wait)[1]
    assert wait == 0 or not take(bucket, RATE, count, now + wait - 1)[1]


def test_rates_per_minute_are_exact() -> None:
    """500 a minute, looked at each 10 s or each odd moment: 500 in a minute, not one less for rounding."""
    rate = Rate(burst=84, per_minute=500)
    for step in (10 * SECOND, 1_234_567_891):
        bucket, _ = take_up_to(full(rate, 0), rate, 84, 0)
        given, now = 0, 0
        while now < 6_000 * SECOND:
            now = min(now + step, 6_000 * SECOND)
            bucket, taken = take_up_to(bucket, rate, 84, now)
            given += taken
        assert given == 50_000


def test_what_is_given_back_is_there_again() -> None:
    """Up to the burst: a bucket never runs over."""
    bucket, _ = take(full(RATE, 0), RATE, 60, 0)
    assert level(give_back(bucket, RATE, 50, 0), RATE, 0) == 90
    assert level(give_back(bucket, RATE, 500, 0), RATE, 0) == 100


def test_a_clock_that_jumps_back_refills_nothing() -> None:
    bucket, _ = take_up_to(full(RATE, 10 * SECOND), RATE, 100, 10 * SECOND)
    assert refill(bucket, RATE, 5 * SECOND).parts == 0


def test_streams_are_independent_and_repeatable() -> None:
    one, two = Chance(7), Chance(7)
    two.stream("other").random()
    assert Ids(one.stream("ecs")).hex(32) == Ids(two.stream("ecs")).hex(32)
    assert one.secret(8) == Chance(7).secret(8)
    assert Chance().secret(8) != Chance().secret(8)


def test_ids_have_the_shapes_of_aws() -> None:
    ids = Ids(Chance(1).stream("x"))
    assert len(ids.hex(32)) == 32
    assert len(ids.digits(19)) == 19
    assert ids.uuid()[14] == "4"
    assert ids.upper(16).isalnum()


def test_unlisted_moves_are_bugs_with_a_story() -> None:
    assert move(LAMP, "off", "press") == "on"
    assert allows(LAMP, "on", "press")
    assert not allows(LAMP, "on", "kick")
    with pytest.raises(Bug, match="no move from 'on'") as caught:
        move(LAMP, "on", "kick", "lamp 1")
    assert caught.value.story == ("lamp 1",)
    assert "off --> on: press" in diagram(LAMP, "lamp")


def test_the_journal_keeps_the_newest() -> None:
    journal = Journal(lambda: 5, limit=3)
    heard: list[int] = []
    unfollow = journal.follow(lambda entry: heard.append(entry.number))
    for number in range(5):
        journal.note("test", f"s{number}", "did")
    unfollow()
    journal.note("test", "s5", "did")
    assert [entry.subject for entry in journal.since(0)] == ["s3", "s4", "s5"]
    assert [entry.subject for entry in journal.since(5)] == ["s5"]
    assert journal.since(6) == []
    assert heard == [1, 2, 3, 4, 5]


def test_seconds_are_exact() -> None:
    assert seconds(0.1) == 100_000_000
