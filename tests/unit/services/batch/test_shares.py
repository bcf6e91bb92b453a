"""Fair share: weights, usage that fades, turns, what is kept for others, and the ledger behind it."""

from __future__ import annotations

from math import e

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import SECOND, Instant
from windlass.services.batch.ledger import Ledger
from windlass.services.batch.resource_model import Key, SchedulingPolicy
from windlass.services.batch.shares import Order, Share, Shares, Used, Weights, window

WINDOW = 600 * SECOND
QUEUE: Key = ("1", "r", "q")


def a_policy(decay_s: int = 600, reservation: int = 0, **weights: float) -> SchedulingPolicy:
    return SchedulingPolicy("1", "r", "p", 1, decay_s, reservation, tuple(weights.items()))


@pytest.mark.parametrize(
    ("share", "weight"),
    [("blue", 0.5), ("bluer", 1), ("red", 2), ("red7", 2), ("re", 1), ("green1", 4), ("", 1), ("zzz", 1)],
)
def test_a_weight_is_that_of_the_name_or_of_its_beginning(share: str, weight: float) -> None:
    assert Weights((("red*", 2), ("blue", 0.5), ("green*", 4))).of(share) == weight


@given(
    st.lists(st.text("ab", min_size=1, max_size=4), unique=True),
    st.text("ab", max_size=6),
)
def test_prefixes_are_found_as_by_looking_at_each(prefixes: list[str], share: str) -> None:
    """Of prefixes that do not overlap, as the API demands."""
    apart = [one for one in prefixes if not any(o != one and one.startswith(o) for o in prefixes)]
    found = [index + 2.0 for index, one in enumerate(apart) if share.startswith(one)]
    weights = Weights(tuple((f"{one}*", index + 2.0) for index, one in enumerate(apart)))
    assert weights.of(share) == (found or [1.0])[0]


class TestUsage:
    def test_what_ended_fades_to_1_in_e_in_the_decay_time(self) -> None:
        assert Used(mean=1_000.0).until(WINDOW, WINDOW).mean == pytest.approx(1_000 / e)

    def test_what_goes_on_comes_to_what_is_in_use(self) -> None:
        used = Used().more(2_048).until(20 * WINDOW, WINDOW)
        assert used.mean == pytest.approx(2_048, rel=1e-6)

    def test_time_does_not_go_back(self) -> None:
        used = Used(5.0, 7, at=100)
        assert used.until(50, WINDOW) is used

    def test_a_policy_that_says_0_has_ten_minutes(self) -> None:
        assert (window(0), window(60)) == (WINDOW, 60 * SECOND)

    @given(
        st.lists(
            st.tuples(st.integers(0, 900), st.integers(0, 900), st.sampled_from([256, 1_024, 4_096])),
            max_size=8,
        )
    )
    def test_told_afterwards_comes_to_the_same(self, runs: list[tuple[int, int, int]]) -> None:
        """Usage rebuilt from when attempts ran is what it was, kept as they started and ended."""
        now = 1_000 * SECOND
        spans = [(min(a, b) * SECOND, max(a, b) * SECOND, units) for a, b, units in runs]
        changes = [(since, units) for since, _, units in spans] + [
            (until, -units) for _, until, units in spans
        ]
        kept, rebuilt = Used(), Used(at=now)
        for at, units in sorted(changes):
            kept = kept.until(at, WINDOW).more(units)
        for since, until, units in spans:
            rebuilt = rebuilt.ran(units, since, until, WINDOW)
        assert kept.until(now, WINDOW).mean == pytest.approx(rebuilt.mean, abs=1e-6)


class TestTurns:
    def order(self, *shares: Share) -> Order:
        return Order(Shares(shares, len(shares)), now=0)

    def test_the_lowest_weighted_usage_goes_first_then_the_name(self) -> None:
        assert self.order().first() is None
        assert self.order(Share("b", 1, Used(now=3)), Share("a", 2, Used(now=1))).first() == "a"
        assert self.order(Share("b", 1, Used(now=2)), Share("a", 2, Used(now=1))).first() == "a"

    def test_how_long_a_turn_is(self) -> None:
        """Up to the other share; where they meet, the name decides."""
        assert self.order(Share("a", 1, Used(now=1))).starts(1) > 10_000
        assert self.order(Share("a", 1, Used()), Share("b", 1, Used(now=4))).starts(2) == 3
        assert self.order(Share("b", 1, Used()), Share("a", 1, Used(now=4))).starts(2) == 2
        assert self.order(Share("a", 0.5, Used()), Share("b", 1, Used(now=4))).starts(4) == 3
        assert self.order(Share("a", 1, Used()), Share("b", 1, Used())).starts(4) == 1

    def test_old_usage_counts_less(self) -> None:
        order = Order(
            Shares((Share("a", 1, Used(mean=10.0, at=0)), Share("b", 1, Used(now=6))), 2), now=WINDOW
        )
        assert order.first() == "a"


