"""What CloudWatch saw, as workloads of a scenario that plays."""

from __future__ import annotations

from typing import Any

from windlass.planner.live.found import Found
from windlass.planner.live.from_live import draft_of, text_of
from windlass.planner.live.traffic import measured
from windlass.planner.playing.play import play
from windlass.planner.scenario.reading import parse

FUNCTION = {
    "FunctionName": "resize",
    "Runtime": "python3.12",
    "Handler": "app.handler",
    "MemorySize": 256,
    "Timeout": 30,
}


def found() -> Found:
    rows: dict[str, list[Any]] = {
        "lambda.functions": [FUNCTION, {**FUNCTION, "FunctionName": "fed"}],
        "lambda.mappings": [
            {
                "EventSourceArn": "arn:aws:sqs:eu-west-1:1:jobs",
                "FunctionArn": "arn:aws:lambda:eu-west-1:1:function:fed",
                "State": "Enabled",
            }
        ],
        "sqs.queues": [{"QueueUrl": "u", "Attributes": {"QueueArn": "arn:aws:sqs:eu-west-1:1:jobs"}}],
    }
    return Found("1", "eu-west-1", rows)


def test_the_busiest_hour() -> None:
    """Its rate, and its times; what a queue brings to a function is the queue's workload."""
    there = found()
    resize, fed, jobs = measured(there)
    hours = {"2026-11-22 19:00 UTC": 720.0, "2026-11-22 20:00 UTC": 10_800.0}
    times = {"2026-11-22 19:00 UTC": (9.0, 9.0), "2026-11-22 20:00 UTC": (0.05, 0.2)}
    there.rows["cloudwatch.traffic"] = [
        {"of": resize, "hours": hours, "times": times, "over_h": 24},
        {"of": fed, "hours": {"2026-11-22 19:00 UTC": 3.0}, "times": {}, "over_h": 24},
        {"of": jobs, "hours": {"2026-11-22 19:00 UTC": 3.0}, "times": {}, "over_h": 24},
    ]
    text = text_of(draft_of(there, "us-east-1", {}, False), {})
    assert "# the busiest hour of 24, from 2026-11-22 20:00 UTC; on average 0.133/s\n" in text
    scenario = parse(text, "live.yaml")
    by_name = {one.name: one for one in scenario.workloads}
    assert set(by_name) == {"resize-function", "jobs-queue"}
    assert by_name["resize-function"].arrivals.poisson == 3.0
    assert by_name["jobs-queue"].arrivals.poisson == 3 / 3_600
    takes = scenario.functions["resize"].takes
    assert takes is not None and takes.lognormal is not None
    assert takes.lognormal.median == 50_000_000 and takes.lognormal.sigma == 0.6
    assert {one.workload for one in scenario.waits_for} == {"resize-function", "jobs-queue"}


def test_it_plays() -> None:
    there = found()
    resize = measured(there)[0]
    hour = "2026-11-22 20:00 UTC"
    there.rows["cloudwatch.traffic"] = [
        {"of": resize, "hours": {hour: 400.0}, "times": {hour: (0.05, 0.2)}, "over_h": 24}
    ]
    run = play(parse(text_of(draft_of(there, "us-east-1", {}, False), {}), "live.yaml"), 1)
    [load] = run.loads
    assert run.ended == "reached" and load.statuses == {"200": load.offered} and load.p50_s is not None
