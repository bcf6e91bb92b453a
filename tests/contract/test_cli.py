"""`windlass` as a user types it: what it prints, and one line that says what is wrong and what to do."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fault.waiting import until
from tests.process import PlaneProcess


def windlass(*arguments: str, endpoint: str = "") -> subprocess.CompletedProcess[str]:
    options = ["--endpoint", endpoint] if endpoint else []
    return subprocess.run(
        [sys.executable, "-m", "windlass", *arguments, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that could not do it."""
    assert done.returncode != 0
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("windlass: ")
    return line


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused(windlass("up", "--port", str(port), "--data", str(tmp_path / "data")))
    assert f"port {port} on 127.0.0.1 is taken" in line
    assert "--port" in line


def test_a_data_directory_in_use_is_said_in_one_line(plane: PlaneProcess) -> None:
    line = refused(windlass("up", "--port", "0", "--data", str(plane.data)))
    assert "in use by another Windlass" in line
    assert "--data" in line


def test_a_damaged_data_directory_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "windlass.db").write_bytes(b"not a database, " * 1_000)
    assert "is damaged" in refused(windlass("up", "--port", "0", "--data", str(tmp_path)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--profile", "nowhere"), "no profile 'nowhere'"),
        (("--host", "192.0.2.1", "--auth", "sigv4"), "cannot listen on 192.0.2.1"),
        (("--data", "/dev/null/data"), "cannot use --data"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    options = ("up", "--port", "0", "--data", str(tmp_path / "data"), *arguments)
    assert says in refused(windlass(*options))


def test_no_plane_is_said_in_one_line() -> None:
    for command in (("status",), ("ps",), ("events",), ("quotas",), ("logs", "x")):
        line = refused(windlass(*command, endpoint="http://127.0.0.1:1"))
        assert "windlass up" in line


def test_status_is_plain_in_a_pipe_and_json_on_request(plane: PlaneProcess) -> None:
    plain = windlass("status", endpoint=plane.endpoint)
    assert f"endpoint\t{plane.endpoint}" in plain.stdout.splitlines()
    assert "\x1b" not in plain.stdout
    found = json.loads(windlass("status", "--json", endpoint=plane.endpoint).stdout)
    assert found["profile"] == "local"
    assert [node["connected"] for node in found["nodes"]] == [True]


def test_a_task_is_seen_and_its_output_read(
    plane: PlaneProcess, client: Callable[..., Any], account: str
) -> None:
    """`ps` shows it while it runs, `logs` its lines then and after its end, `events` why it ended."""
    ecs = client("ecs")
    container = {
        "name": "main",
        "image": "host",
        "memory": 64,
        "command": ["sh", "-c", "echo one; echo two; sleep 600"],
    }
    ecs.register_task_definition(family="talks", containerDefinitions=[container])
    [task] = ecs.run_task(taskDefinition="talks")["tasks"]
    arn = task["taskArn"]
    unit_id = arn.rsplit("/", 1)[1]

    def lines() -> list[str]:
        return [
            line.split("  ", 1)[1]
            for line in windlass("logs", arn, endpoint=plane.endpoint).stdout.splitlines()
        ]

    until(lambda: lines() == ["one", "two"], "its lines are there")
    units = json.loads(windlass("ps", "--json", endpoint=plane.endpoint).stdout)["units"]
    [unit] = [unit for unit in units if unit["id"] == unit_id]
    assert (unit["state"], unit["account"], unit["containers"][0]["status"]) == (
        "running",
        account,
        "running",
    )
    ecs.stop_task(task=arn, reason="seen enough")
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig={"Delay": 1})
    assert lines() == ["one", "two"]
    told = windlass("events", endpoint=plane.endpoint).stdout
    assert any(arn in line and "STOPPED" in line and "seen enough" in line for line in told.splitlines())


def test_logs_of_nothing_say_so(plane: PlaneProcess) -> None:
    assert "no log stream belongs to 'nobody'" in refused(windlass("logs", "nobody", endpoint=plane.endpoint))


def test_quotas_show_the_profile(own_plane: Callable[..., PlaneProcess]) -> None:
    plane = own_plane("--profile", "aws-2022", "--no-agent")
    found = json.loads(windlass("quotas", "--json", endpoint=plane.endpoint).stdout)
    assert found["buckets"]["ecs.cluster_resource_modify"] == {"burst": 100, "per_second": 40}
    assert found["buckets"]["fargate.on_demand"] == {"burst": 100, "per_second": 20}
    assert found["granted"] == found["levels"] == []


def test_quotas_show_what_was_granted_and_what_is_left(own_plane: Callable[..., PlaneProcess]) -> None:
    """1. A request is granted. 2. Twenty clusters empty a bucket. 3. Both are told, with whose they are."""
    plane = own_plane("--profile", "aws-2022", "--no-agent")
    asked = {"ServiceCode": "fargate", "QuotaCode": "L-FAA52651", "DesiredValue": 500}
    plane.client("service-quotas", "111111111111").request_service_quota_increase(**asked)
    ecs = plane.client("ecs", "222222222222")
    for number in range(20):
        ecs.create_cluster(clusterName=f"c{number}")
    told = windlass("quotas", endpoint=plane.endpoint).stdout
    assert "fargate.spot.per_second\t500\t\tgranted to 111111111111/eu-west-1" in told
    [level] = [line for line in told.splitlines() if line.endswith("now in 222222222222/eu-west-1")]
    assert level.startswith("ecs.cluster_modify\t")
    assert "of 20 left\t1/s" in level


def test_reset_clears_every_account(own_plane: Callable[..., PlaneProcess]) -> None:
    """1. Two accounts have things, a task runs. 2. Reset. 3. Nothing is left and nothing runs."""
    import urllib.request

    plane = own_plane("--allow-reset")
    for account in ("111111111111", "222222222222"):
        plane.client("sqs", account).create_queue(QueueName="q")
    ecs = plane.client("ecs", "111111111111")
    container = {"name": "main", "image": "host", "memory": 64, "command": ["sleep", "600"]}
    ecs.register_task_definition(family="f", containerDefinitions=[container])
    arn = ecs.run_task(taskDefinition="f")["tasks"][0]["taskArn"]
    until(lambda: ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"] == "RUNNING", "it runs")
    [unit] = json.loads(windlass("ps", "--json", endpoint=plane.endpoint).stdout)["units"]
    pid = unit["containers"][0]["pid"]
    request = urllib.request.Request(
        f"{plane.endpoint}/_windlass/reset", method="POST", headers={"x-windlass": "1"}
    )
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["rows_deleted"] > 0
    assert plane.client("sqs", "222222222222").list_queues().get("QueueUrls") is None
    assert ecs.list_task_definitions()["taskDefinitionArns"] == []
    until(lambda: not Path(f"/proc/{pid}").exists(), "the task's process is gone")
    plane.client("sqs", "111111111111").create_queue(QueueName="q")


def test_why_a_service_and_its_tasks_wait(
    own_plane: Callable[..., PlaneProcess],
) -> None:
    """1. Without a node tasks wait, and say for what; so does their service. 2. The story has its steps."""
    plane = own_plane("--no-agent")
    ecs = plane.client("ecs", "111111111111")
    ecs.register_task_definition(
        family="talks",
        containerDefinitions=[{"name": "main", "image": "busybox"}],
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
    )
    subnets = [s["SubnetId"] for s in plane.client("ec2", "111111111111").describe_subnets()["Subnets"]]
    ecs.create_service(
        serviceName="web",
        taskDefinition="talks",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
    )

    def said() -> str:
        return windlass("why", "web", endpoint=plane.endpoint).stdout

    waits = "2 tasks pending: it waits for a place: no node is connected."
    until(lambda: waits in said(), "its tasks wait for a node")
    assert said().startswith("service default/web (111111111111, eu-west-1)\t")
    [first, _] = ecs.list_tasks(serviceName="web")["taskArns"]
    for named in (first, first.rpartition("/")[2][:12]):
        [one] = json.loads(windlass("why", named, "--json", endpoint=plane.endpoint).stdout)
        assert (one["kind"], one["arn"], one["service"]) == ("task", first, "web")
        assert [reason["code"] for reason in one["why"]] == ["NODE"]
    told = windlass("events", endpoint=plane.endpoint).stdout
    story = [line.split("\t")[2:] for line in told.splitlines() if ":service/" in line]
    assert [what for what, _, _ in story][:3] == ["deployment", "created", "event"]
    assert "talks:1" in story[0][2]
    assert story[2][2].startswith("has started 2 tasks: (task ")


def test_why_of_nothing_says_so(plane: PlaneProcess) -> None:
    assert "no task, service, job or function is called 'nobody'" in refused(
        windlass("why", "nobody", endpoint=plane.endpoint)
    )
