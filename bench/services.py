"""Services: 0 → 1,000 real processes, the time a task at 500 and at 2,000; and 100,000 on a simulated node.

The machine is shared as a rule, so every rate stands beside the CPU time that plane and agent spent on a
task.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.launch import COMMAND, TARGET, bare_spawns
from bench.load import call, json_request
from bench.planes import plane_command, server
from bench.result import Result
from windlass.node import proc

REAL = 1_000
FEW, MANY = 500, 2_000
DECIDED = 10_000
"""Tasks of the service that is updated."""
HELD = 100_000
LAUNCHED = 20_000
"""Tasks of the simulated node that are launched for the rate; HELD are there in the end."""
DESCRIBED = 100
CALLS = 30
LOOK_EVERY_S = 0.05
ENDS_WITHIN_S = 600


@dataclass(frozen=True, slots=True)
class Scaled:
    """What it took a service to get so many tasks more to RUNNING."""

    count: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.count / self.wall_s

    @property
    def each(self) -> str:
        wall_ms, cpu_ms = self.wall_s / self.count * 1e3, self.cpu_s / self.count * 1e3
        return f"{wall_ms:.2f} ms and {cpu_ms:.2f} ms of CPU a task"


def results() -> Iterator[Result]:
    yield from _real()
    yield from _simulated()
    yield from _updates()


def _real() -> Iterator[Result]:
    """Processes, each size on a plane of its own."""
    bare = bare_spawns(REAL)
    made = _processes(REAL)
    note = f"of {' '.join(COMMAND)}: {made.each}; bare: subprocess.Popen of it"
    yield Result("service 0 → 1,000 processes", made.rate, "/s", promise=100, bare=bare, note=note)
    few, many = _processes(FEW), _processes(MANY)
    note = f"{FEW}: {few.each}; {MANY}: {many.each}"
    growth = (many.cpu_s / many.count) / (few.cpu_s / few.count)
    yield Result("CPU a task at 2,000 over at 500", growth, "x", promise=1.3, at_least=False, note=note)
    yield Result("time a task at 2,000 over at 500", few.rate / many.rate, "x", promise=1.3, at_least=False)


def _processes(count: int) -> Scaled:
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        with server(*plane_command(data)) as (endpoint, plane):
            agent = int((data / "agent" / "agent.pid").read_text())
            service = Service(endpoint, (plane, agent))
            asyncio.run(service.create())
            made = asyncio.run(service.scale(0, count))
            asyncio.run(service.scale(count, 0))
    return made


def _simulated() -> Iterator[Result]:
    """A plane over HTTP with a log on disk, whose one node spawns nothing."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        server("bench.stubbed_plane", scratch) as (endpoint, plane),
    ):
        service = Service(endpoint, (plane,))
        asyncio.run(service.create())
        first = asyncio.run(service.scale(0, LAUNCHED))
        yield Result("service launches, simulated node", first.rate, "/s", promise=3_000, note=first.each)
        rest = asyncio.run(service.scale(LAUNCHED, HELD))
        yield Result("the same, up to 100,000 tasks", rest.rate, "/s", note=rest.each)
        found = proc.stat(plane)
        assert found is not None
        resident = found.resident_pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        note = "the simulated node and its memory of tasks included"
        yield Result("memory with 100,000 tasks", resident, "MB", promise=1_500, at_least=False, note=note)
        wall, cpu = asyncio.run(service.describe(DESCRIBED))
        note = f"median of {CALLS}, its way over HTTP included; {cpu:.1f} ms of CPU in the plane"
        yield Result(
            f"DescribeTasks of {DESCRIBED} among {HELD:,}", wall, "ms", promise=10, at_least=False, note=note
        )


def _updates() -> Iterator[Result]:
    """All tasks replaced, 100 and 200 %, as fast as the simulated node is."""
    few, many = _updated(MANY), _updated(DECIDED)
    note = f"{MANY}: {few.each}; {DECIDED:,}: {many.each}"
    yield Result("tasks replaced by an update, simulated node", many.rate, "/s", note=note)
    growth = (many.cpu_s / many.count) / (few.cpu_s / few.count)
    yield Result("CPU a task replaced at 10,000 over at 2,000", growth, "x")


def _updated(count: int) -> Scaled:
    with (
        tempfile.TemporaryDirectory() as scratch,
        server("bench.stubbed_plane", scratch) as (endpoint, plane),
    ):
        service = Service(endpoint, (plane,))
        asyncio.run(service.create())
        asyncio.run(service.scale(0, count))
        return asyncio.run(service.replace(count))


class Service:
    """One service, and the processes that work for it."""

    def __init__(self, endpoint: str, pids: Sequence[int]) -> None:
        self._endpoint = endpoint
        self._pids = pids

    async def create(self) -> None:
        """With no task yet; the tasks have no network of their own (bench/network.py measures those)."""
        container = {"name": "c", "image": "bench", "command": COMMAND, "memory": 8, "cpu": 1}
        await self._ecs("CreateCluster", clusterName="default")
        await self._ecs(
            "RegisterTaskDefinition", family="web", networkMode="host", containerDefinitions=[container]
        )
        await self._ecs("CreateService", serviceName="web", taskDefinition="web", desiredCount=0)

    async def scale(self, before: int, after: int) -> Scaled:
        """To that count; it ends when so many tasks are RUNNING and none is on its way."""
        return await self._until(after, {"desiredCount": after}, abs(after - before))

    async def _until(self, running: int, change: Mapping[str, Any], count: int) -> Scaled:
        """The change, which is about so many tasks, to its end."""
        cpu, began = self._cpu_s(), time.monotonic()
        await self._ecs("UpdateService", service="web", **change)
        while time.monotonic() < began + ENDS_WITHIN_S:
            [found] = (await self._ecs("DescribeServices", services=["web"]))["services"]
            if (
                found["runningCount"] == running
                and not found["pendingCount"]
                and len(found["deployments"]) == 1
            ):
                return Scaled(count, time.monotonic() - began, self._cpu_s() - cpu)
            await asyncio.sleep(LOOK_EVERY_S)
        raise RuntimeError(f"{found['runningCount']} of {running} tasks run")

    async def replace(self, count: int) -> Scaled:
        """All of its tasks by a new deployment; it ends when that is the only one."""
        return await self._until(count, {"forceNewDeployment": True}, count)

    async def describe(self, count: int) -> tuple[float, float]:
        """(wall, CPU) ms of a DescribeTasks of so many."""
        arns = (await self._ecs("ListTasks", maxResults=count))["taskArns"]
        cpu, times = self._cpu_s(), []
        for _ in range(CALLS):
            began = time.perf_counter()
            tasks = (await self._ecs("DescribeTasks", tasks=arns))["tasks"]
            times.append(time.perf_counter() - began)
            assert len(tasks) == count
        return statistics.median(times) * 1e3, (self._cpu_s() - cpu) / CALLS * 1e3

    def _cpu_s(self) -> float:
        found = [stat for pid in self._pids if (stat := proc.stat(pid)) is not None]
        ticks = sum(stat.user_ticks + stat.kernel_ticks for stat in found)
        return ticks / os.sysconf("SC_CLK_TCK")

    async def _ecs(self, operation: str, **params: Any) -> Any:
        request = json_request(self._endpoint, "ecs", f"{TARGET}.{operation}", "1.1", params)
        status, body = await call(self._endpoint, request)
        assert status == 200, body
        return json.loads(body)
