"""The search for faults: it finds what fails, and makes it short."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from windlass.sim.fuzz import STEPS, STORIES, search
from windlass.sim.stories.telling import Script

DEEDS = ("create", "scale", "cut", "kill_soon")


def told(seed: int, script: Script) -> list[str]:
    """Steps as a story tells them: each drawn from a stream of its own."""
    for number in range(1, STEPS + 1):
        if number not in script.skips:
            script.told.append((number, random.Random(f"{seed}:{number}").choice(DEEDS)))
    return [deed for _, deed in script.told]


def test_all_is_well() -> None:
    [outcome] = search(told, [3])
    assert (outcome.what, outcome.steps) == ("", ())
    assert set(outcome.faults) <= {"cut", "kill_soon"} and outcome.faults.total() > 0


def test_a_failure_is_made_as_short_as_it_can_be() -> None:
    """It takes a cut, and a kill some time after it: two steps of forty."""

    def play(seed: int, script: Script) -> None:
        heard = told(seed, script)
        if "cut" in heard and "kill_soon" in heard[heard.index("cut") :]:
            raise AssertionError("a unit is on two nodes\nand more")

    [outcome] = search(play, [1])
    assert outcome.what == "AssertionError: a unit is on two nodes"
    assert [deed for _, deed in outcome.steps] == ["cut", "kill_soon"]


def test_another_failure_is_not_taken_for_it() -> None:
    def play(seed: int, script: Script) -> None:
        heard = told(seed, script)
        if len(heard) < STEPS:
            raise ValueError("too short")
        raise KeyError("lost")

    [outcome] = search(play, [1])
    assert outcome.what.startswith("KeyError") and len(outcome.steps) == STEPS


@pytest.mark.parametrize("name", STORIES)
def test_a_seed_tells_the_same_story_again(name: str) -> None:
    scripts = [Script(), Script()]
    for script in scripts:
        STORIES[name](5, script)
    assert scripts[0].told == scripts[1].told and len(scripts[0].told) == STEPS
    shorter = Script(skips=frozenset({2, 7}))
    STORIES[name](5, shorter)
    assert shorter.told == [step for step in scripts[0].told if step[0] not in (2, 7)]
    assert Counter(shorter.faults) <= Counter(scripts[0].faults)
