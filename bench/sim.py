"""The simulator: a roll-out of 1,000 tasks, events a second, growth to a million tasks, and one trace hash.

Each world of the growth runs in a process of its own, for its memory, with all services there, and is a
scenario as a user writes it (`worlds`). CPU time is measured: of the wall clock a shared machine says
little. `BENCH_SIM_TASKS=1000000 python -m bench sim` plays the million, which takes minutes; without it the
largest world has 64,000 tasks.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.batch_world import resident_mib
from bench.result import Result
from tests.sim.launch_rate import launch
from windlass.kernel import garbage
from windlass.kernel.clock import SECOND
from windlass.planner.playing.play import play
from windlass.planner.scenario.reading import parse

RUNS = 3
TASKS_DEFAULT = 64_000
PER_ACCOUNT = 10_000
"""Tasks of an account, in two services."""
INSTANCES = 200
"""Container instances of an account, with 50 tasks each: 20,000 in 100 accounts."""
SHARES = (16, 4, 1)
"""The largest world, in these parts of it."""
EVENTS_PER_S = 50_000
LAUNCHES, LAUNCHES_S, LAUNCHES_MIB = 1_000_000, 300, 6 * 1024
SEEDS = ("0", "1", "random")
"""Of Python's hashes: a world must not depend on them."""

WORLD = """
name: {kind}
profile: aws-2022
quotas: {{fargate.on_demand.tasks: 1000000, ec2.network_interfaces: 1000000}}
horizon: 2h
accounts: {accounts}
instances: {instances}
resources:
  - ecs.CreateCluster: {{clusterName: default}}
  - ecs.RegisterTaskDefinition:
      family: web
      requiresCompatibilities: [{launch_type}]
      networkMode: {mode}
      cpu: "256"
      memory: "512"
      containerDefinitions: [{{name: web, image: web}}]
  - ecs.CreateService:
      {{serviceName: one, taskDefinition: web, desiredCount: {half}, launchType: {launch_type}{more}}}
  - ecs.CreateService:
      {{serviceName: two, taskDefinition: web, desiredCount: {half}, launchType: {launch_type}{more}}}
until:
  - {{service: one, running: {half}}}
  - {{service: two, running: {half}}}
"""
NETWORK = ', networkConfiguration: {awsvpcConfiguration: {subnets: "${default.subnets}"}}'


@dataclass(frozen=True, slots=True)
class Ran:
    """What one world took."""

    kind: str
    tasks: int
    accounts: int
    cpu_s: float
    peak_mib: float
    above_mib: float
    """Memory above what the process had before."""
    virtual_s: float
    events: int
    parts: dict[str, int]
    """Timers, steps, messages, rows; and commits."""


def results() -> Iterator[Result]:
    yield _roll_out()
    yield _hashes()
    largest = int(os.environ.get("BENCH_SIM_TASKS", TASKS_DEFAULT))
    for kind in ("ec2", "fargate"):
        runs = [_apart(kind, largest // share) for share in SHARES]
        yield from _growth(kind, runs)


def _roll_out() -> Result:
    times = []
    for seed in range(RUNS):
        began = time.process_time()
        world, answers = launch(seed)
        times.append(time.process_time() - began)
    tasks, throttled = sum(count for _, count in answers.accepted), answers.refused.total()
    note = f"{tasks} tasks, {throttled} calls throttled, {world.elapsed / SECOND:g} virtual seconds; CPU"
    return Result(
        "1,000-task roll-out (median)", sorted(times)[RUNS // 2], "s", promise=1.0, at_least=False, note=note
    )


def _hashes() -> Result:
    """How many different hashes the same world has in several processes: one, or it is not determined."""
    asked = "from tests.sim.launch_rate import launch; print(launch(7, tasks=200)[0].trace.hash())"
    found = {_python(["-c", asked], PYTHONHASHSEED=seed).strip() for seed in SEEDS}
    note = f"{len(SEEDS)} processes, PYTHONHASHSEED {', '.join(SEEDS)}; Python {sys.version.split()[0]}"
    return Result("trace hashes of one seed", len(found), "", promise=1, at_least=False, note=note)


def _growth(kind: str, runs: list[Ran]) -> Iterator[Result]:
    first, last = runs[0], runs[-1]
    what = "tasks on instances" if kind == "ec2" else "tasks on Fargate"
    for run in runs:
        rate = run.events / run.cpu_s
        parts = ", ".join(f"{count / run.tasks:.1f} {name}" for name, count in run.parts.items())
        note = (
            f"{run.accounts} accounts, {run.cpu_s:.0f} s of CPU, {run.virtual_s:.0f} virtual s, peak "
            f"{run.peak_mib:.0f} MiB; a task: {run.above_mib * 1024 / run.tasks:.1f} KiB, {parts}"
        )
        promise = EVENTS_PER_S if run is last else None
        yield Result(f"{run.tasks:,} {what}: events", rate, "/s", promise=promise, note=note)
    each = [run.cpu_s / run.tasks * 1e6 for run in runs]
    note = ", ".join(f"{one:.0f} µs at {run.tasks:,}" for one, run in zip(each, runs, strict=True))
    yield Result(f"{what}: CPU each, growth", each[-1] / each[0], "x", note=note)
    sizes = [run.above_mib / run.tasks for run in (first, last)]
    yield Result(f"{what}: memory each, growth", sizes[1] / sizes[0], "x")
    if last.tasks >= LAUNCHES:
        yield Result(f"{what}: a million", last.cpu_s, "s", promise=LAUNCHES_S, at_least=False)
        yield Result(f"{what}: a million", last.peak_mib, "MiB", promise=LAUNCHES_MIB, at_least=False)


def _apart(kind: str, tasks: int) -> Ran:
    """In a process of its own."""
    return Ran(**json.loads(_python(["-m", "bench.sim", kind, str(tasks)], PYTHONHASHSEED="0")))


def _python(arguments: list[str], **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout


def world(kind: str, tasks: int) -> Ran:
    """Play the world of that size, here."""
    garbage.look_seldom()  # as a plane does
    accounts = -(-tasks // PER_ACCOUNT)
    half = tasks // accounts // 2
    fargate = kind == "fargate"
    size = {"count": INSTANCES, "cpu": 50 * 256, "memory": 50 * 512}
    text = WORLD.format(
        kind=kind,
        accounts=accounts,
        instances=[] if fargate else json.dumps([size]),
        launch_type="FARGATE" if fargate else "EC2",
        mode="awsvpc" if fargate else "bridge",
        half=half,
        more=NETWORK if fargate else "",
    )
    before, began = resident_mib(), time.process_time()
    played = play(parse(text, kind), 1)
    cpu_s = time.process_time() - began
    if played.took_s is None:
        raise RuntimeError(f"{kind}: {played.ended}")
    peak = _peak_mib()
    counted = played.counted
    parts: dict[str, Any] = asdict(counted)
    count = 2 * half * accounts
    return Ran(kind, count, accounts, cpu_s, peak, peak - before, played.virtual_s, counted.events, parts)


def _peak_mib() -> float:
    """Most memory that this process had; getrusage tells of its parent's, too."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


if __name__ == "__main__":
    print(json.dumps(asdict(world(sys.argv[1], int(sys.argv[2])))))
