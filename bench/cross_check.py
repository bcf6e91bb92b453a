"""The planner against the plane: services of processes for real, and simulated with measured launch costs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import boto3

from bench.planes import plane_command, server
from bench.result import Result
from tests.sim.cross_check import FEW, CrossCheck, accounts_of
from windlass.planner.scenario.reading import read

SCENARIO = Path(__file__).parents[1] / "scenarios" / "cross-check" / "service.yaml"
COUNTS = (80, 160, 320)
ROUNDS = 7


def results() -> Iterator[Result]:
    session = boto3.session.Session()
    with tempfile.TemporaryDirectory() as scratch, server(*plane_command(Path(scratch) / "data")) as (url, _):
        accounts = accounts_of(
            lambda service, account: session.client(  # type: ignore[call-overload]
                service,
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id=account,
                aws_secret_access_key="test",
            )
        )
        check = CrossCheck(read(SCENARIO), COUNTS, accounts)
        for _ in range(ROUNDS):
            found = check.round()
    for one in found:
        note = f"took {one.real_s:.3f} s, simulated {one.simulated_s:.3f} s; measured with 1 and {FEW} tasks"
        name = f"time to {one.count} running: simulated is off by"
        yield Result(name, abs(one.error) * 100, "%", promise=20, at_least=False, note=note)
