"""RunTask over the wire, durable, one task each, to RUNNING; the node is the simulator's."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator

from bench.load import Load, call, json_request, run
from bench.planes import server
from bench.result import Result

CALLS = 6_000
CONNECTIONS = 32
TARGET = "AmazonEC2ContainerServiceV20141113"


def results() -> Iterator[Result]:
    with server("bench.bare_http") as (endpoint, _):
        bare = asyncio.run(_calls(endpoint))
    with tempfile.TemporaryDirectory() as scratch, server("bench.stubbed_plane", scratch) as (endpoint, _):
        asyncio.run(_prepare(endpoint))
        load = asyncio.run(_calls(endpoint))
    note = f"bare: uvicorn answering a constant; p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms"
    note = f"{load.failed} FAILED; {note}" if load.failed else note
    yield Result("RunTask calls", load.per_second, "/s", promise=1_500, bare=bare.per_second, note=note)


async def _prepare(endpoint: str) -> None:
    definition: dict[str, object] = {
        "family": "bench",
        "containerDefinitions": [{"name": "c", "image": "host", "command": ["true"], "memory": 64}],
    }
    request = json_request(endpoint, "ecs", f"{TARGET}.RegisterTaskDefinition", "1.1", definition)
    status, body = await call(endpoint, request)
    assert status == 200, body


async def _calls(endpoint: str) -> Load:
    request = json_request(endpoint, "ecs", f"{TARGET}.RunTask", "1.1", {"taskDefinition": "bench"})
    return await run(endpoint, lambda number: request, CALLS, CONNECTIONS)
