"""Capacity provider strategies: what is refused, and how tasks are shared out."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.ecs.capacity import Place, check_strategy, places, spread

BOTH = ("FARGATE", "FARGATE_SPOT")


def an_item(provider: str, **members: int) -> dict[str, Any]:
    return {"capacityProvider": provider, **members}


@pytest.mark.parametrize(
    ("strategy", "part"),
    [
        ([an_item("my-asg", weight=1)], "'my-asg' was not found"),
        ([an_item("FARGATE", weight=1), an_item("FARGATE", weight=2)], "only once"),
        ([an_item("FARGATE", base=1), an_item("FARGATE_SPOT", base=1, weight=1)], "Only one"),
        ([an_item("FARGATE"), an_item("FARGATE_SPOT")], "greater than zero"),
        ([an_item("FARGATE", weight=1)] * 21, "at most 20"),
    ],
)
def test_refused(strategy: list[dict[str, Any]], part: str) -> None:
    """A strategy that could place nothing, or names what is not there, is an InvalidParameterException."""
    with pytest.raises(Fault, match=part) as caught:
        check_strategy(strategy, BOTH)
    assert caught.value.code == "InvalidParameterException"


def test_a_provider_must_be_associated() -> None:
    """A cluster runs tasks only on providers that were given to it."""
    with pytest.raises(Fault, match="not associated with the cluster"):
        check_strategy([an_item("FARGATE", weight=1)], ("FARGATE_SPOT",))


@pytest.mark.parametrize(
    ("strategy", "count", "shares"),
    [
        ([an_item("FARGATE")], 3, {"FARGATE": 3}),
        ([an_item("FARGATE", weight=1), an_item("FARGATE_SPOT", weight=1)], 10, dict.fromkeys(BOTH, 5)),
        ([an_item("FARGATE", weight=1), an_item("FARGATE_SPOT", weight=4)], 10, {BOTH[0]: 2, BOTH[1]: 8}),
        ([an_item("FARGATE", base=2), an_item("FARGATE_SPOT", weight=1)], 10, {BOTH[0]: 2, BOTH[1]: 8}),
        ([an_item("FARGATE", base=5), an_item("FARGATE_SPOT", weight=1)], 3, {"FARGATE": 3}),
    ],
)
def test_shares(strategy: list[dict[str, Any]], count: int, shares: dict[str, int]) -> None:
    """The base first, the rest by weight."""
    assert Counter(spread(strategy, count)) == shares


@given(
    base=st.integers(0, 5),
    weights=st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(any),
    count=st.integers(1, 40),
)
def test_every_task_has_its_share(base: int, weights: tuple[int, int], count: int) -> None:
    """Past the base, each provider is within one task of its weight's share, whatever the numbers."""
    strategy = [an_item(BOTH[0], base=base, weight=weights[0]), an_item(BOTH[1], weight=weights[1])]
    chosen = spread(strategy, count)
    assert len(chosen) == count
    first = min(base, count)
    assert chosen[:first] == [BOTH[0]] * first
    rest = Counter(chosen[first:])
    for provider, weight in zip(BOTH, weights, strict=True):
        assert abs(rest[provider] - (count - first) * weight / sum(weights)) <= 1


def test_launch_types() -> None:
    """A launch type wins over the cluster's strategy; neither means EC2."""
    strategy = [an_item("FARGATE_SPOT", weight=1)]
    assert places("EXTERNAL", strategy, 2) == [Place("EXTERNAL")] * 2
    assert places(None, strategy, 1) == [Place("FARGATE", "FARGATE_SPOT")]
    assert places(None, (), 1) == [Place("EC2")]
