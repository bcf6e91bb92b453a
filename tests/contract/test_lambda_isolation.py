"""Environments as a user's functions have them: a user, files, processes and limits of their own; frozen

between events. As root; without, there is nothing of it to see.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_lambda_functions import create
from tests.fault.leaks import Leaks
from tests.fault.waiting import until
from tests.process import PlaneProcess
from windlass.node import proc
from windlass.node.cgroups import function_group, read_hierarchies

ACCOUNT = "123456789012"
Make = Callable[..., PlaneProcess]
SEES = """
import json, os, resource, subprocess, sys, threading, time
def handler(event, context):
    return globals()[event["do"]](event)
def look(event):
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines())
    return {
        "pid": os.getpid(), "uid": os.getuid(), "groups": os.getgroups(), "session": os.getsid(0),
        "no_new_privs": status["NoNewPrivs"].strip(), "cwd": os.getcwd(), "tmp": sorted(os.listdir("/tmp")),
        "root": sorted(os.listdir("/")), "hidden": os.access("/.windlass", os.X_OK),
        "others": [p for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()],
        "files": resource.getrlimit(resource.RLIMIT_NOFILE), "command": open("/proc/self/cmdline").read(),
        "room": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize,
        "open": len(os.listdir("/proc/self/fd")),
        "child": subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout,
    }
def keep(event):
    open("/tmp/kept", "a").write("x")
    return open("/tmp/kept").read()
def write(event):
    try:
        open(event["path"], "w")
    except OSError as error:
        return type(error).__name__ + " " + str(error.errno)
def bomb(event):
    if not os.fork():
        os.setsid()
        time.sleep(600)
    threading.stack_size(1 << 16)
    for count in range(3000):
        try:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        except RuntimeError:
            return count
def daemons(event):
    for _ in range(20):
        child = os.fork()
        if not child:
            if os.fork() == 0:
                time.sleep(0.01)
            os._exit(0)
        os.waitpid(child, 0)
    time.sleep(0.05)
def eat(event):
    data = []
    while True:
        data.append(bytearray(8 << 20))
ticks = 0
def count(event):
    def tick():
        global ticks
        while True:
            ticks += 1
            time.sleep(0.001)
    if not ticks:
        threading.Thread(target=tick, daemon=True).start()
    time.sleep(0.02)
    return ticks
"""


class Isolated:
    """A plane with the function f."""

    def __init__(self, plane: PlaneProcess) -> None:
        self.plane = plane
        self.client: Any = plane.client("lambda", ACCOUNT)

    def create(self, name: str, **settings: Any) -> None:
        create(self.client, ACCOUNT, name, SEES, Timeout=60, **settings)
        self.client.get_waiter("function_active_v2").wait(FunctionName=name)

    def run(self, what: str, name: str = "f", **event: Any) -> Any:
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps({"do": what, **event}))
        return json.loads(answer["Payload"].read() or b"null")

    @property
    def agent(self) -> int:
        return int((self.plane.data / "agent" / "agent.pid").read_text())

    def server(self) -> int:
        """The fork server's process."""
        servers = [pid for pid in proc.children_of(self.agent) if "windlass fork server" in _title(pid)]
        assert len(servers) == 1, "there is one"
        return servers[0]

    def frozen(self, pid: int) -> bool:
        """Whether the environment of that process is frozen (version 1 or 2)."""
        found = read_hierarchies()
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if found.version == 1 and controllers == "freezer" and found.freezer:
                return "FROZEN" in (found.freezer / group[1:] / "freezer.state").read_text()
            if found.version == 2 and found.freezer:
                return "frozen 1" in (found.freezer / group[1:] / "cgroup.events").read_text()
        return False


def _title(pid: int) -> str:
    return " ".join(proc.command_line(pid))


@pytest.fixture
def isolated(own_plane: Make) -> Isolated:
    made = Isolated(own_plane(isolated=True))
    made.create("f")
    return made


