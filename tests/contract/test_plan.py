"""`windlass plan` as people call it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., str]

SCENARIO = """
name: two-tasks
profile: aws-2022
published: {seconds: 60}
resources:
  - ecs.CreateCluster: {clusterName: default}
  - ecs.RegisterTaskDefinition:
      family: web
      requiresCompatibilities: [FARGATE]
      networkMode: awsvpc
      cpu: "256"
      memory: "512"
      containerDefinitions: [{name: web, image: web}]
  - ecs.CreateService:
      serviceName: web
      taskDefinition: web
      desiredCount: 2
      launchType: FARGATE
      networkConfiguration: {awsvpcConfiguration: {subnets: "${default.subnets}"}}
until: {service: web}
"""


@pytest.fixture
def windlass(programs: Path) -> Run:
    """What a call prints; with `fails` its exit code, what it complains of."""

    def run(*arguments: str, fails: int = 0) -> str:
        command = [str(programs / "windlass"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_a_folder_as_text_json_and_html(windlass: Run, tmp_path: Path) -> None:
    """One object per scenario, with the members that other tools read; the page needs nothing but itself."""
    (tmp_path / "a.yaml").write_text(SCENARIO)
    (tmp_path / "b.yaml").write_text(SCENARIO.replace("two-tasks", "again").replace("{seconds: 60}", "null"))
    page = tmp_path / "plan.html"
    out = windlass("plan", str(tmp_path), "--json", "/dev/stdout", "--html", str(page), "--no-why")
    first, second = json.loads(out)
    assert first["scenario"] == "two-tasks" and first["published_s"] == 60
    assert 50 < first["predicted_s"] < 90 and abs(first["error_pct"]) < 50
    assert first["series"]["running"][-1] == 2 and "published_s" not in second
    assert first["cost"]["usd"] > 0 and first["cost"]["lines"][0]["date"]
    assert "<svg" in page.read_text() and "two-tasks" in page.read_text()
    said = windlass("plan", str(tmp_path / "a.yaml"), "--seed", "3", "--runs", "2")
    assert "2 runs from seed 3" in said and "web is up after" in said


def test_what_is_wrong_is_one_line(windlass: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(SCENARIO.replace("taskDefinition: web", "taskDefinition: wep"))
    assert "resources[2]: ecs.CreateService: " in windlass("plan", str(wrong), fails=2)
    wrong.write_text(SCENARIO.replace("desiredCount: 2", "desiredCounts: 2"))
    assert "desiredCounts: there is no such parameter: did you mean desiredCount?" in windlass(
        "plan", str(wrong), fails=2
    )
    wrong.write_text(SCENARIO + "images: {wep: {size: 1GB}}\n")
    assert "two-tasks: images: no definition has the image 'wep'; there are" in windlass(
        "plan", str(wrong), fails=2
    )
    assert "there is no folder" in windlass("plan", str(wrong), "--json", str(tmp_path / "no" / "x"), fails=2)
    wrong.write_text(SCENARIO + "horizen: 3m\n")
    assert windlass("plan", str(wrong), fails=2).strip().endswith("did you mean horizon?")


def test_what_is_broken_in_a_folder_does_not_keep_the_others(tmp_path: Path) -> None:
    """They are played, it is told with its line, and the exit code says so; on a terminal of ASCII too."""
    (tmp_path / "a.yaml").write_text(SCENARIO)
    (tmp_path / "b.yaml").write_text(SCENARIO.replace("two-tasks", "größer") + "horizen: 3m\n")
    (tmp_path / "c.yaml").write_text(SCENARIO.replace("two-tasks", "größer"))
    command = [sys.executable, "-m", "windlass", "plan", str(tmp_path), "--no-why"]
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 1 and re.search(r"^two-tasks +60 s +\d+ s", done.stdout, re.MULTILINE)
    assert "gr??er" in done.stdout
    assert re.fullmatch(r"windlass: \S+b\.yaml:\d+: unknown key 'horizen'.*\n", done.stderr)


def test_sweeps_comparisons_and_the_schema(windlass: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SCENARIO)
    sweep = ("--sweep", "delay.ecs.healthy_after=10s,100s", "--no-why", "--json", "/dev/stdout")
    quick, slow = json.loads(windlass("plan", str(path), *sweep))
    assert quick["scenario"] == "ecs.healthy_after=10s" and slow["predicted_s"] - quick["predicted_s"] > 80
    other, page = tmp_path / "b.yaml", tmp_path / "plan.html"
    other.write_text(SCENARIO.replace("desiredCount: 2", "desiredCount: 4"))
    compared = windlass(
        "plan", "--compare", str(path), str(other), "--no-why", "--runs", "2", "--html", str(page)
    )
    assert compared.splitlines()[0].split() == ["two-tasks", "(a)", "two-tasks", "(b)", "difference"]
    assert re.search(r"tasks: most that ran at once +2 +4 +\+2 \(\+100.0 %\)", compared)
    assert "two-tasks (b)" in page.read_text() and 'class="band' in page.read_text()
    assert "published" in json.loads(windlass("plan", "--schema"))["$defs"]["Scenario"]["properties"]
    assert "one scenario" in windlass("plan", str(tmp_path), *sweep, fails=2)


def test_where_the_time_goes(windlass: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SCENARIO)
    said = windlass("plan", str(path), "--profile")
    assert re.match(r"[\d.]+ s for \d+ virtual s: [\d,]+ steps, [\d,]+ a second", said)
    assert re.search(r"% +[\d.]+ +[\d,]+  (kernel|fleet|services|sim)\.\w+", said)
    assert "one scenario" in windlass("plan", "--compare", str(path), str(path), "--profile", fails=2)
