"""What job queues and fair-share policies may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.batch import queue_rules
from windlass.services.batch.reasons import CAPACITY, MAX_RESOURCE
from windlass.services.batch.resource_model import ComputeEnvironment


def environment(name: str, kind: str = "FARGATE", status: str = "VALID") -> ComputeEnvironment:
    made = ComputeEnvironment("1", "r", name, "u", "MANAGED", 0, "c", resources={"type": kind})
    return replace(made, status=status)  # type: ignore[arg-type]


def order(*numbers: int) -> list[dict[str, Any]]:
    return [{"order": number, "computeEnvironment": f"ce{number}"} for number in numbers]


def test_environments_are_tried_in_ascending_order() -> None:
    assert queue_rules.ordered(order(7, 1, 3)) == [(1, "ce1"), (3, "ce3"), (7, "ce7")]


@pytest.mark.parametrize("numbers", [(), (1, 2, 3, 4), (1, 1)])
def test_orders_that_are_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(Fault, match="computeEnvironmentOrder"):
        queue_rules.ordered(order(*numbers))


@pytest.mark.parametrize(
    ("found", "kind", "message"),
    [
        ([environment("a"), environment("b", "FARGATE_SPOT")], "", ""),
        ([environment("a", "EC2"), environment("b", "SPOT")], "ECS", ""),
        ([environment("a"), environment("b", "EC2")], "", "can't be mixed"),
        ([environment("a"), environment("a")], "", "twice"),
        ([environment("a", status="INVALID")], "", "must be VALID, and is INVALID"),
        ([environment("a")], "ECS", "do not fit a job queue of the type ECS"),
        ([environment("a", "EC2")], "ECS_FARGATE", "do not fit"),
    ],
)
def test_which_environments_a_queue_may_have(
    found: list[ComputeEnvironment], kind: str, message: str
) -> None:
    if not message:
        queue_rules.check_environments(found, kind)
        return
    with pytest.raises(Fault) as refused:
        queue_rules.check_environments(found, kind)
    assert message in refused.value.message


def limit(**changed: Any) -> dict[str, Any]:
    usual = {"reason": CAPACITY, "state": "RUNNABLE", "maxTimeSeconds": 600, "action": "CANCEL"}
    return {**usual, **changed}


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([limit(), limit(reason=MAX_RESOURCE, maxTimeSeconds=86_400)], ""),
        ([limit(reason="BORED")], "reason of a job state"),
        ([limit(maxTimeSeconds=599)], "maxTimeSeconds must be between 600 and 86400."),
        ([limit(action="TERMINATE")], "must be CANCEL"),
        ([limit(), limit()], "reason twice"),
    ],
)
def test_time_limits(actions: list[dict[str, Any]], message: str) -> None:
    if not message:
        queue_rules.check_time_limits(actions)
        return
    with pytest.raises(Fault) as refused:
        queue_rules.check_time_limits(actions)
    assert message in refused.value.message


def test_fifo_or_fair_share_is_for_life() -> None:
    queue_rules.check_policy_change("", "")
    queue_rules.check_policy_change("one", "two")
    with pytest.raises(Fault, match="can't be added to a FIFO"):
        queue_rules.check_policy_change("", "one")
    with pytest.raises(Fault, match="and not removed"):
        queue_rules.check_policy_change("one", "")


def shares(*names: str, weight: float = 1.0) -> dict[str, Any]:
    return {"shareDistribution": [{"shareIdentifier": name, "weightFactor": weight} for name in names]}


def test_a_policy_as_columns() -> None:
    given = {"shareDecaySeconds": 60, "computeReservation": 10, **shares("red", "blue*", weight=0.5)}
    assert queue_rules.fair_share(given) == {
        "decay_s": 60,
        "reservation": 10,
        "weights": (("red", 0.5), ("blue*", 0.5)),
        "given": given,
    }
    assert queue_rules.fair_share({"shareDistribution": [{"shareIdentifier": "x"}]})["weights"] == (
        ("x", 1.0),
    )


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"shareDecaySeconds": 604_801}, "shareDecaySeconds must be between"),
        ({"computeReservation": 100}, "computeReservation must be between 0 and 99."),
        (shares("a", weight=0), "weightFactor must be between"),
        (shares("a", weight=1000), "weightFactor must be between"),
        (shares("a b"), "shareIdentifier a b is not valid."),
        (shares("a*b"), "shareIdentifier a*b is not valid."),
        (shares("a", "a"), "has a twice"),
        (shares("a*", "a1"), "a1 overlaps"),
        (shares("a", "a*"), "overlaps"),
        (shares("a*", "ab*"), "ab* overlaps"),
        (shares("*", "z"), "overlaps"),
        (shares(*(f"s{n}" for n in range(501))), "at most 500 items"),
    ],
)
def test_policies_that_are_refused(policy: dict[str, Any], message: str) -> None:
    with pytest.raises(Fault) as refused:
        queue_rules.fair_share(policy)
    assert message in refused.value.message


@given(
    st.lists(st.text("ab", max_size=3).map(lambda stem: stem + "*") | st.text("ab", min_size=1, max_size=3))
)
def test_overlap_is_what_two_patterns_match(names: list[str]) -> None:
    """Refused exactly when some identifier of jobs would have two weights."""

    def matches(pattern: str, share: str) -> bool:
        return share.startswith(pattern[:-1]) if pattern.endswith("*") else share == pattern

    tried = [one.removesuffix("*") or "x" for one in names]
    ambiguous = any(sum(matches(name, share) for name in names) > 1 for share in tried)
    try:
        queue_rules.fair_share(shares(*names))
    except Fault:
        assert ambiguous
    else:
        assert not ambiguous


@pytest.mark.parametrize("params", [{"serviceEnvironmentOrder": [{}]}, {"jobQueueType": "EKS"}])
def test_queues_that_are_not_here(params: dict[str, Any]) -> None:
    with pytest.raises(Fault, match="Windlass does not have"):
        queue_rules.check_here(params)
    with pytest.raises(Fault, match="priority must be 0 or more"):
        queue_rules.priority(-1)
