"""`windlass demo …`, run as a newcomer does."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.dockerd import a_dockerd

ENDS_WITHIN = ("timeout", "--signal=INT", "--kill-after=60", "300")


@pytest.mark.parametrize("runner", ["process", "oci"])
def test_the_backlog_is_drained(runner: str) -> None:
    """Both acts: every message once, every container exits with 0, and the table says so."""
    drain(runner)


def test_the_backlog_is_drained_by_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with a Docker daemon, which is left as it was but for the image."""
    with a_dockerd() as dockerd:
        monkeypatch.setenv("DOCKER_HOST", dockerd.host)
        drain("docker")
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
    runs = {name: row for name, row in rows.items() if "," in name}
    assert {name: row[-2:] for name, row in runs.items()} == {
        f"{where}, {model}": [interfaces, "yes"]
        for where in ("this machine", "AWS's delays")
        for model, interfaces in (("per-environment", "4"), ("hyperplane", "1"))
    }
    old, new = (float(runs[f"AWS's delays, {model}"][-3]) for model in ("per-environment", "hyperplane"))
    assert old > 7_000 and new < 1_000


def test_a_burst_finds_one_environment_for_each_request() -> None:
    """Cold, warm, in turn, reserved, provisioned: environments, cold starts and throttles as promised."""
    rows = watch("concurrency", "--runner", "process", "--requests", "14")
    counts = {name: [*map(int, row[1:6]), row[-1]] for name, row in rows.items() if row[-1] in ("yes", "no")}
    assert counts == {
        "cold": [14, 14, 0, 14, 14, "yes"],
        "warm": [14, 14, 0, 14, 0, "yes"],
        "in turn": [14, 14, 0, 1, 0, "yes"],
        "reserved": [14, 10, 4, 10, 0, "yes"],
        "provisioned": [14, 14, 0, 14, 4, "yes"],
    }


def drain(runner: str) -> None:
    rows = watch("backlog", "--runner", runner)
    assert rows["act 1"][1:4] == ["25", "10", "10"]
    assert rows["act 2"][1:4] == ["1000", "10", "100"]
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