@pytest.mark.parametrize(
    ("reservation", "active", "cap", "wanted", "kept"),
    [
        (50, 1, 100, 1, 50),
        (50, 2, 100, 1, 25),
        (50, 3, 100, 1, 12),
        (25, 3, 1_000, 1, 15),
        (0, 1, 100, 1, 0),
        (99, 1, 100, 30, 70),
        (99, 1, 100, 200, 0),
        (50, 0, 100, 1, 99),
    ],
)
def test_what_is_kept_for_others(reservation: int, active: int, cap: int, wanted: int, kept: int) -> None:
    """(reservation/100)^active of the cap, as in the examples of the API reference; never all of it."""
    assert Shares((), active, reservation=reservation).kept(cap, wanted) == kept


class TestLedger:
    def test_shares_with_jobs_in_line_wait_and_all_others_are_active_only(self) -> None:
        ledger = Ledger()
        ledger.holds(QUEUE, "a", live=2, lined=1, now=0)
        ledger.holds(QUEUE, "b", live=1, lined=0, now=0)
        found = ledger.shares(QUEUE, a_policy(reservation=7, a=0.5), 0)
        assert (found.waiting, found.active) == ((Share("a", 0.5, Used()),), 2)
        assert (found.window, found.reservation) == (WINDOW, 7)

    def test_a_share_is_forgotten_the_decay_time_after_its_last_job(self) -> None:
        ledger = Ledger()
        ledger.holds(QUEUE, "a", 1, 1, now=0)
        ledger.holds(QUEUE, "a", -1, -1, now=5)
        assert ledger.shares(QUEUE, a_policy(), WINDOW + 4).active == 1
        assert ledger.shares(QUEUE, a_policy(), WINDOW + 5).active == 0

    def test_a_new_share_has_a_place_up_to_the_limit(self) -> None:
        ledger = Ledger()
        for share in ("a", "b"):
            ledger.holds(QUEUE, share, 1, 1, now=0)
        places = [ledger.has_place(QUEUE, a_policy(), share, 2, 0) for share in ("a", "b", "c")]
        assert places == [True, True, False]
        ledger.holds(QUEUE, "a", -1, -1, now=0)
        assert ledger.has_place(QUEUE, a_policy(), "c", 2, WINDOW)

    def test_what_is_in_use_by_share(self) -> None:
        ledger = Ledger()
        ledger.runs(QUEUE, "a", 1_024, WINDOW, now=0)
        ledger.runs(QUEUE, "b", 2_048, WINDOW, now=0)
        ledger.runs(QUEUE, "a", -1_024, WINDOW, now=9)
        assert ledger.in_use(QUEUE) == {"b": 2_048}
        ledger.forget(QUEUE)
        assert ledger.in_use(QUEUE) == {}

    def test_what_ran_before_a_restart_counts_on(self) -> None:
        now: Instant = 2 * WINDOW
        kept, again = Ledger(), Ledger()
        kept.holds(QUEUE, "a", 1, 1, now=0)
        kept.runs(QUEUE, "a", 1_024, WINDOW, now=0)
        kept.runs(QUEUE, "a", -1_024, WINDOW, now=WINDOW)
        again.ran(QUEUE, "a", 1_024, [(0, WINDOW)], WINDOW, now)
        again.holds(QUEUE, "a", 1, 1, now=now)
        used = [
            one.shares(QUEUE, a_policy(), now).waiting[0].used.until(now, WINDOW) for one in (kept, again)
        ]
        assert used[0].mean == pytest.approx(used[1].mean)
        assert used[0].mean > 100

    def test_weights_follow_the_policy(self) -> None:
        ledger = Ledger()
        ledger.holds(QUEUE, "a", 1, 1, now=0)
        weights = [ledger.shares(QUEUE, a_policy(a=weight), 0).waiting[0].weight for weight in (0.5, 3.0)]
        assert weights == [0.5, 3.0]
