"""ECS Exec on real processes: the API, the data channel, and `windlass exec`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.contract.data_channel import OUTPUT, SIZE, DataChannel, serialized
from tests.fault.waiting import until
from tests.process import PlaneProcess
from windlass.node import proc

ROLE = "arn:aws:iam::123456789012:role/exec"


class Site:
    """A task with a container that sleeps, and sessions in it."""

    def __init__(self, ecs: Any) -> None:
        self.ecs = ecs
        self.task = ""
        self._open: list[DataChannel] = []

    def run(self, *more: dict[str, Any], exec: bool = True, **container: Any) -> str:
        main = {"name": "app", "image": "x", "memory": 64, "command": ["sleep", "600"], **container}
        self.ecs.register_task_definition(family="exec", containerDefinitions=[main, *more], taskRoleArn=ROLE)
        answer = self.ecs.run_task(taskDefinition="exec", enableExecuteCommand=exec)
        self.task = answer["tasks"][0]["taskArn"]
        self.reach("RUNNING")
        return self.task

    def show(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ecs.describe_tasks(tasks=[self.task])["tasks"][0]
        return found

    def reach(self, status: str) -> None:
        until(lambda: self.show()["lastStatus"] == status, f"the task is {status}")

    def ask(self, command: str, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ecs.execute_command(
            task=self.task, command=command, **{"interactive": True, **more}
        )
        return answer

    def open(self, command: str, **more: Any) -> DataChannel:
        """A session after its handshake."""
        channel = DataChannel(self.ask(command, **more)["session"])
        self._open.append(channel)
        return channel.handshake()

    def close(self) -> None:
        for channel in self._open:
            channel.close()
        if self.task:
            self.ecs.stop_task(task=self.task)


@pytest.fixture
def site(client: Callable[..., Any]) -> Iterator[Site]:
    ecs = client("ecs")
    ecs.create_cluster()
    made = Site(ecs)
    yield made
    made.close()


def test_a_shell(site: Site) -> None:
    """A shell on a terminal of its own: environment, directory, sizes, keys, its end."""
    arn = site.run(environment=[{"name": "COLOUR", "value": "green"}])
    shown = site.show()
    assert shown["enableExecuteCommand"]
    agent = shown["containers"][0]["managedAgents"][0]
    assert (agent["name"], agent["lastStatus"]) == ("ExecuteCommandAgent", "RUNNING")
    answer = site.ask("env PS1= /bin/sh")
    assert answer["taskArn"] == arn
    assert answer["containerArn"] == shown["containers"][0]["containerArn"]
    assert (answer["containerName"], answer["interactive"]) == ("app", True)
    assert answer["session"]["sessionId"].startswith("ecs-execute-command-")
    shell = DataChannel(answer["session"]).handshake()
    shell.resize(101, 33)
    shell.type("echo $COLOUR-$TERM; stty size\r")
    shell.see("green-xterm-256color\r\n33 101\r\n")
    shell.resize(55, 22)
    shell.type("stty size\r")
    shell.see("22 55\r\n")
    shell.type("sh -c 'echo go; exec sleep 600'\r")  # one process: what says go is what the key reaches
    shell.see("\ngo\r\n")
    shell.type("\x03")
    shell.type("echo ag''ain; exit 3\r")
    shell.see("again\r\n")
    closed = shell.end()
    assert closed["SessionId"] == answer["session"]["sessionId"]
    assert (closed["MessageType"], closed["Output"], closed["ExitCode"]) == ("channel_closed", "", 3)
    assert shell.hear() is None


def test_messages_twice_out_of_order_and_damaged(site: Site) -> None:
    """The command gets its input once and in order; what is damaged ends the session."""
    site.run()
    shell = site.open("sh -c 'stty -echo; echo ready; exec cat'")
    shell.see("ready")
    first, second, third = (shell.message(OUTPUT, f"{word}\n".encode()) for word in ("one", "two", "three"))
    shell.raw(third, second, third, first, second, first)
    shell.see("one\r\ntwo\r\nthree\r\n")
    shell.type("four\n")
    shell.see("one\r\ntwo\r\nthree\r\nfour\r\n")
    damaged = bytearray(shell.message(OUTPUT, b"five\n"))
    damaged[-1] ^= 1
    shell.raw(bytes(damaged))
    while shell.step():
        pass
    assert b"five" not in shell.output


def test_output_comes_again_until_it_is_acknowledged(site: Site) -> None:
    """A message that nobody acknowledged is repeated, the same, and then no more."""
    site.run()
    shell = site.open("sh -c 'echo hello; exec sleep 600'")
    heard = shell.hear()
    again = shell.hear()
    assert heard is not None
    assert heard == again
    assert heard.payload == b"hello\r\n"
    shell.acknowledge(heard)
    with pytest.raises(TimeoutError):
        while (repeated := shell.hear(1.5)) == heard:
            pass
        raise AssertionError(repeated)


def test_a_flood_waits_for_a_slow_reader(site: Site, plane: PlaneProcess) -> None:
    """Without acknowledgements a window comes and no more; plane and agent do not grow; reports go on."""
    site.run()
    shell = site.open("sh -c 'stty -onlcr; exec yes 0123456789012345678901234567890'")
    window = {shell.hear() for _ in range(64)}
    assert len(window) >= 60, "few of them repeats"
    assert plane.process is not None
    pids = [plane.process.pid, json.loads((plane.data / "agent" / "agent.json").read_text())["pid"]]
    before = [resident(pid) for pid in pids]
    other = site.ecs.run_task(taskDefinition="exec", overrides={
        "containerOverrides": [{"name": "app", "command": ["true"]}]
    })["tasks"][0]["taskArn"]  # fmt: skip
    until(
        lambda: site.ecs.describe_tasks(tasks=[other])["tasks"][0]["lastStatus"] == "STOPPED",
        "another task runs and its end is reported",
    )
    repeated = [shell.hear() for _ in range(3)]
    assert len(set(repeated)) == 1, "the oldest, again and again"
    for was, pid in zip(before, pids, strict=True):
        assert resident(pid) - was < 8 * 2**20
    for _ in range(2_000):
        assert shell.step()
    line = b"0123456789012345678901234567890\n"
    assert len(shell.output) > 100_000
    assert shell.output.replace(line, b"") in (b"", shell.output[-(len(shell.output) % len(line)) :])


def resident(pid: int) -> int:
    """Bytes of memory."""
    stat = proc.stat(pid)
    assert stat is not None
    return stat.resident_pages * 4096


def test_a_token_is_good_once_and_for_its_session(site: Site) -> None:
    """Wrong, another session's, used: the connection is closed without a word."""
    site.run()
    one, two = site.ask("sleep 600")["session"], site.ask("sleep 600")["session"]
    for session, token in ((one, "wrong"), (one, ""), (one, two["tokenValue"])):
        assert DataChannel(session, token).hear() is None
    shell = DataChannel(one).handshake()
    assert DataChannel(one).hear() is None
    shell.close()
    assert DataChannel({**one, "streamUrl": one["streamUrl"].replace("ecs-", "x-")}).hear() is None
    with pytest.raises(InvalidStatus):
        connect(one["streamUrl"], origin="https://evil.example", proxy=None)  # type: ignore[arg-type]
    with pytest.raises(InvalidStatus):
        connect(one["streamUrl"].split("/v1/")[0] + "/elsewhere", proxy=None)


