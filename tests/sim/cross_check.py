"""A scenario played for real, on a plane that runs processes, and simulated with what launches cost there.

What a launch costs is measured by launching: one task, and FEW of them, in the same rounds as what is
compared with. The simulated agent is then as busy with each start as the real one is (`node.launch_s`),
and the rest of one launch is its delay; everything else is the plane's own code. Others only make a machine
slower, never faster, so the least of several rounds is nearest to what the machine can do: all is measured
in each round, and the least of each counts. What is launched next waits until the machine is done with
stopping what was before. Known gap: what is short is undisturbed more often than what is long, so that under
load the simulated time is too short.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import msgspec
from botocore import xform_name

from tests.fault.waiting import until
from windlass.planner.playing.answers import Answers
from windlass.planner.playing.play import play
from windlass.planner.scenario.model import Delay, Scenario, Until
from windlass.planner.scenario.parts import Span

Client = Callable[[str], Any]
"""Service → its boto3 client, of an account that has nothing yet."""
FEW = 40
TASKS_DESCRIBED_MAX = 100
"""DescribeTasks, tasks."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Of a launch on this machine, now. In seconds."""

    first: float
    """From the call to RUNNING, of one task by itself."""
    each: float
    """How much longer it takes with each further task."""

    def on(self, scenario: Scenario) -> Scenario:
        """The scenario with these costs."""
        rest = Delay(Span(max(0, round((self.first - self.each) * 1e9))))
        return msgspec.structs.replace(
            scenario, delays={"task.start": rest}, models={"node.launch_s": self.each}
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """Seconds until all tasks ran."""

    count: int
    real_s: float
    simulated_s: float

    @property
    def error(self) -> float:
        """How far off the simulation is: 0.1 when it says 10 % more than it took."""
        return self.simulated_s / self.real_s - 1


def sized(scenario: Scenario, count: int) -> Scenario:
    """The scenario with services of so many tasks."""
    resources = [
        {name: params | {"desiredCount": count} if "desiredCount" in params else params}
        for resource in scenario.resources
        for name, params in resource.items()
    ]
    waits_for = [msgspec.structs.replace(one, running=count) for one in scenario.waits_for]
    return msgspec.structs.replace(scenario, resources=resources, until=waits_for)


@dataclass
class CrossCheck:
    """One scenario with several counts of tasks, each for real in every round, in an account of its own."""

    scenario: Scenario
    counts: Sequence[int]
    accounts: Iterator[Client]
    took: dict[int, float] = field(default_factory=dict)
    """Count → the least seconds that it took so far."""

    def round(self) -> list[Compared]:
        """Measure everything once more; what all rounds so far come to."""
        for count in (1, 1, 1, FEW, *self.counts):
            took = for_real(sized(self.scenario, count), next(self.accounts))
            self.took[count] = min(took, self.took.get(count, took))
        first, few = self.took[1], self.took[FEW]
        costs = Costs(first, max(0.0, (few - first) / (FEW - 1)))
        return [
            Compared(count, self.took[count], simulated(costs.on(sized(self.scenario, count))))
            for count in self.counts
        ]


def simulated(scenario: Scenario) -> float:
    """Seconds that `windlass plan` predicts."""
    took = play(scenario, scenario.seed).took_s
    assert took is not None, f"{scenario.name} never came to its end"
    return took


def for_real(scenario: Scenario, client: Client) -> float:
    """Seconds from the first service's call until what is waited for was there. Leaves nothing that runs."""
    answers, ecs, began = Answers(), client("ecs"), 0.0
    for resource in scenario.resources:
        for name, params in resource.items():
            service, _, operation = name.partition(".")
            if operation == "CreateService":
                began = began or time.time()
            getattr(client(service), xform_name(operation))(**answers.filled(params))
    launched = [_launched(ecs, wanted) for wanted in scenario.waits_for]
    for wanted in scenario.waits_for:
        ecs.update_service(service=wanted.service, desiredCount=0)
    for _, ids in launched:
        until(partial(_stopped, ecs, ids), "all tasks are stopped")
    return max(ended for ended, _ in launched) - began


def accounts_of(make: Callable[[str, str], Any]) -> Iterator[Client]:
    """One new account after the other; `make(service, account)` makes its clients."""

    def client_of(account: str) -> Client:
        return cache(lambda service: make(service, account))

    for number in itertools.count(1):
        yield client_of(f"{number:012d}")


def _launched(ecs: Any, wanted: Until) -> tuple[float, list[str]]:
    """When the last of the wanted tasks was RUNNING, as AWS's API says it; and all tasks of the service."""
    count = wanted.running
    assert wanted.service and count, "what is played for real waits for tasks of services"
    until(lambda: _running(ecs, wanted) >= count, f"{count} tasks of {wanted.service} run")
    pages = ecs.get_paginator("list_tasks").paginate(serviceName=wanted.service)
    ids = [arn for page in pages for arn in page["taskArns"]]
    started = sorted(float(task["startedAt"].timestamp()) for task in _described(ecs, ids))
    return started[count - 1], ids


def _described(ecs: Any, ids: Sequence[str]) -> Iterator[Any]:
    for at in range(0, len(ids), TASKS_DESCRIBED_MAX):
        yield from ecs.describe_tasks(tasks=ids[at : at + TASKS_DESCRIBED_MAX])["tasks"]


def _running(ecs: Any, wanted: Until) -> int:
    return int(ecs.describe_services(services=[wanted.service])["services"][0]["runningCount"])


def _stopped(ecs: Any, ids: Sequence[str]) -> bool:
    """Whether the machine is done with all of them: a service counts none while they are being stopped."""
    return all(task["lastStatus"] == "STOPPED" for task in _described(ecs, ids))
