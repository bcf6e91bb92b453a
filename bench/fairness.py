"""A quiet account beside a noisy one, over real HTTP: its calls, and its tasks on their way to RUNNING.

The noisy one is a process of its own that calls RunTask for ten tasks over many connections as fast as it is
answered. The node is the simulator's, so that what is measured is the control plane. `bare` is the quiet
account alone. Known gap: nothing promises a ratio yet; alone, the plane's one thread is idle.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bench.load import call, json_request, run
from bench.planes import server
from bench.result import Result

TARGET = "AmazonEC2ContainerServiceV20141113"
QUIET, NOISY = "222222222222", "111111111111"
TASKS = 60
PAUSE_S = 0.05
NOISY_CALLS, CONNECTIONS = 20_000, 16
POLL_S = 0.002


def results() -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as scratch, server("bench.stubbed_plane", scratch) as (endpoint, _):
        for account in (QUIET, NOISY):
            asyncio.run(_define(endpoint, account))
        asyncio.run(_launches(endpoint))  # modules and models are loaded by the first
        alone = asyncio.run(_launches(endpoint))
        with _noise(endpoint) as noise:
            beside = asyncio.run(_launches(endpoint))
            over = noise.poll() is not None
    calls, tasks = ([_median([launch[n] for launch in kind]) for kind in (alone, beside)] for n in (0, 1))
    note = "; THE NOISE ENDED FIRST" if over else ""
    yield Result(
        "a quiet account's RunTask", calls[1], "ms", at_least=False, bare=calls[0], note=f"p50{note}"
    )
    worst = max(launch[1] for launch in beside)
    yield Result(
        "a quiet account's task to RUNNING",
        tasks[1],
        "ms",
        at_least=False,
        bare=tasks[0],
        note=f"p50; slowest {worst:.0f} ms{note}",
    )


@contextmanager
def _noise(endpoint: str) -> Iterator[subprocess.Popen[str]]:
    """The noisy account at work, once it has begun."""
    command = [sys.executable, "-m", "bench.fairness", endpoint]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()


async def _noisy(endpoint: str) -> None:
    body: dict[str, object] = {"taskDefinition": "bench", "count": 10}
    request = json_request(endpoint, "ecs", f"{TARGET}.RunTask", "1.1", body, NOISY)
    await run(endpoint, lambda number: request, CONNECTIONS, CONNECTIONS)
    print("at work", flush=True)
    load = await run(endpoint, lambda number: request, NOISY_CALLS, CONNECTIONS)
    print(load, file=sys.stderr)


async def _launches(endpoint: str) -> list[tuple[float, float]]:
    """Milliseconds of each RunTask call, and from its beginning until its task runs or has run."""
    found = []
    for _ in range(TASKS):
        began = time.perf_counter()
        answer = await _ecs(endpoint, "RunTask", {"taskDefinition": "bench"})
        answered = time.perf_counter()
        arn = answer["tasks"][0]["taskArn"]
        while True:
            task = (await _ecs(endpoint, "DescribeTasks", {"tasks": [arn]}))["tasks"][0]
            if task["lastStatus"] in ("RUNNING", "STOPPED"):
                break
            await asyncio.sleep(POLL_S)
        found.append(((answered - began) * 1e3, (time.perf_counter() - began) * 1e3))
        await asyncio.sleep(PAUSE_S)
    return found


async def _ecs(
    endpoint: str, operation: str, body: dict[str, object], account: str = QUIET
) -> dict[str, list[dict[str, str]]]:
    request = json_request(endpoint, "ecs", f"{TARGET}.{operation}", "1.1", body, account)
    status, answer = await call(endpoint, request)
    assert status == 200, answer
    read: dict[str, list[dict[str, str]]] = json.loads(answer)
    return read


async def _define(endpoint: str, account: str) -> None:
    container = {"name": "c", "image": "host", "command": ["true"], "memory": 64}
    body: dict[str, object] = {"family": "bench", "containerDefinitions": [container]}
    await _ecs(endpoint, "RegisterTaskDefinition", body, account)


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    asyncio.run(_noisy(sys.argv[1]))
