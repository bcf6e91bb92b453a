"""Services that keep failing: pauses that double, what counts, what forgives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.quotas import Quotas, load_profile
from windlass.kernel.clock import MINUTE, SECOND, Duration, Instant, in_seconds
from windlass.services.ecs import backoff
from windlass.services.ecs.backoff import (
    NONE,
    Backoff,
    Ended,
    Policy,
    after_failure,
    after_success,
    failed,
    impaired,
    succeeds_at,
)
from windlass.services.ecs.launch_rates import backoff_policy

STRICT = Policy(first=10 * SECOND, cap=15 * MINUTE, steady=40 * SECOND, counts_crashes=True)
LENIENT = Policy(first=10 * SECOND, cap=27 * MINUTE, steady=40 * SECOND, counts_crashes=False)


def never_ran(started_at: Instant, stopped_at: Instant | None = None) -> Ended:
    return Ended(started_at, started_at + SECOND if stopped_at is None else stopped_at)


def pauses(policy: Policy, attempts: int) -> list[float]:
    """What a service waits that tries again as soon as it may, and fails each time."""
    state, now, waited = NONE, 0, []
    for _ in range(attempts):
        now = max(now, state.until)
        state = after_failure(state, never_ran(now), policy, now)
        waited.append(in_seconds(state.until - now))
    return waited


def test_pauses_double_up_to_the_cap_of_2022() -> None:
    assert pauses(STRICT, 9) == [10, 20, 40, 80, 160, 320, 640, 900, 900]


def test_the_cap_of_today_is_27_minutes() -> None:
    assert pauses(LENIENT, 10)[-2:] == [1620, 1620]


def test_a_clock_that_was_set_back_meanwhile() -> None:
    """The next pause is counted from what the clock says now; that of before was over."""
    state = after_failure(NONE, never_ran(0), STRICT, 0)
    state = after_failure(state, never_ran(state.until, 0), STRICT, -MINUTE)
    assert (state.failures, state.until) == (2, 20 * SECOND - MINUTE)


def test_profiles() -> None:
    """Their figures, and the switch of facts/ecs.md 7.5."""
    local, old, new = (backoff_policy(Quotas(load_profile(name))) for name in ("local", "aws-2022", "aws"))
    assert (old.cap, old.counts_crashes) == (15 * MINUTE, True)
    assert (new.cap, new.counts_crashes) == (27 * MINUTE, False)
    assert local.counts_crashes
    assert pauses(local, 7) == [0.5, 1, 2, 4, 8, 10, 10]


def test_without_a_figure_nothing_is_slowed_down() -> None:
    assert after_failure(NONE, never_ran(0), Policy(0, 0, 0, True), 0) == NONE


def test_all_tasks_of_one_attempt_are_one_failure() -> None:
    """1. A hundred tasks fail one after the other: one pause. 2. One of the next attempt: twice as long."""
    state = NONE
    for number in range(100):
        state = after_failure(state, never_ran(0, number), STRICT, number)
    assert state == Backoff(1, 10 * SECOND)
    state = after_failure(state, never_ran(state.until), STRICT, state.until + SECOND)
    assert state == Backoff(2, 31 * SECOND)


@pytest.mark.parametrize(
    ("ended", "strict", "lenient"),
    [
        (Ended(0, 5 * SECOND), True, True),
        (Ended(0, 20 * SECOND, running_at=10 * SECOND), True, False),
        (Ended(0, 50 * SECOND, running_at=10 * SECOND), False, False),
        (Ended(0, 500 * SECOND, running_at=10 * SECOND, unhealthy=True), True, False),
    ],
    ids=["never ran", "crashed soon", "crashed later", "unhealthy"],
)
def test_what_counts_as_a_failure(ended: Ended, strict: bool, lenient: bool) -> None:
    """Seed 003 counts crashes and failed health checks, the ECS Developer Guide does not."""
    assert (failed(ended, STRICT), failed(ended, LENIENT)) == (strict, lenient)


def test_a_task_that_stays_up_forgives_all() -> None:
    state = Backoff(5, 100 * SECOND)
    running_at = 101 * SECOND
    assert after_success(state, 100 * SECOND, running_at, STRICT, 140 * SECOND) == state
    assert succeeds_at(running_at, STRICT) == 141 * SECOND
    assert after_success(state, 100 * SECOND, running_at, STRICT, 141 * SECOND) == NONE
    assert after_success(state, 100 * SECOND, running_at, LENIENT, running_at) == NONE


def test_a_task_of_an_earlier_attempt_forgives_nothing() -> None:
    state = Backoff(5, 100 * SECOND)
    assert after_success(state, 99 * SECOND, 99 * SECOND, STRICT, 1_000 * SECOND) == state


def test_a_new_revision_or_a_forced_deployment_starts_afresh() -> None:
    assert backoff.reset() == NONE


def test_it_is_told_from_the_second_failure_on() -> None:
    first, second = Backoff(1, 0), Backoff(2, 0)
    assert not impaired(NONE, first)
    assert impaired(first, second)
    assert not impaired(second, second)
    assert not impaired(second, NONE)


policies = st.builds(
    lambda first, more, steady, counts: Policy(first, first + more, steady, counts),
    st.integers(1, 20 * SECOND),
    st.integers(0, 30 * MINUTE),
    st.integers(0, MINUTE),
    st.booleans(),
)
ends = st.tuples(st.integers(0, MINUTE), st.integers(0, MINUTE), st.booleans(), st.booleans())


@given(policies, st.lists(ends, max_size=30))
def test_pauses_only_grow_and_never_above_the_cap(
    policy: Policy, ended: list[tuple[Duration, Duration, bool, bool]]
) -> None:
    """Whatever ends and when: failures rise one at a time, no pause ends before the one before it did."""
    state, now, last = NONE, 0, 0
    for wait, life, ran, unhealthy in ended:
        now += wait
        task = Ended(now, now + life, now if ran else None, unhealthy)
        after = after_failure(state, task, policy, now + life)
        assert after.failures in (state.failures, state.failures + 1)
        assert after.until >= state.until
        if after != state:
            assert failed(task, policy)
            assert last <= after.until - (now + life) <= policy.cap
            last = after.until - (now + life)
        state = after


@given(policies, st.integers(1, 10_000))
def test_a_pause_of_any_number_of_failures_is_quickly_told(policy: Policy, failures: int) -> None:
    assert policy.first <= backoff.pause(failures, policy) <= policy.cap
    assert backoff.pause(failures, policy) <= backoff.pause(failures + 1, policy)
