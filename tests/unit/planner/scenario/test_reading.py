"""Scenario files: read, or refused with the line that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.kernel.clock import HOUR, MINUTE
from windlass.planner.playing.answers import Answers, NotThere
from windlass.planner.scenario import sweep
from windlass.planner.scenario.reading import BadScenario, files, parse, read, swept

GOOD = """
name: roll-out
resources:
  - ecs.CreateCluster: {clusterName: default}
images:
  db: {size: 50MB}
  web:
    size: 100MB
events:
  - at: 5m
    call: {ecs.UpdateService: {service: web}}
"""


def test_a_scenario() -> None:
    scenario = parse(GOOD, "f.yaml")
    assert scenario.images["web"].size == 100_000_000
    assert (scenario.events[0].at, scenario.horizon) == (5 * MINUTE, HOUR)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + "horizen: 5m", "f.yaml:12: unknown key 'horizen': did you mean horizon?"),
        (
            GOOD.replace("  web:\n    size", "  web:\n    sise"),
            "f.yaml:8: unknown key 'sise': did you mean size?",
        ),
        (GOOD.replace("100MB", "100"), "f.yaml:8: images.size: 100 is no size"),
        (GOOD.replace("5m", "5 x"), "f.yaml:10: events.0.at: '5 x' is no duration"),
        (GOOD.replace("at: 5m", "zzz: 5m"), "f.yaml:10: unknown key 'zzz': there are at, break_image, call"),
        (GOOD + "runs: 0", "f.yaml:12: runs: Expected `int` >= 1"),
        (GOOD + "until: {service: 3}", "f.yaml:12: until.service: Expected `str | null`, got `int`"),
        ("name: x", "f.yaml:1: Object missing required field `resources`"),
        ("a: [", "f.yaml:1:"),
        (GOOD + "published: {seconds: .nan}", "f.yaml:12: published.seconds: Expected `float`"),
        ("name: x\nresources: /dev/zero", "/dev/zero: this is no file"),
        ('name: x\nresources: "\\0"', "'\\x00': embedded null byte"),
        ("", "f.yaml:1: there is nothing in this file"),
        ("- 1", "f.yaml:1: Expected `object`, got `array`"),
        ("a: !!python/object:os.system {}", "f.yaml:1:"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, said: str) -> None:
    with pytest.raises(BadScenario) as refused:
        parse(text, "f.yaml")
    assert str(refused.value).startswith(said)
    assert "\n" not in str(refused.value)


def test_a_folder_means_its_scenarios_by_name(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.txt"):
        (tmp_path / name).write_text(GOOD)
    assert [path.name for path in files(tmp_path)] == ["a.yml", "b.yaml"]
    assert read(tmp_path / "b.yaml").name == "roll-out"
    (tmp_path / "empty").mkdir()
    for wrong in (tmp_path / "empty", tmp_path / "none.yaml"):
        with pytest.raises(BadScenario, match=wrong.name):
            [read(path) for path in files(wrong)]


def test_parameters_name_answers() -> None:
    answers = Answers()
    answers.keep("web", {"groups": [{"arn": "arn:1"}], "name": "w"})
    params = {"a": "${web.groups[0].arn}", "b": ["x-${web.name}"], "c": "${web.groups}", "d": 1, "e": "$web"}
    assert answers.filled(params) == {
        "a": "arn:1", "b": ["x-w"], "c": [{"arn": "arn:1"}], "d": 1, "e": "$web"
    }  # fmt: skip
    for wrong in ("${wep.name}", "${web.none}", "${web.[}"):
        with pytest.raises(NotThere):
            answers.filled(wrong)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("events:\n  - {at: 1s}", "event has one of call, quota"),
        ("events:\n  - {at: 1s, break_image: a, mend_image: a}", "not break_image and mend_image"),
        ("events:\n  - {at: 1s, mend_image: a, lasts: 1m}", "a mend_image does not last"),
        ("events:\n  - {at: 1s, break_image: a, times: 3}", "times and every are for a call"),
        (
            "workloads:\n"
            "  - {name: a, to: {queue: q}, arrivals: {diurnal: {mean: 1/s, peak: 3/s, period: 1h}}}",
            "peak is between mean and twice mean",
        ),
        ("workloads:\n  - {name: a, to: {queue: q}, arrivals: {}}", "arrivals has one of constant, poisson"),
        (
            "workloads:\n  - {name: a, to: {queue: q, path: /a}, arrivals: {burst: 1}}",
            "path is for a load_bal",
        ),
        (
            "workloads:\n  - {name: a, to: {queue: q}, arrivals: {burst: 1}, service_time: {constant: 1s}}",
            "service_time is not for a queue",
        ),
        ("until:\n  - {}", "until has one of service, queue, job_queue, launched, workload"),
    ],
)
def test_combinations_that_mean_nothing(more: str, why: str) -> None:
    with pytest.raises(BadScenario, match=f"x.yaml:4: .*{why}"):
        parse(f"name: x\nresources: []\n{more}\n", "x.yaml")


def test_a_profile_beside_the_scenario_is_found(tmp_path: Path) -> None:
    """Built-in names stay names; what is not beside it is looked for where it is played."""
    (tmp_path / "mine.toml").write_text('extends = "aws"')
    for said, meant in (("mine.toml", str(tmp_path / "mine.toml")), ("aws", "aws"), ("other.toml",) * 2):
        (tmp_path / "a.yaml").write_text(f"{{name: a, profile: {said}, resources: []}}")
        assert read(tmp_path / "a.yaml").profile == meant
        [variant] = swept(tmp_path / "a.yaml", [sweep.read("/seed=2")])
        assert variant.profile == meant


@pytest.mark.parametrize(
    ("bomb", "said"),
    [
        (
            "x0: &x0 [1, 1]\n" + "".join(f"x{n}: &x{n} [*x{n - 1}, *x{n - 1}]\n" for n in range(1, 40)),
            "f.yaml:1",
        ),
        ("images: &a {web: *a}\n", "f.yaml:1: an alias of this stands inside it"),
    ],
    ids=["many", "in itself"],
)
def test_aliases_that_stand_for_too_much_are_refused(bomb: str, said: str) -> None:
    with pytest.raises(BadScenario, match="alias") as error:
        parse(bomb, "f.yaml")
    assert str(error.value).startswith(said)
