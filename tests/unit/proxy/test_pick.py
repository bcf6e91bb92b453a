from __future__ import annotations

from collections import Counter
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from windlass.fleet.proxy_messages import Algorithm, Check, Endpoint, Forward, Health, Pool, Share
from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Bug
from windlass.proxy.pick import Balance, Outstanding, Ramp, Shares


def a_target(key: str, health: Health = "healthy", *, draining: bool = False, since: int = 0) -> Endpoint:
    return Endpoint(key, "127.0.0.1", 80, draining=draining, health=health, since=since)


def a_pool(
    *endpoints: Endpoint,
    algorithm: Algorithm = "round_robin",
    slow_start: int = 0,
    healthy_min: int = 1,
) -> Pool:
    return Pool("p", endpoints=endpoints, algorithm=algorithm, slow_start=slow_start, healthy_min=healthy_min)


def a_balance(pool: Pool, *draws: float) -> Balance:
    numbers = cycle(draws or (0.5,))
    return Balance(pool, lambda: next(numbers), 0, lambda one: one.health)


def picks(balance: Balance, count: int, now: int = 0) -> str:
    found = [balance.choose(now) for _ in range(count)]
    return "".join(one.key if one else "-" for one in found)


def test_round_robin_takes_turns() -> None:
    balance = a_balance(a_pool(*map(a_target, "abc")))
    assert picks(balance, 7) == "abcabca"


@pytest.mark.parametrize("algorithm", ["round_robin", "least_outstanding_requests", "weighted_random"])
@pytest.mark.parametrize(
    ("targets", "used"),
    [
        ([], ""),
        ([a_target("a"), a_target("b", "unhealthy"), a_target("c", "initial")], "a"),
        ([a_target("a", "unhealthy"), a_target("b", "unhealthy")], "ab"),
        ([a_target("a", "unhealthy"), a_target("b", draining=True)], "a"),
        ([a_target("a", "initial"), a_target("b", "unused")], "a"),
        ([a_target("a", draining=True)], ""),
    ],
)
def test_who_takes_requests(algorithm: Algorithm, targets: list[Endpoint], used: str) -> None:
    """The healthy ones; all that are registered when none is; never one that drains."""
    balance = a_balance(a_pool(*targets, algorithm=algorithm))
    assert "".join(balance.used) == used
    assert picks(balance, 1) in (used or "-")
    assert "".join(one.key for one in targets if balance.takes(one.key)) == used


def test_fails_open_below_the_number_of_healthy_targets_that_is_wanted() -> None:
    targets = [a_target("a"), a_target("b"), a_target("c", "unhealthy")]
    assert not a_balance(a_pool(*targets, healthy_min=2)).failed_open
    assert "".join(a_balance(a_pool(*targets, healthy_min=3)).used) == "abc"
    assert not a_balance(a_pool(*targets[:2], healthy_min=3)).failed_open


def test_fewest_open_requests_ties_in_turn() -> None:
    """1. Ties go round. 2. A busy target is left out. 3. It is back when it is as idle as the others."""
    balance = a_balance(a_pool(*map(a_target, "abc"), algorithm="least_outstanding_requests"))
    for key in "abc":
        assert picks(balance, 1) == key
        balance.begin(key)
    balance.end("b")
    assert picks(balance, 1) == "b"
    balance.begin("b")
    balance.end("c")
    balance.end("a")
    assert picks(balance, 1) == "c"
    assert [balance.open(key) for key in "abc"] == [0, 1, 0]


def test_open_requests_outlive_a_change_of_the_pool() -> None:
    """A target that drains is told idle once: by the change, or by its last request."""
    pool = a_pool(*map(a_target, "ab"), algorithm="least_outstanding_requests")
    balance = a_balance(pool)
    balance.begin("a")
    drains = replace(pool, endpoints=(a_target("a", draining=True), a_target("b", draining=True)))
    assert balance.update(drains, 1) == ["b"]
    assert balance.update(drains, 2) == []
    assert balance.end("a") is True
    with pytest.raises(Bug):
        balance.end("a")
    balance.update(a_pool(), 3)
    assert balance.choose(3) is None


HEALTHS: list[Health] = ["initial", "healthy", "unhealthy", "unused"]
TARGETS = st.builds(
    a_target,
    st.sampled_from("abcd"),
    st.sampled_from(HEALTHS),
    draining=st.booleans(),
    since=st.integers(0, 1),
)


@given(
    st.lists(st.lists(TARGETS, unique_by=lambda one: one.key), min_size=1),
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(HEALTHS))),
)
def test_what_changes_leads_where_a_new_balance_begins(
    pools: list[list[Endpoint]], probed: list[tuple[str, Health]]
) -> None:
    """Only of targets that changed it is asked how they are, and the same ones are used."""
    known: dict[str, Health] = {}
    balance = Balance(a_pool(*pools[0]), lambda: 0.5, 0, lambda one: known.get(one.key, one.health))
    for pool in pools:
        balance.update(a_pool(*pool), 1)
    for key, health in probed:
        known[key] = health
        balance.look(key, 2)
    fresh = Balance(a_pool(*pools[-1]), lambda: 0.5, 0, lambda one: known.get(one.key, one.health))
    assert (balance.used, balance.failed_open) == (fresh.used, fresh.failed_open)
    assert [balance.takes(key) for key in "abcd"] == [fresh.takes(key) for key in "abcd"]