@pytest.mark.parametrize("first", [b"\x00\x01", "{}", "no json"])
def test_what_is_no_client(site: Site, first: bytes | str) -> None:
    """Whoever does not begin with OpenDataChannelInput is sent away."""
    site.run()
    session = site.ask("true")["session"]
    with connect(session["streamUrl"], proxy=None) as connection:
        connection.send(first)
        assert list(connection) == []
    DataChannel(session).handshake().end()


def test_a_client_that_fails_the_handshake(site: Site) -> None:
    """A client that does not know the session type is told so, and nothing runs."""
    site.run()
    channel = DataChannel(site.ask("touch never")["session"])
    request = channel.hear()
    assert request is not None
    channel.acknowledge(request)
    answer = {"ClientVersion": "1", "ProcessedClientActions": [], "Errors": ["no such type"]}
    channel.raw(channel.message(6, json.dumps(answer).encode()))
    assert "no such type" in channel.end()["Output"]


def test_a_client_that_vanishes(site: Site, tmp_path: Path) -> None:
    """The command gets SIGHUP, as from a terminal that is closed."""
    site.run()
    mark = tmp_path / "hung-up"
    shell = site.open(f"sh -c 'trap \"touch {mark}; exit\" HUP; echo ready; while :; do sleep 0.1; done'")
    shell.see("ready")
    shell.vanish()
    until(mark.exists, "the command is told")


def test_sessions_end_with_their_task(site: Site) -> None:
    """Also a command that minds no signal."""
    site.run(stopTimeout=2)
    shell = site.open("sh -c 'trap \"\" HUP TERM INT; echo ready; while :; do sleep 0.1; done'")
    shell.see("ready")
    site.ecs.stop_task(task=site.task)
    shell.end()
    site.reach("STOPPED")


