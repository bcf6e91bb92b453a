"""`windlass top`, `ps` and `events` on a real pseudo-terminal, as a user sees them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
from collections.abc import Callable
from typing import Any

from tests.contract.test_cli import refused, windlass
from tests.fault.waiting import until
from tests.process import PlaneProcess

CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
PATIENCE_S = 60.0


def on_terminal(columns: int, rows: int, *arguments: str, ends_after: str = "") -> tuple[int, str]:
    """Run it on a terminal of that size; press `q` when it has shown `ends_after`. Exit code, and output."""
    pid, terminal = pty.fork()
    if pid == 0:
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(0, termios.TIOCSWINSZ, size)
        os.execv(sys.executable, [sys.executable, "-m", "windlass", *arguments])
    said, pressed = b"", False
    while select.select([terminal], [], [], PATIENCE_S)[0]:
        try:
            more = os.read(terminal, 65_536)
        except OSError:  # the other end has gone
            break
        said += more
        if ends_after and not pressed and ends_after.encode() in said:
            os.write(terminal, b"q")
            pressed = True
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), CODES.sub("", said.decode())


def a_service(client: Callable[..., Any], plane: PlaneProcess, name: str) -> str:
    """A service of one task that runs; the task's ARN."""
    ecs = client("ecs")
    command = ["sh", "-c", "sleep 600"]
    container = {"name": "main", "image": "host", "memory": 64, "command": command}
    ecs.register_task_definition(family=name, containerDefinitions=[container])
    ecs.create_service(serviceName=name, taskDefinition=name, desiredCount=1)

    def steady() -> bool:
        return "steady state" in windlass("why", name, endpoint=plane.endpoint).stdout

    until(steady, "the service is steady")
    [arn] = ecs.list_tasks(serviceName=name)["taskArns"]
    return str(arn)


def test_a_service_is_seen_everywhere(client: Callable[..., Any], plane: PlaneProcess) -> None:
    """1. top draws it, and q ends that. 2. ps names its task whole at 80 columns. 3. events tell of it."""
    name = "seen-everywhere"
    task = a_service(client, plane, name).rpartition("/")[2]
    at = ("--endpoint", plane.endpoint)
    for columns, rows in ((60, 20), (140, 60)):
        code, said = on_terminal(columns, rows, "top", *at, ends_after="SERVICES")
        assert code == 0
        assert "CLUSTERS" in said
    assert f"default/{name}" in windlass("top", "--once", endpoint=plane.endpoint).stdout
    shown = json.loads(windlass("top", "--json", endpoint=plane.endpoint).stdout)
    [service] = [one for one in shown["services"] if one["name"] == name]
    assert (service["running"], service["desired"], service["why"][0]["code"]) == (1, 1, "NOTHING")
    _, said = on_terminal(80, 24, "ps", *at)
    [line] = [line for line in said.splitlines() if task in line]
    assert "RUNNING" in line
    assert len(line.rstrip()) <= 80
    assert f"service default/{name}" in said
    _, said = on_terminal(80, 24, "ps", "--services", *at)
    assert f"default/{name}" in said
    told = windlass("events", name, endpoint=plane.endpoint).stdout.splitlines()
    assert all(f"service/default/{name}" in line for line in told)
    assert "has reached a steady state." in told[-1]
    _, said = on_terminal(80, 24, "events", name, *at)
    assert f"default/{name}" in said
    client("ecs").delete_service(service=name, force=True)


def test_top_without_a_terminal_says_what_to_do(plane: PlaneProcess) -> None:
    assert "--once" in refused(windlass("top", endpoint=plane.endpoint))
