"""Roll-outs of an HTTP service under load: requests lost, of at least 20,000. Real tasks, real proxy."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from bench.planes import plane_command, server
from bench.result import Result
from tests.rollout import ACCOUNT, Load, Web

REQUESTS = 20_000
TASKS = 3
CLIENTS, SLOW = 12, 4
WAYS: dict[str, dict[str, Any]] = {
    "rolling": {},
    "blue/green": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0},
}


def results() -> Iterator[Result]:
    for name, configuration in WAYS.items():
        yield _lost(name, configuration)


def _lost(name: str, configuration: dict[str, Any]) -> Result:
    with tempfile.TemporaryDirectory() as folder, server(*plane_command(Path(folder))) as (endpoint, _):
        session: Any = boto3.session.Session(ACCOUNT, "test", region_name="eu-west-1")
        web = Web(lambda service: session.client(service, endpoint_url=endpoint))
        web.create(TASKS, **configuration)
        load = Load(web.address)
        asyncio.run(load.during(lambda: web.update("2"), clients=CLIENTS, slow=SLOW, at_least=REQUESTS))
        web.delete()
    versions = ", ".join(f"{count} by version {version}" for version, count in load.answered.items())
    note = f"{versions}; slowest {load.slowest_s * 1e3:.0f} ms; {load.lost[:3]}"
    return Result(
        f"requests lost by a {name} update", len(load.lost), "requests", 0, at_least=False, note=note
    )
