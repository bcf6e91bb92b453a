"""The search for faults: it finds what fails, and makes it short."""

from __future__ import annotations

import random

import pytest

from windlass.sim.fuzz import STEPS, STORIES, Kept, again, failure, kept_in, search
from windlass.sim.stories.telling import Script

DEEDS = ("create", "scale", "cut", "kill_soon")


def told(seed: int, script: Script) -> list[str]:
    """Steps as a story tells them: each drawn from a stream of its own."""
    for number in range(1, STEPS + 1):
        deed = random.Random(f"{seed}:{number}").choice(DEEDS)
        if script.only is None or number in script.only:
            script.told.append((number, deed))
            script.faults[deed] += deed in ("cut", "kill_soon")
    return [deed for _, deed in script.told]


def test_all_is_well() -> None:
    [outcome] = search(told, [3])
    assert (outcome.what, outcome.steps) == ("", ())
    assert outcome.faults.total() > 0


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


def test_a_seeds_file() -> None:
    """A line of it is read as it was written; lines of tests are left alone."""
    kept = Kept("services", 17, ((3, "cut"), (9, "kill_soon")), "Bug: it is on two nodes")
    assert str(kept) == "services 17 3:cut 9:kill_soon  # Bug: it is on two nodes"
    whole = Kept("batch", 4)
    text = f"# seeds\ntest_machines_fail 29\n{kept}\n\n{whole}\n"
    assert kept_in(text) == [kept, whole]
    assert (kept.script.only, whole.script.only) == ({3: "cut", 9: "kill_soon"}, None)


@pytest.mark.parametrize("name", STORIES)
def test_a_seed_tells_the_same_story_again(name: str) -> None:
    """Also the part of it that a line of a seeds file has, by the names of the deeds."""
    scripts = [Script(), Script()]
    for script in scripts:
        assert not failure(STORIES[name], 5, script)
    assert scripts[0] == scripts[1] and len(scripts[0].told) == STEPS
    some = tuple(scripts[0].told[::3])
    outcome = again(Kept(name, 5, some))
    assert not outcome.what
    shorter = Script(dict(some))
    assert not failure(STORIES[name], 5, shorter)
    assert tuple(shorter.told) == some