def test_an_environment_has_its_own_place(isolated: Isolated) -> None:
    """User, files, processes, limits; /tmp is kept while it is warm, and no other function's."""
    seen = isolated.run("look")
    assert seen["uid"] >= 1_900_000_000 and seen["groups"] == [] and seen["no_new_privs"] == "1"
    assert seen["session"] == seen["pid"] and seen["cwd"] == "/var/task" and not seen["hidden"]
    # Where this project itself was put below /tmp, the way to its interpreter shows there, and no more.
    assert [name for name in seen["tmp"] if not sys.prefix.startswith(f"/tmp/{name}/")] == []
    assert not {"home", "srv", "mnt", "boot"} & set(seen["root"])
    assert seen["others"] == [] and seen["files"] == [1024, 1024] and seen["open"] <= 6
    assert "function f" in seen["command"] and seen["child"] == "1\n"
    assert seen["room"] == 512 * 2**20
    assert [isolated.run("keep"), isolated.run("keep")] == ["x", "xx"]
    isolated.create("g", EphemeralStorage={"Size": 600})
    assert isolated.run("keep", "g") == "x"
    other = isolated.run("look", "g")
    assert other["room"] == 600 * 2**20 and other["uid"] != seen["uid"]
    for path in ("/var/task/new", "/etc/new", "/opt/new", "/proc/sys/kernel/hostname", "/new"):
        assert isolated.run("write", path=path).split()[0] in ("OSError", "PermissionError"), path
    shown = dict(
        entry.split("=", 1)
        for entry in Path(f"/proc/{seen['pid']}/environ").read_text().split("\0")
        if "=" in entry
    )
    assert shown["AWS_LAMBDA_FUNCTION_NAME"] == "f" and proc.mark(seen["pid"]) is not None


def test_daemons_that_end_are_buried(isolated: Isolated) -> None:
    """What an event leaves and what ends on its own does not stay in the process table."""
    isolated.run("daemons")
    pid = isolated.run("look")["pid"]
    until(lambda: isolated.frozen(pid), "it is frozen")
    isolated.run("look")
    dead = [child for child in proc.children_of(isolated.agent) if _is_dead(child)]
    until(lambda: not any(Path(f"/proc/{child}").exists() for child in dead), "they are buried")


def test_nothing_runs_between_events(isolated: Isolated) -> None:
    """A thread stands still while no event runs; the process can be killed nevertheless."""
    first = isolated.run("count")
    pid = isolated.run("look")["pid"]
    until(lambda: isolated.frozen(pid), "it is frozen")
    one = isolated.run("count")
    assert one > first
    until(lambda: isolated.frozen(pid), "it is frozen again")
    os.kill(pid, signal.SIGKILL)
    assert isolated.run("look")["pid"] != pid, "an event never meets the dead one"


def test_the_next_agent_ends_what_is_frozen(isolated: Isolated) -> None:
    """An agent that is killed leaves its environments frozen: they have to be thawed to die."""
    pid, agent = isolated.run("look")["pid"], isolated.agent
    until(lambda: isolated.frozen(pid), "it is frozen")
    os.kill(agent, signal.SIGKILL)
    until(lambda: isolated.agent != agent and not Path(f"/proc/{pid}").exists(), "the next agent ends it")
    until(lambda: "an agent before this one left" in _log(isolated), "it has looked at all that was left")
    assert "still there" not in _log(isolated)


def _log(isolated: Isolated) -> str:
    return (isolated.plane.data / "agent" / "agent.log").read_text()


def test_a_fork_bomb_and_a_glutton_end_with_their_environments(isolated: Isolated) -> None:
    """1,024 threads and processes, and MemorySize: AWS's error, and the next event runs."""
    leaks = Leaks(isolated.plane.data / "agent")
    assert 1000 < isolated.run("bomb") < 1024
    fault = isolated.run("eat")
    assert fault["errorType"] == "Runtime.ExitError" and "signal: killed" in fault["errorMessage"]
    assert isolated.run("look")["others"] == []
    isolated.client.delete_function(FunctionName="f")
    isolated.plane.stop()
    leaks.none()
    group = function_group(isolated.plane.data / "agent").lstrip("/")
    assert not [root for root in read_hierarchies().roots if (root / group).exists()]


def test_kill_of_the_fork_server(isolated: Isolated) -> None:
    """What runs goes on; the next start gets another server."""
    pid = isolated.run("look")["pid"]
    server = isolated.server()
    os.kill(server, signal.SIGKILL)
    assert isolated.run("look")["pid"] == pid
    names = [f"g{number}" for number in range(6)]
    for name in names:
        isolated.create(name)
    assert len({isolated.run("look", name)["pid"] for name in names}) == 6
    until(lambda: isolated.server() != server, "there is another server")


def test_kill_of_the_agent_ends_what_it_had(isolated: Isolated) -> None:
    """Frozen environments cannot notice, and the next agent ends them; its server and spares end at once."""
    pid = isolated.run("look")["pid"]
    until(lambda: isolated.frozen(pid), "it is frozen")
    agent = isolated.agent
    until(lambda: any("spare" in _title(child) for child in proc.children_of(agent)), "there are spares")
    children = [pid, *proc.children_of(agent)]
    os.kill(agent, signal.SIGKILL)
    until(lambda: all(_is_dead(child) for child in children), "all are gone")
    assert isolated.run("look")["pid"] != pid


def _is_dead(pid: int) -> bool:
    stat = proc.stat(pid)
    return stat is None or stat.state == "Z"
