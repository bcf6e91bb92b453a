"""Machines of one's own whose link is cut, slow or lossy; real agents in network namespaces. Needs root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fault.waiting import until
from tests.process import PlaneProcess
from tests.remote_build import Machine, RemoteAgent, Site, SlowRoad, a_machine

LEASE_S, LOST_AFTER_S = 3, 8
PROFILE = f"""
[quotas]
"fleet.node_lease_s" = {{ value = {LEASE_S} }}
"fleet.node_lost_after_s" = {{ value = {LOST_AFTER_S} }}
"""


class Joined(Site):
    """A plane, and one machine that joined it over its cable."""

    def __init__(self, plane: PlaneProcess, machine: Machine, scratch: Path) -> None:
        super().__init__(plane)
        self.machine = machine
        self.scratch = scratch
        self.url = f"http://{machine.host}:{plane.port}"
        activation = self.activation()
        self.agent = RemoteAgent(scratch / "machine", self.url, machine=machine)
        self.agent.start("--activation", activation)
        [self.id] = until(self.online, "the machine is online")
        self.ecs = self.client("ecs")
        [self.instance] = until(
            lambda: self.ecs.list_container_instances()["containerInstanceArns"], "it is in the cluster"
        )

    def connected(self) -> bool:
        [row] = self.ecs.describe_container_instances(containerInstances=[self.instance])[
            "containerInstances"
        ]
        return bool(row["agentConnected"])

    def task(self, script: str, count: int = 1) -> list[str]:
        """Run the script on the machine: ARNs of the tasks."""
        container = {"name": "main", "image": "host", "memory": 8, "command": ["sh", "-c", script]}
        definition = self.ecs.register_task_definition(
            family="far", requiresCompatibilities=["EXTERNAL"], containerDefinitions=[container]
        )["taskDefinition"]["taskDefinitionArn"]
        answer = self.ecs.run_task(taskDefinition=definition, launchType="EXTERNAL", count=count)
        assert answer["failures"] == []
        return [task["taskArn"] for task in answer["tasks"]]

    def described(self, arns: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ecs.describe_tasks(tasks=arns)["tasks"]
        return found

    def all_are(self, arns: list[str], status: str) -> bool:
        return {task["lastStatus"] for task in self.described(arns)} == {status}


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Joined]:
    scratch = tmp_path_factory.mktemp("anywhere")
    (scratch / "profile.toml").write_text(PROFILE)
    options = ("--host", "0.0.0.0", "--auth", "sigv4", "--profile", str(scratch / "profile.toml"))
    plane = PlaneProcess(scratch / "plane", *options).start()
    try:
        with a_machine() as machine:
            site = Joined(plane, machine, scratch)
            yield site
            assert site.agent.stop() == 0, site.agent.said[-3000:]
    finally:
        plane.stop()


def test_a_task_of_the_machine(joined: Joined) -> None:
    """It runs there, is told the plane's URL as the machine knows it, and its output comes back."""
    [arn] = joined.task('echo "at $AWS_ENDPOINT_URL"; ls /sys/class/net; exit 3')
    until(lambda: joined.all_are([arn], "STOPPED"), "it ends")
    [task] = joined.described([arn])
    assert (task["launchType"], task["containerInstanceArn"]) == ("EXTERNAL", joined.instance)
    assert task["containers"][0]["exitCode"] == 3
    logs = joined.client("logs")
    lines = until(
        lambda: [
            event["message"] for event in logs.filter_log_events(logGroupName="/ecs/far").get("events", ())
        ],
        "its output arrives",
    )
    assert lines[0] == f"at {joined.url}"
    assert sorted(lines[1:]) == ["eth0", "lo"]


def test_a_cut_that_mends_in_time(joined: Joined, tmp_path: Path) -> None:
    """1. The cable is pulled. 2. One task ends. 3. It is mended: one goes on, the other's code is known."""
    runs, gate = tmp_path / "runs", tmp_path / "gate"
    ends = joined.task(f"echo ends >> {runs}; until [ -e {gate} ]; do sleep 0.1; done; exit 7")
    stays = joined.task(f"echo stays >> {runs}; exec sleep 600")
    until(lambda: joined.all_are([*ends, *stays], "RUNNING"), "both run")
    joined.machine.cut()
    until(lambda: not joined.connected(), "the plane notices")
    gate.touch()
    assert joined.all_are([*ends, *stays], "RUNNING")
    joined.machine.mend()
    until(lambda: joined.all_are(ends, "STOPPED"), "the end is learnt")
    [task] = joined.described(ends)
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 7)
    assert joined.connected() and joined.all_are(stays, "RUNNING")
    joined.ecs.stop_task(task=stays[0])
    until(lambda: joined.all_are(stays, "STOPPED"), "it can be stopped")
    assert sorted(runs.read_text().split()) == ["ends", "stays"]


def test_a_machine_that_is_lost_comes_back(joined: Joined, tmp_path: Path) -> None:
    """1. It stays away too long: its task is STOPPED. 2. It is back: what it still runs is ended."""
    alive = tmp_path / "alive"
    [arn] = joined.task(f"trap 'rm {alive}; exit 0' TERM; touch {alive}; while :; do sleep 0.1; done")
    until(alive.exists, "it runs")
    joined.machine.cut()
    until(lambda: joined.all_are([arn], "STOPPED"), "it is given up")
    [task] = joined.described([arn])
    assert task["stopCode"] == "TerminationNotice"
    assert task["stoppedReason"] == f"Host EC2 (instance {joined.id}) terminated."
    assert "exitCode" not in task["containers"][0]
    assert alive.exists() and not joined.connected()
    joined.machine.mend()
    until(joined.connected, "it is back")
    until(lambda: not alive.exists(), "what it still ran is ended")
    [again] = joined.task("exit 0")
    until(lambda: joined.all_are([again], "STOPPED"), "it takes tasks again")
    assert joined.described([arn])[0]["stopCode"] == "TerminationNotice"


def test_a_link_that_loses_packets(joined: Joined, tmp_path: Path) -> None:
    """A fifth of all packets, both ways: every task runs once, and its end is learnt."""
    runs = tmp_path / "runs"
    joined.machine.lose_packets(20)
    try:
        arns = [arn for _ in range(2) for arn in joined.task(f"echo x >> {runs}; exit 0", 10)]
        until(lambda: joined.all_are(arns, "STOPPED"), "all end", 120)
    finally:
        lost = joined.machine.lose_none()
    assert lost
    codes = {task["containers"][0].get("exitCode") for task in joined.described(arns)}
    assert codes == {0}
    assert len(runs.read_text().split()) == len(arns)


def test_a_slow_link(joined: Joined, tmp_path: Path) -> None:
    """300 ms each way, and the plane at another address: the agent goes on as the node that it is."""
    road = SlowRoad(joined.machine.host, ("127.0.0.1", joined.plane.port), 0.3)
    slow = RemoteAgent(joined.agent.data, f"http://{joined.machine.host}:{road.port}", machine=joined.machine)
    joined.agent.stop()
    try:
        slow.start()
        until(joined.connected, "it is back by the other way")
        runs = tmp_path / "runs"
        arns = joined.task(f'echo "$AWS_ENDPOINT_URL" >> {runs}; exit 0', 5)
        until(lambda: joined.all_are(arns, "STOPPED"), "all end")
        assert runs.read_text().split() == [slow.url] * 5
        until(lambda: joined.online() == [joined.id], "it is online, if a session broke then again")
    finally:
        slow.stop()
        until(lambda: not joined.connected(), "its session is over")
        road.close()
        joined.agent.start()
    until(joined.connected, "it is back by its own way")