def test_terminate_flag(site: Site) -> None:
    """A client may end its session by a flag, as the plugin does."""
    site.run()
    shell = site.open("sh -c 'echo ready; sleep 600'")
    shell.see("ready")
    shell.raw(shell.message(10, b"\x00\x00\x00\x02"))
    shell.end()


def test_how_many(site: Site) -> None:
    """Ten sessions in a container; one that ends makes room."""
    site.run()
    sessions = [site.ask("sleep 600")["session"] for _ in range(10)]
    with pytest.raises(ClientError, match="at most 10 sessions"):
        site.ask("sleep 600")
    first = DataChannel(sessions[0]).handshake()
    first.close()
    until(lambda: made(site), "there is room")


def made(site: Site) -> bool:
    try:
        site.ask("sleep 600")
    except ClientError:
        return False
    return True


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"interactive": False}, "InvalidParameterException", "Interactive is the only mode"),
        ({"command": ""}, "InvalidParameterException", "Command cannot be empty."),
        ({"command": "sh -c 'open"}, "InvalidParameterException", "No closing quotation"),
        ({"container": "nobody"}, "InvalidParameterException", "nobody"),
        ({"container": None}, "InvalidParameterException", "Container name must be specified"),
        ({"task": "0" * 32}, "InvalidParameterException", "not found"),
        ({"cluster": "nowhere"}, "ClusterNotFoundException", "Cluster not found."),
    ],
)
def test_what_is_refused(site: Site, params: dict[str, Any], code: str, message: str) -> None:
    """Of a task with two containers."""
    other = {"name": "other", "image": "x", "memory": 64, "command": ["sleep", "600"]}
    task = site.run(other)
    given = {"task": task, "command": "sh", "interactive": True, "container": "app", **params}
    with pytest.raises(ClientError) as caught:
        site.ecs.execute_command(**{name: value for name, value in given.items() if value is not None})
    assert caught.value.response["Error"]["Code"] == code
    assert message in caught.value.response["Error"]["Message"]


def test_tasks_that_did_not_ask_for_it(site: Site) -> None:
    """Without enableExecuteCommand, without a role, after the end."""
    site.run(exec=False)
    assert not site.show()["enableExecuteCommand"]
    assert "managedAgents" not in site.show()["containers"][0]
    with pytest.raises(ClientError, match="execute command was not enabled"):
        site.ask("sh")
    site.ecs.register_task_definition(
        family="no-role",
        containerDefinitions=[{"name": "app", "image": "x", "memory": 64, "command": ["true"]}],
    )
    with pytest.raises(ClientError, match="a valid taskRoleArn is not being used"):
        site.ecs.run_task(taskDefinition="no-role", enableExecuteCommand=True)


def test_a_command_that_cannot_run(site: Site) -> None:
    """The session opens, and ends with the reason."""
    site.run()
    channel = DataChannel(site.ask("no-such-command")["session"]).handshake()
    assert 'exec: "no-such-command": executable file not found' in channel.end()["Output"]


def test_windlass_exec(site: Site, plane: PlaneProcess) -> None:
    """In a script: input from a pipe, bytes as they are, the exit code; an id instead of an ARN."""
    site.run(environment=[{"name": "COLOUR", "value": "green"}])
    data = bytes(range(256)) * 400
    done = windlass_exec(plane, site.task, "cat", input=data)
    assert (done.returncode, done.stdout) == (0, data)
    done = windlass_exec(plane, site.task[-32:], "sh", input=b"echo $COLOUR; exit 7")
    assert (done.returncode, done.stdout) == (7, b"green\n")
    done = windlass_exec(plane, site.task, "--container", "app", "--", "sh", "-c", "echo x; test -t 0")
    assert (done.returncode, done.stdout) == (1, b"x\n")
    done = windlass_exec(plane, "f" * 32, "true")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"no tasks are called" in done.stderr


def windlass_exec(plane: PlaneProcess, *words: str, input: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "windlass", "exec", "--endpoint", plane.endpoint, *words],
        input=input, capture_output=True, check=False, timeout=60,
    )  # fmt: skip


def test_early_input_is_not_lost(site: Site) -> None:
    """What is typed before the command runs waits for it; a size that is nonsense ends the session."""
    site.run()
    shell = site.open("sh -c 'stty -echo; read line; echo got $line; sleep 600'")
    shell.type("words\n")
    shell.see("got words")
    shell.raw(serialized("input_stream_data", 2, SIZE, b"no size"))
    while shell.step():
        pass
