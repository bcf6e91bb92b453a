"""`windlass demo …`, run as a newcomer does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.dockerd import a_dockerd

ENDS_WITHIN = ("timeout", "--signal=INT", "--kill-after=60", "300")


@pytest.mark.parametrize(("runner", "containers"), [("process", 3), ("oci", 3)])
def test_the_backlog_is_drained(runner: str, containers: int) -> None:
    """Both acts: every message once, every container exits with 0, and the table says so."""
    drain(runner, containers)


def test_the_backlog_is_drained_by_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a Docker daemon, left as it was but for the image, and with fewer containers at once."""
    with a_dockerd() as dockerd:
        monkeypatch.setenv("DOCKER_HOST", dockerd.host)
        drain("docker", containers=2)
        assert dockerd.containers() == []


def test_a_service_is_rolled_out() -> None:
    """Up, updated under load, rolled back, backed off, interrupted: every act as promised."""
    rows = watch("rollout", "--runner", "process", "--tasks", "30")
    assert {name: row[-1] for name, row in rows.items() if name} == dict.fromkeys(
        ("up", "update", "rolled back", "crash loop", "spot"), "yes"
    )
    assert int(rows["update"][3]) >= 30 and int(rows["update"][4]) <= 60


def test_a_vpc_costs_a_cold_start_less_than_it_did() -> None:
    """Both models, for real and with AWS's delays: interfaces, phases, and the time a function is Pending."""
    rows = watch("cold-start", "--runner", "process", "--starts", "4")
    models = ("per-environment", "hyperplane")
    assert rows["medians, ms"][1:] == [f"{where}, {model}" for where in ("here", "AWS") for model in models]
    assert rows["interfaces"][1:] == ["4", "1", "4", "1"]
    assert rows["as promised"][1:] == ["yes"] * 4
    old, new = (float(cell) for cell in rows["cold start"][3:])
    assert old > 7_000 and new < 1_000


def test_a_film_is_rendered() -> None:
    """A pipeline on Batch: the cap kept and used, retries, a timeout, and jobs that overtake."""
    rows = watch("batch", "--runner", "process", "--frames", "30")
    assert {name: row[-1] for name, row in rows.items() if name} == dict.fromkeys(
        ("pipeline", "vCPU cap", "retries", "timeout", "urgent"), "yes"
    )
    assert rows["pipeline"][1] == "33"
    assert rows["retries"][3] == "frame 10: exit codes 75, 75, 0"


def test_one_application_runs_three_ways(tmp_path: Path) -> None:
    """The same few requests to each: all are answered, none by 5xx, and the page has its charts."""
    page = tmp_path / "traffic.html"
    rows = watch(
        "traffic", "--runner", "process", "--rate", "1", "--seconds", "2", "4", "1", "--html", str(page)
    )
    assert {name: row[-1] for name, row in rows.items() if name} == dict.fromkeys(
        ("Lambda", "ECS", "App Runner"), "yes"
    )
    assert {row[1] for name, row in rows.items() if name} == {"41"}
    assert page.read_text().count('class="plot"') == 6


def drain(runner: str, containers: int) -> None:
    rows = watch("backlog", "--runner", runner, "--containers", str(containers))
    assert rows["act 1"][1:4] == ["25", "10", "10"]
    assert rows["act 2"][1:4] == ["1000", "10", str(10 * containers)]
    assert (rows["act 1"][-1], rows["act 2"][-1]) == ("yes", "yes")


def watch(*demo: str) -> dict[str, list[str]]:
    """The rows of the demo's table by their names.

    A demo that takes too long is interrupted as by its user: then it takes its plane and tasks along.
    """
    done = subprocess.run(
        [*ENDS_WITHIN, sys.executable, "-m", "windlass", "demo", *demo],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.split("\t")[0]: line.split("\t") for line in done.stdout.splitlines() if "\t" in line}
