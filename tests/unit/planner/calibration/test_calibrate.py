"""Which tasks tell of which phase, and what is said where they do not."""

from __future__ import annotations

import math
import random
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.aws.quotas import load_profile, parse_profile
from windlass.planner.calibration.calibrate import Calibration, Number, TooFew, calibrate
from windlass.planner.calibration.timings import Timing

BASE = load_profile("aws")


def timings(count: int, *, seed: int = 1, pull_s: float = 5.0, **more: Any) -> Iterator[Timing]:
    """Provisioned in 20 s, pulled in `pull_s`, started in 2 s; sigma 0.1."""
    chance = random.Random(seed)
    for place in range(count):
        took = [median * math.exp(0.1 * chance.gauss(0, 1)) for median in (20, pull_s, 2)]
        at = 1_795_341_600.0 + place
        yield Timing(at, at + took[0], at + took[0] + took[1], at + sum(took), **more)


def fitted(*rows: Timing) -> tuple[dict[str, Number], Calibration]:
    found = calibrate(rows, BASE, "my.csv")
    return {one.name: one for one in found.numbers}, found


def test_without_more_than_times() -> None:
    """Where no task tells of addresses, provisioning has them; pulls of unknown sizes stay as they were."""
    numbers, found = fitted(*timings(50))
    assert {"task.provision", "task.public_address", "task.start"} == set(numbers)
    assert numbers["task.public_address"].value == 0
    assert numbers["task.provision"].value == pytest.approx(20, rel=0.05)
    notes = "\n".join(found.notes)
    assert "task.pull stays: the timings have no image_mb" in notes
    assert "task.public_address is in task.provision: the timings do not tell" in notes


def test_tasks_with_public_addresses_alone() -> None:
    numbers, found = fitted(*timings(50, public=True), *timings(3, public=False))
    assert numbers["task.public_address"].value == 0 and numbers["task.provision"].count == 50
    assert "too few tasks without a public address" in found.notes[0]


def test_tasks_without_public_addresses_alone() -> None:
    """What an address takes stays as it was."""
    numbers, found = fitted(*timings(50, public=False), *timings(3, public=True))
    assert "task.public_address" not in numbers
    assert "task.public_address stays: 3 tasks tell of it, and 20 are needed" in found.notes


def test_instances_and_spot_have_phases_of_their_own() -> None:
    rows = [
        *timings(40, fargate=False),
        *timings(40, fargate=False, interface=False),
        *timings(30, spot=True, image_mb=100),
    ]
    numbers, found = fitted(*rows)
    assert numbers["task.interface_attach"].count == 40 and numbers["task.start"].count == 110
    assert "task.provision" not in numbers and numbers["task.pull"].count == 30
    assert "30 tasks on Fargate Spot are not in task.provision" in found.notes[-1]


def test_images_of_one_size() -> None:
    """The bandwidth stays; unless it alone would take longer than the pulls did: then they are all of it."""
    numbers, found = fitted(*timings(50, image_mb=90))
    assert numbers["task.pull"].value == pytest.approx(5 - 90 / 30, rel=0.1)
    assert "image.pull_mb_per_s" not in numbers and "about one size, 90 MB" in found.notes[-1]
    numbers, found = fitted(*timings(50, image_mb=300))
    assert numbers["task.pull"].value == 0
    assert numbers["image.pull_mb_per_s"].value == pytest.approx(80, rel=0.1)
    assert numbers["image.unpack_mb_per_s"].value == pytest.approx(240, rel=0.1)


def test_too_few() -> None:
    with pytest.raises(TooFew, match=r"my.csv: too few .* 20 tasks .* there are 7 .* task.provision 7"):
        fitted(*timings(7))
    with pytest.raises(TooFew, match="there are 40 tasks"):
        fitted(*(Timing(1.0) for _ in range(40)))


def test_what_is_written_is_a_profile_with_units_sources_and_dates() -> None:
    rows = [*timings(50, image_mb=50, pull_s=2), *timings(50, image_mb=900, pull_s=33, seed=2)]
    found = calibrate(rows, BASE, 'my "own"\n.csv')
    entries = tomllib.loads(found.toml())
    assert entries["extends"] == "aws"
    for name, entry in {**entries["delays"], **entries["models"]}.items():
        assert entry["unit"] and entry["date"] == "2026-11-22", name
        assert 'my "own"?.csv: 100 tasks, standard error' in entry["source"]
    assert entries["delays"]["task.provision"]["sigma"] == pytest.approx(0.1, rel=0.3)
    lines = list(found.report())
    assert lines[0] == 'fitted to my "own"\n.csv, on top of the profile aws:'
    assert any("task.start" in line and "lognormal (distance 0." in line for line in lines)


@st.composite
def any_timings(draw: st.DrawFn) -> Timing:
    """Times in any order that reading lets pass: never backwards."""
    spans = draw(st.lists(st.sampled_from([0.0, 0.001, 1.0, 7.5, 4_000.0]), min_size=3, max_size=3))
    at = [1_795_341_600.0 + sum(spans[:place]) for place in range(4)]
    return Timing(
        *at,
        fargate=draw(st.booleans()),
        spot=draw(st.booleans()),
        public=draw(st.sampled_from([None, True, False])),
        image_mb=draw(st.sampled_from([None, 0.5, 80.0, 9_000.0])),
    )


@settings(max_examples=25, deadline=None)
@given(st.lists(any_timings(), min_size=30, max_size=120))
def test_whatever_was_observed_comes_to_a_profile_or_is_too_few(rows: list[Timing]) -> None:
    """Times that were all the same, or none at all, included: numbers are finite and not negative."""
    try:
        found = calibrate(rows, BASE, "my.csv")
    except TooFew:
        return
    for one in found.numbers:
        assert 0 <= one.value < math.inf and 0 <= one.error < math.inf and 0 <= (one.sigma or 0) < math.inf
    assert parse_profile("x", {k: v for k, v in tomllib.loads(found.toml()).items() if k != "extends"})
    assert all(lines for lines in found.report())
