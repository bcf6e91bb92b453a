"""Tasks that are started and stopped in a random order, and what must be true of them whatever happens.

Every task writes a line when it starts, so that a second run of the same task cannot go unseen. All of them
have the directory of those lines in their environment, by which leftovers are found (leaks.py).
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.fault.leaks import Leaks
from tests.fault.waiting import until
from tests.process import PlaneProcess
from windlass.node import proc

ACCOUNT = "123456789012"
TASKS_MIN = 20
TASKS_MAX = 500
ALIVE_MAX = 40
SETTLES_WITHIN_S = 120
KILL_SHARE = 0.01
"""How many of all things done are kills, in a soak that kills."""

BEGIN = 'echo started >>"$D/$N.starts"; '
KINDS = {
    "ends": (BEGIN + "exit 0", {0}),
    "fails": (BEGIN + "exit 3", {3}),
    "obeys": (BEGIN + "trap 'exit 7' TERM; sleep 600 & wait", {7, 143}),
    "ignores": (BEGIN + "trap '' TERM; sleep 600; sleep 600", {137}),
}
"""Kind → its script, and the exit codes that it may have once it ran."""
KILLED = {137, 143}
"""Stopped before its trap stood, or in spite of it."""
NEVER_BEGUN = {2}
"""SIGTERM met Docker's runc, which is in Go and process 1 there, before it had become the script."""


@dataclass
class Soak:
    """One run: `step` until bored, then `finish`. The same seed draws the same order of things to do."""

    plane: PlaneProcess
    leaks: Leaks
    directory: Path
    image: str
    seed: int
    kills: bool
    """SIGKILL agents and planes on the way, too."""
    started: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Task ARN → its number and kind, of every RunTask that was acknowledged."""
    stopping: set[str] = field(default_factory=set)
    numbers: int = 0
    killed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory.mkdir(mode=0o777)
        self.random = random.Random(self.seed)
        self.client = self.plane.client("ecs", ACCOUNT)  # planes come back on their port
        ecs = self.client
        ecs.create_cluster()
        for kind, (script, _) in KINDS.items():
            ecs.register_task_definition(
                family=kind,
                networkMode="host",
                volumes=[{"name": "d", "host": {"sourcePath": str(self.directory)}}],
                containerDefinitions=[
                    {
                        "name": "main",
                        "image": self.image,
                        "memory": 16,
                        "cpu": 1,
                        "command": ["sh", "-c", script],
                        "stopTimeout": 2,
                        "mountPoints": [{"sourceVolume": "d", "containerPath": str(self.directory)}],
                    }
                ],
            )

    def run(self, seconds: float) -> None:
        """Do random things for so long, and on until there were enough tasks."""
        ends_at = time.monotonic() + seconds
        deeds: list[Callable[[], None]] = [self.start] * 6 + [self.stop] * 5 + [self.look] * 2
        while time.monotonic() < ends_at or len(self.started) < TASKS_MIN:
            if self.kills and self.random.random() < KILL_SHARE:
                self.random.choice([self.kill_agent, self.kill_plane, self.kill_both])()
            self.random.choice(deeds)()

    # what happens

    def start(self) -> None:
        alive = len(self.started) - len(self.stopping)
        if self.numbers >= TASKS_MAX or alive >= ALIVE_MAX:
            self.stop()
            return
        kind = self.random.choice(sorted(KINDS))
        self.numbers += 1
        environment = {"D": str(self.directory), "N": str(self.numbers)}
        pairs = [{"name": name, "value": value} for name, value in environment.items()]
        try:
            answer = self.client.run_task(
                taskDefinition=kind,
                overrides={"containerOverrides": [{"name": "main", "environment": pairs}]},
            )
        except (BotoCoreError, ClientError):
            assert self.killed, "RunTask failed though nothing was killed"
            return
        assert answer["failures"] == []
        self.started[answer["tasks"][0]["taskArn"]] = (self.numbers, kind)

    def stop(self) -> None:
        running = sorted(set(self.started) - self.stopping)
        if running:
            arn = self.random.choice(running)
            self.client.stop_task(task=arn)
            self.stopping.add(arn)

    def look(self) -> None:
        """Nothing was started twice so far."""
        for number in range(max(1, self.numbers - 20), self.numbers + 1):
            assert self.starts(number) in ([], ["started"]), f"task {number} ran twice"

    def kill_agent(self) -> None:
        self.killed.append("agent")
        for pid in agents_of(self.plane.data):
            os.kill(pid, 9)

    def kill_plane(self) -> None:
        self.killed.append("plane")
        port = self.plane.port
        self.plane.kill()
        self.plane.start(port)

    def kill_both(self) -> None:
        port = self.plane.port
        self.plane.kill()
        self.kill_agent()
        self.plane.start(port)

    # what must be true

    def starts(self, number: int) -> list[str]:
        path = self.directory / f"{number}.starts"
        return path.read_text().split() if path.exists() else []

    def finish(self) -> None:
        """Stop everything, and check every task and everything that it could have left behind."""
        while set(self.started) - self.stopping:
            self.stop()
        shown: dict[str, dict[str, Any]] = {}
        with suppress(AssertionError):
            until(lambda: not self.unfinished(shown), "all stop", SETTLES_WITHIN_S)
        left = self.unfinished(shown)
        assert not left, f"{left}; killed {self.killed}"
        assert len(shown) == len(self.started)
        for arn, (number, kind) in self.started.items():
            self.check(number, kind, shown[arn])
        self.leaks.none(agent_lives=True)

    def unfinished(self, shown: dict[str, dict[str, Any]]) -> list[str]:
        """Tasks that have not stopped, and how they are."""
        left = [task for task in self.show(shown) if task["lastStatus"] != "STOPPED"]
        return [f"{self.started[t['taskArn']]} is {t['lastStatus']}: {t}" for t in left]

    def show(self, shown: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
        arns = sorted(self.started)
        for at in range(0, len(arns), 100):
            found = self.client.describe_tasks(tasks=arns[at : at + 100])
            assert found["failures"] == []
            shown.update((task["taskArn"], task) for task in found["tasks"])
        return list(shown.values())

    def check(self, number: int, kind: str, task: dict[str, Any]) -> None:
        container = task["containers"][0]
        story = f"task {number} ({kind}): {container} {task.get('stoppedReason')}; killed {self.killed}"
        if "exitCode" not in container:
            assert self.starts(number) in ([], ["started"]), story
            assert not self.starts(number) or self.killed, story
            return
        assert self.starts(number) in (["started"], []), story
        ends = KINDS[kind][1] | KILLED | (set() if self.starts(number) else NEVER_BEGUN)
        assert container["exitCode"] in ends, story
        if task.get("stopCode") == "EssentialContainerExited":
            assert self.starts(number) == ["started"], story


def agents_of(data: Path) -> list[int]:
    """Agents that serve that plane.

    A child of an agent has its command line until it has become the keeper, say, that it was forked to be: to
    kill that one is to kill a container.
    """
    words = f"--data\0{data / 'agent'}\0".encode()
    parents = {
        pid: stat.parent
        for pid in _pids()
        if b"windlass.node.main" in (line := _read(pid, "cmdline"))
        and words in line
        and (stat := proc.stat(pid)) is not None
    }
    return [pid for pid, parent in parents.items() if parent not in parents]


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
