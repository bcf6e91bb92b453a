"""What the traffic demo makes of the answers it got."""

from __future__ import annotations

import math

import pytest

from windlass.cli.demos.traffic import Seen, problems_of
from windlass.cli.demos.traffic_load import Answered, Target
from windlass.cli.demos.traffic_page import page
from windlass.sim.arrivals import Phase


def a_target(name: str = "Lambda", *statuses: int) -> Target:
    answers = [Answered(float(at), 2.5, status, "a", at == 0) for at, status in enumerate(statuses)]
    return Target(name, "host", answers)


def test_open_requests_are_those_without_an_answer_yet() -> None:
    assert a_target("x", 200, 200, 200).open_at([0, 1, 2, 2.6, 3.6, 9]) == [1, 2, 3, 2, 1, 0]


def test_latencies_are_of_good_answers_of_their_time() -> None:
    target = a_target("x", 200, 429)
    assert target.latency(99) == 2.5
    assert math.isnan(target.latency(99, since=1))


@pytest.mark.parametrize(
    ("statuses", "problems"),
    [
        ((200, 429, 0), []),
        ((200, 502), ["1 requests were answered by 502"]),
        ((0, 0), ["nobody was answered"]),
    ],
)
def test_what_is_promised(statuses: tuple[int, ...], problems: list[str]) -> None:
    """Being refused, or giving up, is what a full service does; being broken is not."""
    assert problems_of(a_target("x", *statuses)) == problems


def test_what_replaced_tasks_had_not_answered_is_told_and_no_fault() -> None:
    assert problems_of(a_target("ECS", 200, 502), replaced=1) == []
    assert problems_of(a_target("ECS", 0, 502), replaced=1) == ["nobody was answered"]


def test_lives_are_counted_by_how_many_ran() -> None:
    seen = Seen([1.0, 2.0, 3.0, 4.0], {"ECS": [1, 3, 2, 1]})
    assert seen.lives_s("ECS") == [4.0, 2.0, 1.0]


def test_the_page_is_one_file_with_all_charts() -> None:
    phases = [Phase(5, 1, 2), Phase(5, 20, 20), Phase(5, 0, 0)]
    targets = [a_target(name, 200, 200, 503, 0) for name in ("Lambda", "ECS", "App Runner")]
    running = {target.name: [1, 2, 1] for target in targets}
    made = page(targets, [5.0, 10.0, 15.0], running, phases, [0.1, 0.2, 0.3])
    assert made.count('class="plot"') == 6 and "list prices of us-east-1" in made
    assert "src=" not in made and "href=" not in made
