"""CloudWatch: values that PutMetricData takes in, durable; what one period of all alarms costs."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench.load import Load, json_request, run
from bench.planes import plane_command, server
from bench.result import Result
from windlass.aws.metrics import Metrics
from windlass.aws.quotas import load_profile
from windlass.kernel.clock import MINUTE
from windlass.services.catalogue import SERVICES
from windlass.services.cloudwatch.evaluator import Evaluator
from windlass.sim.world import ACCOUNT, REGION, World

CONNECTIONS = 8
CALLS = 400
DATA = 100
"""Metrics of one call, each with one value."""
TARGET = "GraniteServiceVersion20100801.PutMetricData"
ALARMS = 1_000
PASSES = 20


def results() -> Iterator[Result]:
    with server("bench.bare_http") as (endpoint, _):
        bare = uvloop.run(_put(endpoint))
    with (
        tempfile.TemporaryDirectory() as scratch,
        server(*plane_command(Path(scratch) / "data")) as (endpoint, _),
    ):
        put = uvloop.run(_put(endpoint))
    note = f"{DATA} metrics a call; p50 {put.p50_ms:.1f} ms; bare: uvicorn answering a constant"
    if put.failed:
        note = f"{put.failed} FAILED; {note}"
    per_second = put.per_second * DATA
    yield Result("PutMetricData, values", per_second, "/s", 20_000, bare=bare.per_second * DATA, note=note)
    took = _evaluate()
    name = f"evaluation of {ALARMS} alarms"
    yield Result(name, took, "ms", 50, at_least=False, note="each on a series of its own, 3 of 3 points")


async def _put(endpoint: str) -> Load:
    def request(number: int) -> bytes:
        data = [
            {
                "MetricName": f"m{place}",
                "Value": float(number),
                "Dimensions": [{"Name": "Host", "Value": "a"}],
            }
            for place in range(DATA)
        ]
        body: dict[str, object] = {"Namespace": "Bench", "MetricData": data}
        return json_request(endpoint, "monitoring", TARGET, "1.0", body)

    return await run(endpoint, request, CALLS, CONNECTIONS)


def _evaluate() -> float:
    """Milliseconds of the quickest pass over all alarms: those of other passes were the machine's."""
    world = World(SERVICES, load_profile("local"), 1, check_every=0)
    took: list[float] = []

    async def story(world: World) -> None:
        for number in range(ALARMS):
            await world.call("cloudwatch", "PutMetricAlarm", **_alarm(number))
        metrics, evaluator = world.plane.calls.part(Metrics), world.plane.calls.part(Evaluator)
        for number in range(ALARMS):
            for minute in range(5):
                at = world.plane.clock.now() - minute * MINUTE
                of = {"Host": str(number)}
                metrics.put(ACCOUNT, REGION, "Bench", "Load", of, float(number % 7), "Count", at)
        now = world.plane.clock.now()
        for number in range(1, PASSES):
            began = time.perf_counter()
            await evaluator.run_pass(now + number * MINUTE, frozenset())
            took.append((time.perf_counter() - began) * 1_000)

    world.run(story)
    return min(took)


def _alarm(number: int) -> dict[str, object]:
    return {
        "AlarmName": f"a{number}",
        "Namespace": "Bench",
        "MetricName": "Load",
        "Dimensions": [{"Name": "Host", "Value": str(number)}],
        "Statistic": "Average",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 100.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }


if __name__ == "__main__":
    for result in results():
        print(json.dumps(result.as_json()))
