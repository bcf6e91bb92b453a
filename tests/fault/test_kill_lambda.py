"""SIGKILL of the plane, of an environment and of the agent in the middle of invocations.

Functions write who and where they are to a file, and go on when the test has opened their gate: a file too.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.contract.test_lambda_functions import create
from tests.fault.waiting import until
from tests.process import PlaneProcess
from windlass.node import proc

ACCOUNT = "123456789012"
Make = Callable[..., PlaneProcess]
SOURCE = """
import os, time
def handler(event, context):
    note = lambda what: open({notes!r}, "a").write(f"{{what}} {{event['n']}} {{os.getpid()}}\\n")
    note("began")
    while event.get("waits") and not os.path.exists({gate!r}):
        time.sleep(0.01)
    note("ended")
    return os.getpid()
"""


@dataclass(frozen=True, slots=True)
class Function:
    """The function f of a plane, and what its environments left in the test's directory."""

    plane: PlaneProcess
    directory: Path

    def deploy(self) -> None:
        source = SOURCE.format(notes=str(self.directory / "notes"), gate=str(self.directory / "gate"))
        create(self.aws(), ACCOUNT, "f", source, Timeout=60)
        self.aws().get_waiter("function_active_v2").wait(FunctionName="f")

    def aws(self) -> Any:
        return self.plane.client("lambda", ACCOUNT)

    def invoke(self, n: int, *, waits: bool = False, **params: Any) -> Any:
        """The whole answer, its payload read."""
        payload = json.dumps({"n": n, "waits": waits})
        answer = self.aws().invoke(FunctionName="f", Payload=payload, **params)
        return answer | {"Payload": json.loads(answer["Payload"].read() or b"null")}

    def pids(self, what: str, n: int) -> list[int]:
        """Processes that noted that of that event."""
        path = self.directory / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [int(line.split()[2]) for line in lines if line.split()[:2] == [what, str(n)]]

    def running(self, n: int) -> int:
        """The process that runs that event, once it does."""
        return until(lambda: self.pids("began", n), f"event {n} runs")[0]

    def open_gate(self) -> None:
        (self.directory / "gate").touch()


@pytest.fixture
def function(own_plane: Make, tmp_path: Path) -> Function:
    made = Function(own_plane(), tmp_path)
    made.deploy()
    return made


class Asker:
    """Invokes in a thread: `answer` is what came of it."""

    def __init__(self, function: Function, n: int) -> None:
        self.answer: Any = None
        self._function = function
        self._n = n
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self.answer = self._function.invoke(self._n, waits=True)
        except (BotoCoreError, ClientError) as error:
            self.answer = error

    def wait(self) -> Any:
        self._thread.join(60)
        assert not self._thread.is_alive(), "the invocation never ended"
        return self.answer


def is_gone(pid: int) -> bool:
    stat = proc.stat(pid)
    return stat is None or stat.state == "Z"


def agent_pid(plane: PlaneProcess) -> int:
    return int((plane.data / "agent" / "agent.pid").read_text())


def test_an_event_outlives_the_plane_and_its_environment_is_used_again(function: Function) -> None:
    """1. Killed in mid-invoke. 2. The event ends without a plane. 3. The next plane uses that environment."""
    asker = Asker(function, 1)
    pid = function.running(1)
    port = function.plane.port
    function.plane.kill()
    assert isinstance(asker.wait(), BotoCoreError)
    function.open_gate()
    until(lambda: function.pids("ended", 1), "the event ends")
    function.plane.start(port)
    assert function.invoke(2)["Payload"] == pid


def test_an_environment_still_busy_after_the_restart_holds_nobody_up(function: Function) -> None:
    """The next event gets another environment at once; the busy one ends with its event."""
    asker = Asker(function, 1)
    pid = function.running(1)
    port = function.plane.port
    function.plane.kill()
    asker.wait()
    function.plane.start(port)
    answer = function.invoke(2)
    assert answer["Payload"] != pid and not function.pids("ended", 1)
    function.open_gate()
    until(lambda: is_gone(pid), "the old environment ends")
    assert function.pids("ended", 1) == [pid]
    assert function.invoke(3)["Payload"] == answer["Payload"]


def test_on_another_port_environments_are_replaced(function: Function) -> None:
    """Theirs is the old plane's address: the idle one ends, the next event gets a fresh one."""
    pid = function.invoke(1)["Payload"]
    port = function.plane.port
    function.plane.kill()
    function.plane.start()
    assert function.plane.port != port
    assert function.invoke(2)["Payload"] != pid
    until(lambda: is_gone(pid), "the old environment ends")


def test_every_accepted_event_runs(function: Function) -> None:
    """One runs, nine wait behind reserved concurrency 1: after the kill all ten run to their end."""
    function.aws().put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    for n in range(10):
        assert function.invoke(n, waits=True, InvocationType="Event")["StatusCode"] == 202
    until(lambda: any(function.pids("began", n) for n in range(10)), "one runs")
    port = function.plane.port
    function.plane.kill()
    function.plane.start(port)
    function.aws().delete_function_concurrency(FunctionName="f")
    function.open_gate()
    until(lambda: all(function.pids("ended", n) for n in range(10)), "all have run")


