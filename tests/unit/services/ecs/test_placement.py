"""What a call may say of placement, and what it becomes for a room."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.fleet.room import Need, Room, Strategy, Target
from windlass.kernel.faults import Fault
from windlass.services.ecs import placement, query
from windlass.services.ecs.placement import INTERFACE_ZONE, Constraints, Demand


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"type": "random"}, Strategy("random")),
        ({"type": "random", "field": "whatever"}, Strategy("random")),
        ({"type": "spread", "field": "instanceId"}, Strategy("spread", "instanceId")),
        ({"type": "spread", "field": "host"}, Strategy("spread", "instanceId")),
        (
            {"type": "spread", "field": "attribute:ecs.availability-zone"},
            Strategy("spread", "ecs.availability-zone"),
        ),
        ({"type": "spread", "field": "attribute:stack"}, Strategy("spread", "stack")),
        ({"type": "binpack", "field": "cpu"}, Strategy("binpack", "cpu")),
        ({"type": "binpack", "field": "MEMORY"}, Strategy("binpack", "memory")),
    ],
)
def test_strategies_that_are_taken(given: dict[str, str], made: Strategy) -> None:
    assert placement.strategies([given]) == (made,)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([{"type": "sprinkle"}], "Invalid placement strategy type: sprinkle."),
        ([{}], "Invalid placement strategy type: ."),
        ([{"type": "spread"}], "The placement strategy spread must have a field."),
        ([{"type": "binpack", "field": ""}], "The placement strategy binpack must have a field."),
        ([{"type": "spread", "field": "attribute:"}], "Invalid field attribute: of the placement"),
        ([{"type": "spread", "field": "attribute:a b"}], "Invalid field attribute:a b of"),
        ([{"type": "spread", "field": "ecs.availability-zone"}], "Invalid field ecs.availability-zone of"),
        ([{"type": "spread", "field": "cpu"}], "Invalid field cpu of the placement strategy spread."),
        ([{"type": "binpack", "field": "instanceId"}], "Invalid field instanceId of the placement"),
        ([{"type": "binpack", "field": "attribute:x"}], "Invalid field attribute:x of the placement"),
        ([{"type": "random"}] * 6, "placementStrategy can have at most 5 items."),
    ],
)
def test_strategies_that_are_refused(given: list[dict[str, str]], said: str) -> None:
    with pytest.raises(Fault) as refused:
        placement.strategies(given)
    assert refused.value.code == "InvalidParameterException"
    assert refused.value.message.startswith(said)


def a_room(*targets: Target) -> Room:
    room = Room()
    for target in targets:
        room.put(target)
    return room


def test_a_condition_on_attributes_is_asked_once_of_all_that_share_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three hundred instances in three stacks: three questions, and no look at an instance's rows."""
    asked: list[str] = []
    rule = query.compile("attribute:stack == s1")

    def matches(subject: query.Subject) -> bool:
        asked.append(subject.attributes["stack"])
        return rule(subject)

    counting = query.Expression(matches, rule.attributes, rule.of_instance)
    room = a_room(*(Target(f"t{n:03}", 1024, 1024, traits={"stack": f"s{n % 3}"}) for n in range(300)))
    chosen = placement.choose(room, Demand(Need(), "g", Constraints((counting,))), 1, no_subject, first)
    assert (chosen, sorted(asked)) == (["t001"], ["s0", "s1", "s2"])


def test_the_zones_of_the_subnets_bind() -> None:
    """An instance that is in no zone is in all of them."""
    traits: list[dict[str, str]] = [{INTERFACE_ZONE: "a"}, {INTERFACE_ZONE: "b"}, {}]
    room = a_room(*(Target(f"t{n}", 1024, 1024, traits=each) for n, each in enumerate(traits)))
    demand = Demand(Need(100, 100), "g", Constraints(distinct_group="g", zones=frozenset({"b", "c"})))
    assert sorted(placement.choose(room, demand, 3, no_subject, first)) == ["t1", "t2"]


@pytest.mark.parametrize(
    ("expression", "attributes", "of_instance"),
    [
        ("attribute:a == b and attribute:c exists", {"a", "c"}, False),
        ("attribute:a == b or not (runningTasksCount > 3)", {"a"}, True),
        ("task:group == g", set(), True),
        ("ec2InstanceId in [i-1]", set(), True),
    ],
)
def test_what_an_expression_looks_at(expression: str, attributes: set[str], of_instance: bool) -> None:
    compiled = query.compile(expression)
    assert (compiled.attributes, compiled.of_instance) == (attributes, of_instance)


def first(below: int) -> int:
    return 0


def no_subject(instance_id: str) -> Any:
    raise AssertionError(f"nothing is to be asked of {instance_id} by itself")