def test_another_check_asks_of_all_again() -> None:
    """What was probed with the former check may be forgotten with it."""
    known: dict[str, Health] = {"a": "healthy"}
    pool = replace(a_pool(a_target("a", "initial"), a_target("b")), check=Check("HTTP"))
    balance = Balance(pool, lambda: 0.5, 0, lambda one: known.get(one.key, one.health))
    assert balance.used == ["a", "b"]
    known.clear()
    balance.update(replace(pool, check=None), 1)
    assert balance.used == ["b"]


def test_what_was_tried_is_avoided_if_there_are_others() -> None:
    balance = a_balance(a_pool(*map(a_target, "ab"), algorithm="least_outstanding_requests"))
    assert [(one := balance.choose(0, tried)) and one.key for tried in ("", "a", "ab")] == ["a", "b", "a"]


def test_chance_decides_where_it_should() -> None:
    balance = a_balance(a_pool(*map(a_target, "abc"), algorithm="weighted_random"), 0.0, 0.5, 0.999)
    assert picks(balance, 4) == "abca"


def test_slow_start_gives_a_share_that_grows() -> None:
    """A new target beside two old ones: a third of its time over, it weighs a third of one."""
    state: dict[str, Health] = {"c": "initial"}
    pool = a_pool(*map(a_target, "abc"), slow_start=30 * SECOND)
    balance = Balance(pool, lambda: 0.5, 100 * SECOND, lambda one: state.get(one.key, "healthy"))
    assert picks(balance, 4, 100 * SECOND) == "abab"
    state["c"] = "healthy"
    balance.look("c", 100 * SECOND)
    third = Counter(picks(balance, 700, 110 * SECOND))
    assert abs(third["c"] - 100) <= 1 and abs(third["a"] - third["b"]) <= 1
    assert Counter(picks(balance, 90, 130 * SECOND)) == {"a": 30, "b": 30, "c": 30}


def test_targets_that_all_start_slowly_share_evenly() -> None:
    """Nobody has a full weight, so there is no one to wait for."""
    pool = a_pool(*map(a_target, "ab"), slow_start=30 * SECOND)
    balance = a_balance(pool, 0.2, 0.7)
    assert Counter(picks(balance, 10, 0)) == Counter(picks(balance, 10, SECOND)) == {"a": 5, "b": 5}


@given(st.lists(st.integers(0, 10), min_size=1, max_size=6), st.floats(0, 1, exclude_max=True))
def test_the_ramp_finds_the_target_at_a_place(began: list[int], place: float) -> None:
    """As adding up the weights one after the other does."""
    ramp = Ramp([(at, str(number)) for number, at in enumerate(began)], 20)
    ordered = sorted((at, str(number)) for number, at in enumerate(began))
    total, left = sum(10 - at for at, _ in ordered), 0.0
    assert ramp.weight(10) == total / 20
    if total:
        left = place * total
        while left >= 10 - ordered[0][0]:
            left -= 10 - ordered.pop(0)[0]
        assert ramp.choose(place, 10) == ordered[0][1]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60))
def test_the_fewest_are_always_found(moves: list[tuple[str, bool]]) -> None:
    outstanding, counts = Outstanding(), dict.fromkeys("abc", 0)
    for key in counts:
        outstanding.add(key, 0)
    for key, up in moves:
        if key not in counts:
            outstanding.add(key, 2)
            counts[key] = 2
        elif up:
            outstanding.change(key, 1)
            counts[key] += 1
        elif counts[key]:
            outstanding.change(key, -1)
            counts[key] -= 1
        else:
            outstanding.remove(key)
            del counts[key]
        found = outstanding.fewest()
        assert (found is None and not counts) or (found and counts[found] == min(counts.values()))
        assert dict(outstanding.items()) == counts


@pytest.mark.parametrize(
    ("weights", "expected"),
    [((3, 1), "aabaaaba"), ((1, 0), "aaaaaaaa"), ((0, 0), "--------"), ((2, 2), "abababab")],
)
def test_weights_between_pools_are_kept_and_mixed(weights: tuple[int, int], expected: str) -> None:
    shares = Shares(Forward(tuple(Share(pool, weight) for pool, weight in zip("ab", weights, strict=True))))
    assert "".join(shares.choose() or "-" for _ in range(8)) == expected


@given(st.lists(st.integers(0, 99), min_size=1, max_size=5))
def test_weights_are_exact_over_a_whole_turn(weights: list[int]) -> None:
    shares = Shares(Forward(tuple(Share(str(n), weight) for n, weight in enumerate(weights))))
    counted = Counter(shares.choose() for _ in range(sum(weights)))
    assert counted == Counter({str(n): weight for n, weight in enumerate(weights) if weight})
