"""An agent with many running tasks: its memory, what it costs when nothing happens, how fast all stop."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.launch import TARGET
from bench.load import call, json_request, run
from bench.planes import plane_command, server
from bench.result import Result
from windlass.node import proc

TASKS = 1_000
AT_ONCE = 4
IDLE_S = 10.0
ENDS_WITHIN_S = 120.0
COMMAND = ["sleep", "600"]


def results() -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        with server(*plane_command(data)) as (endpoint, _):
            agent = int((data / "agent" / "agent.pid").read_text())
            arns = asyncio.run(_launch(endpoint))
            resident, share = _rest(agent)
            took = asyncio.run(_stop(endpoint, arns))
    note = f"{TASKS} tasks of {' '.join(COMMAND)}"
    yield Result("memory of an agent with 1,000 tasks", resident, "MiB", 150, False, note=note)
    yield Result("CPU of that agent, idle", share * 100, "%", 1, False, note=f"of one, over {IDLE_S:g} s")
    yield Result("stopping 1,000 tasks", took, "s", 10, False, note="first StopTask to the last STOPPED")


def _rest(agent: int) -> tuple[float, float]:
    """(resident MiB, CPU time as a share of the time that went by)."""
    before, began = proc.stat(agent), time.monotonic()
    time.sleep(IDLE_S)
    after, took = proc.stat(agent), time.monotonic() - began
    assert before is not None and after is not None
    ticks = after.user_ticks + after.kernel_ticks - before.user_ticks - before.kernel_ticks
    return after.resident_pages * 4 / 1024, ticks / os.sysconf("SC_CLK_TCK") / took


async def _launch(endpoint: str) -> list[str]:
    """Run all tasks, in one container each; returns their ARNs when all are RUNNING."""
    container = {"name": "c", "image": "bench", "command": COMMAND, "memory": 8, "cpu": 1}
    await call(endpoint, _ecs(endpoint, "CreateCluster", {"clusterName": "default"}))
    definition: dict[str, object] = {"family": "bench", "containerDefinitions": [container]}
    await call(endpoint, _ecs(endpoint, "RegisterTaskDefinition", definition))
    request = _ecs(endpoint, "RunTask", {"taskDefinition": "bench", "count": 10})
    load = await run(endpoint, lambda number: request, TASKS // 10, AT_ONCE)
    assert not load.failed
    return await _listed(endpoint, "RUNNING")


async def _stop(endpoint: str, arns: list[str]) -> float:
    """Stop them; seconds until all have."""
    began = time.monotonic()
    requests = [_ecs(endpoint, "StopTask", {"task": arn}) for arn in arns]
    load = await run(endpoint, lambda number: requests[number], TASKS, AT_ONCE)
    assert not load.failed
    await _listed(endpoint, "STOPPED")
    return time.monotonic() - began


async def _listed(endpoint: str, status: str) -> list[str]:
    """The ARNs of all tasks, once each of them has that status."""
    deadline = time.monotonic() + ENDS_WITHIN_S
    desired = "RUNNING" if status == "RUNNING" else "STOPPED"
    while time.monotonic() < deadline:
        arns: list[str] = []
        page: dict[str, object] = {"desiredStatus": desired}
        while True:
            found = json.loads((await call(endpoint, _ecs(endpoint, "ListTasks", page)))[1])
            arns += found["taskArns"]
            if "nextToken" not in found:
                break
            page["nextToken"] = found["nextToken"]
        if len(arns) == TASKS and await _are(endpoint, arns, status):
            return arns
        await asyncio.sleep(0.1)
    raise RuntimeError(f"not all tasks became {status}")


async def _are(endpoint: str, arns: list[str], status: str) -> bool:
    for start in range(0, len(arns), 100):
        body = (await call(endpoint, _ecs(endpoint, "DescribeTasks", {"tasks": arns[start : start + 100]})))[
            1
        ]
        if any(task["lastStatus"] != status for task in json.loads(body)["tasks"]):
            return False
    return True


def _ecs(endpoint: str, operation: str, body: dict[str, object]) -> bytes:
    return json_request(endpoint, "ecs", f"{TARGET}.{operation}", "1.1", body)
