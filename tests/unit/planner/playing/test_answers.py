"""What parameters name of answers."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.planner.playing.answers import Answers, NotThere

DEPTH = "Attributes.ApproximateNumberOfMessages"


def answers() -> Answers:
    found = Answers()
    found.keep("lb", {"LoadBalancers": [{"LoadBalancerArn": "arn:aws:x:1:loadbalancer/app/web/50dc"}]})
    found.keep("queue", {"Attributes": {"ApproximateNumberOfMessages": "12"}})
    return found


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("no name", "no name"),
        ("${queue.Attributes}", {"ApproximateNumberOfMessages": "12"}),
        ("depth ${queue." + DEPTH + "}", "depth 12"),
        ("${queue.(to_number(" + DEPTH + ") >= `10` && `10` || `1`)}", 10),
        ("${lb.after(LoadBalancers[0].LoadBalancerArn, 'loadbalancer/')}/x", "app/web/50dc/x"),
        ({"a": ["${queue." + DEPTH + "}"]}, {"a": ["12"]}),
    ],
)
def test_filled(said: Any, meant: Any) -> None:
    assert answers().filled(said) == meant


@pytest.mark.parametrize("said", ["${lbs.Arn}", "${lb.Arn}", "${lb.[}", "${lb.after(`1`, 'x')}"])
def test_names_that_mean_nothing(said: str) -> None:
    with pytest.raises(NotThere, match="lb"):
        answers().filled(said)
