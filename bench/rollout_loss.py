"""Roll-outs of an HTTP service under load: requests lost, of at least 20,000. Real tasks, real proxies.

One version follows the other until there were so many requests, so that all of them fall into roll-outs.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from itertools import count
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


WORKERS = 2
"""Proxies: one of them probes, the other one hears of the results."""


def results() -> Iterator[Result]:
    for name, configuration in WAYS.items():
        yield _lost(name, configuration)


def _lost(name: str, configuration: dict[str, Any]) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        command = plane_command(Path(folder), "--proxy-workers", str(WORKERS))
        with server(*command) as (endpoint, _):
            load = _rolled(endpoint, configuration)
    answered, slowest_ms = load.answered, load.slowest_s * 1e3
    note = f"{answered.total()} answered by {len(answered)} versions, the slowest in {slowest_ms:.0f} ms"
    return Result(
        f"requests lost by {name} updates", len(load.lost), "requests", 0, at_least=False, note=note
    )


def _rolled(endpoint: str, configuration: dict[str, Any]) -> Load:
    session: Any = boto3.session.Session(ACCOUNT, "test", region_name="eu-west-1")
    web = Web(lambda service: session.client(service, endpoint_url=endpoint))
    web.create(TASKS, **configuration)
    load = Load(web.address)

    def roll() -> None:
        for version in count(2):
            web.update(str(version))
            if load.answered.total() >= REQUESTS:
                return

    asyncio.run(load.during(roll, clients=CLIENTS, slow=SLOW, at_least=REQUESTS))
    web.delete()
    return load
