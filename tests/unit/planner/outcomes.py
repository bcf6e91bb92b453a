"""Outcomes with defaults, as runs of a scenario would give them: `an_outcome(runs=20)`."""

from __future__ import annotations

import msgspec

from windlass.planner.costs.cost import Usage, cost_of
from windlass.planner.playing.load import Load
from windlass.planner.playing.play import Played
from windlass.planner.playing.watching import Sample
from windlass.planner.results.bottleneck import Bottleneck
from windlass.planner.results.outcome import Outcome
from windlass.planner.scenario.model import Published, Scenario
from windlass.planner.scenario.reading import parse

BURSTS = {"fargate.on_demand": 100, "ecs.deployment.fargate": 84}
SCENARIO = """
name: web
resources: []
until: {service: web}
events: [{at: 20s, kill_zone: us-east-1a}]
"""


def a_scenario(name: str = "web", about: str = "", published: float | None = None) -> Scenario:
    found = msgspec.structs.replace(parse(SCENARIO, "web.yaml"), name=name, about=about)
    if published is None:
        return found
    return msgspec.structs.replace(found, published=Published(published, "seed 003"))


def a_run(
    seed: int = 1,
    *,
    took_s: float | None = 40.0,
    tasks: int = 100,
    gauges: bool = False,
    loads: tuple[Load, ...] = (),
    throttled: int = 0,
) -> Played:
    """Tasks that are launched evenly in half of the time, and all run at its end."""
    length = 60 if took_s is None else round(took_s)
    samples = tuple(_sample(at, length, tasks, gauges) for at in range(length + 1))
    usage = Usage()
    usage.add_task(1, 2, length, "x86_64", False)
    return Played(
        seed,
        took_s,
        "reached" if took_s is not None else "web has 3 tasks too few",
        samples,
        {"fargate.on_demand": 0, "ecs.deployment.fargate": 84},
        {"ecs.RunTask": throttled} if throttled else {},
        float(length),
        (f"A note of seed {seed}.",) if seed > 2 else ("A note of them all.",),
        cost_of(usage),
        loads,
    )


def a_load(name: str = "users", **changed: object) -> Load:
    given: dict[str, object] = {"to": "load balancer web", "offered": 1_000}
    given["statuses"] = {"200": 980, "503": 15}
    times = {"p50_s": 0.05, "p90_s": 0.11, "p99_s": 0.3, "max_s": 2.5, "cold_starts": 7}
    return Load(name, **{**given, **times, **changed})  # type: ignore[arg-type]


def an_outcome(
    *runs: Played, scenario: Scenario | None = None, would_be_s: float | None = None, why: bool = True
) -> Outcome:
    """Of these runs, or of one."""
    bottleneck = None
    if would_be_s is not None:
        gives = f"it takes {would_be_s:g} s instead of {(runs or (a_run(),))[0].took_s:g} s"
        bottleneck = Bottleneck(
            "fargate.on_demand", "A rate", "20 per second", "twice that", gives, would_be_s
        )
    return Outcome(scenario or a_scenario(), runs or (a_run(),), bottleneck, BURSTS, why)


def several(count: int) -> tuple[Played, ...]:
    """Runs that take 40, 41, 42 … seconds."""
    return tuple(a_run(seed, took_s=39.0 + seed) for seed in range(1, count + 1))


def _sample(at: int, length: int, tasks: int, gauges: bool) -> Sample:
    launched = min(tasks, 2 * at * tasks // length)
    running = max(0, min(tasks, 2 * at * tasks // length - tasks))
    levels = {"fargate.on_demand": max(0, 100 - 20 * at)} if at < length / 2 else {}
    there = (
        {("messages", "jobs"): 100.0 - at, ("p99_s", "users"): 0.3, ("moons", "up"): 2.0} if gauges else {}
    )
    return Sample(float(at), launched, running, 0, levels, there)