def test_kill_of_an_environment(function: Function) -> None:
    """In mid-invoke: AWS's function error; the next event gets a new environment."""
    asker = Asker(function, 1)
    pid = function.running(1)
    os.kill(pid, signal.SIGKILL)
    answer = asker.wait()
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["Payload"] == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: signal: killed",
    }
    assert function.invoke(2)["Payload"] != pid


def test_kill_of_an_idle_environment(function: Function) -> None:
    """Between two events: nobody notices."""
    pid = function.invoke(1)["Payload"]
    os.kill(pid, signal.SIGKILL)
    answer = function.invoke(2)
    assert "FunctionError" not in answer and answer["Payload"] != pid


def test_kill_of_the_agent(function: Function) -> None:
    """Its event fails as AWS's fault, its task goes on; the next agent runs new environments."""
    plane = function.plane
    ecs = plane.client("ecs", ACCOUNT)
    container = {"name": "main", "image": "host", "memory": 64, "command": ["sleep", "600"]}
    ecs.register_task_definition(family="stays", containerDefinitions=[container])
    [task] = ecs.run_task(taskDefinition="stays")["tasks"]

    def status(arn: str) -> str:
        return str(ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"])

    until(lambda: status(task["taskArn"]) == "RUNNING", "the task runs")
    asker = Asker(function, 1)
    pid, agent = function.running(1), agent_pid(plane)
    os.kill(agent, signal.SIGKILL)
    answer = asker.wait()
    assert isinstance(answer, ClientError)
    assert answer.response["Error"]["Code"] == "ServiceException"
    assert answer.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    until(lambda: is_gone(pid), "the environment of the dead agent is gone")
    assert agent_pid(plane) != agent
    assert function.invoke(2)["Payload"] != pid
    assert status(task["taskArn"]) == "RUNNING"
    ecs.stop_task(task=task["taskArn"])
    until(lambda: status(task["taskArn"]) == "STOPPED", "the task is stopped by the next agent")
    [stopped] = ecs.describe_tasks(tasks=[task["taskArn"]])["tasks"]
    assert (stopped["containers"][0]["exitCode"], stopped["stopCode"]) == (143, "UserInitiated")


class Publisher:
    """Changes and publishes the function in a thread until the plane is gone; `numbers` were answered."""

    def __init__(self, function: Function) -> None:
        self.numbers: list[str] = []
        self._aws = function.aws()
        self._thread = threading.Thread(target=self._publish)
        self._thread.start()

    def _publish(self) -> None:
        try:
            for timeout in range(61, 900):
                self._aws.update_function_configuration(FunctionName="f", Timeout=timeout)
                self._aws.get_waiter("function_updated_v2").wait(FunctionName="f")
                self.numbers.append(self._aws.publish_version(FunctionName="f")["Version"])
        except BotoCoreError:
            return

    def wait(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive(), "it publishes on"


def test_versions_outlive_the_plane_and_keep_their_environments(function: Function) -> None:
    """Killed while it publishes: what was answered is there, numbers go on, version 1 runs where it ran."""
    aws, plane = function.aws(), function.plane
    aws.publish_version(FunctionName="f")
    aws.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    aws.get_waiter("published_version_active").wait(
        FunctionName="f", Qualifier="1", WaiterConfig={"Delay": 1}
    )
    pid = function.invoke(1, Qualifier="live")["Payload"]
    publisher = Publisher(function)
    until(lambda: len(publisher.numbers) > 1, "versions are published")
    port = plane.port
    plane.kill()
    publisher.wait()
    plane.start(port)
    pages = function.aws().get_paginator("list_versions_by_function").paginate(FunctionName="f")
    there = [version["Version"] for page in pages for version in page["Versions"]]
    assert there[0] == "$LATEST" and set(there) >= {"1", *publisher.numbers}
    assert [int(number) for number in there[1:]] == list(range(1, len(there)))
    assert function.invoke(2, Qualifier="live")["Payload"] == pid


def test_provisioned_environments_outlive_the_plane_and_not_their_agent(function: Function) -> None:
    """Killed, the plane takes its environment over; after its agent has died there is another one."""
    aws, plane = function.aws(), function.plane
    aws.publish_version(FunctionName="f")
    of = {"FunctionName": "f", "Qualifier": "1"}
    aws.get_waiter("published_version_active").wait(**of, WaiterConfig={"Delay": 1})
    aws.put_provisioned_concurrency_config(**of, ProvisionedConcurrentExecutions=1)

    def ready() -> bool:
        config = function.aws().get_provisioned_concurrency_config(**of)
        return (config["Status"], config["AvailableProvisionedConcurrentExecutions"]) == ("READY", 1)

    until(ready, "provisioned concurrency")
    pid, port = function.invoke(1, Qualifier="1")["Payload"], plane.port
    plane.kill()
    plane.start(port)
    assert ready() and function.invoke(2, Qualifier="1")["Payload"] == pid
    agent = agent_pid(plane)
    os.kill(agent, signal.SIGKILL)
    until(lambda: is_gone(pid), "the environment of the dead agent is gone")
    until(lambda: agent_pid(plane) != agent and ready(), "another environment is ready")
    assert function.invoke(3, Qualifier="1")["Payload"] != pid
