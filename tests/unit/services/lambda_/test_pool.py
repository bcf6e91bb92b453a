"""Which environment takes an event."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import HOUR, SECOND
from windlass.services.lambda_.pool import Pool, Warm

LIFE = 4 * HOUR


def warm(unit_id: str, generation: int = 1, created_at: int = 0) -> Warm:
    return Warm(unit_id, "node", generation, created_at)


def a_pool(*idle: str) -> Pool:
    """A pool with these idle, the one used last at the end."""
    pool = Pool()
    for second, unit_id in enumerate(idle):
        pool.started(warm(unit_id))
        pool.finished(unit_id, second * SECOND)
    return pool


def test_the_one_used_last_is_used_next() -> None:
    """Two idle: the later one; then the other; then a new one is needed."""
    pool = a_pool("a", "b")
    assert pool.choose(1, 0, LIFE) == warm("b")
    assert pool.choose(1, 0, LIFE) == warm("a")
    assert pool.choose(1, 0, LIFE) is None


def test_old_settings_and_old_age_are_not_used() -> None:
    """An update or a few hours make an environment useless; it is let go."""
    pool = a_pool("a")
    assert pool.choose(2, 0, LIFE) is None
    assert pool.choose(1, LIFE, LIFE) is None
    assert pool.spare(2, 0, 300 * SECOND, LIFE) == ["a"]
    assert len(pool) == 0


def test_idle_too_long_is_let_go() -> None:
    """Only those whose idle time is over, never a busy one."""
    pool = a_pool("a", "b", "c")
    assert pool.choose(1, 0, LIFE) == warm("c")
    assert pool.spare(1, 300 * SECOND, 300 * SECOND, LIFE) == ["a"]
    assert pool.spare(1, 299 * SECOND, 300 * SECOND, LIFE) == []


def test_after_its_function_an_environment_finishes_its_event() -> None:
    """Closed with one busy, one idle: the idle one goes at once, the busy one is of no use afterwards."""
    pool = a_pool("a", "b")
    assert pool.choose(1, 0, LIFE) == warm("b")
    assert pool.close() == ["a"]
    assert pool.finished("b", SECOND) is False
    assert len(pool) == 0


@given(st.lists(st.one_of(st.just("invoke"), st.integers(0, 20), st.just("spare"))))
def test_never_two_events_in_one_environment(steps: list[str | int]) -> None:
    """Whatever ends in whatever order, an environment that is busy is never chosen, and none is lost."""
    pool, now = Pool(), 0
    busy: list[str] = []
    for number, step in enumerate(steps):
        now += SECOND
        if step == "invoke":
            chosen = pool.choose(1, now, LIFE)
            if chosen is None:
                assert len(pool) == len(busy), "started although one was idle"
                chosen = warm(f"u{number}", created_at=now)
                pool.started(chosen)
            assert chosen.unit_id not in busy
            busy.append(chosen.unit_id)
        elif isinstance(step, int) and busy:
            pool.finished(busy.pop(step % len(busy)), now)
        elif step == "spare":
            assert not set(pool.spare(1, now, 3 * SECOND, LIFE)) & set(busy)
    assert len(pool) >= len(busy)
