"""What queueing theory says of queues, and the same queues as scenarios of the planner.

The formulas are those of every textbook (Erlang 1917; Pollaczek 1930, Khinchine 1932; Kleinrock, Queueing
Systems I, 1975), written from the definitions: they share no code with the planner. `load` is arrivals a
second times seconds of work: servers that would be busy on average.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.workload_build import FUNCTION, balanced, played
from windlass.planner.playing.load import Load

SERVICE_S = 0.1
"""Mean of all that is played here."""
CONSTANT, EXPONENTIAL = "{constant: 100ms}", "{exponential: 100ms}"
LOGNORMAL = "{lognormal: {median: 60.653ms, sigma: 1}}"
"""Of the same mean, exp(-1/2) + 1/2 in the logarithm; its squared variation is e - 1."""


def erlang_b(servers: int, load: float) -> float:
    """The part of all requests that finds every server busy and is lost (M/G/c/c)."""
    lost = 1.0
    for count in range(1, servers + 1):
        lost = load * lost / (count + load * lost)
    return lost


def erlang_c(servers: int, load: float) -> float:
    """The part of all requests that has to wait (M/M/c)."""
    lost = erlang_b(servers, load)
    return lost / (1 - load / servers * (1 - lost))


def wait_of_many(servers: int, load: float, service_s: float) -> float:
    """Mean seconds before the work begins (M/M/c)."""
    return erlang_c(servers, load) * service_s / (servers - load)


def wait_of_one(load: float, service_s: float, variation: float) -> float:
    """The same of one server with any times (M/G/1); `variation`: their variance over their squared mean."""
    return load * service_s * (1 + variation) / (2 * (1 - load))


def wait_in_turn(servers: int, load: float, service_s: float) -> float:
    """The same if requests go to servers in turn, each with a queue of its own (E_c/M/1 at each).

    The root of x = A(μ(1 - x)) in (0, 1), A being the transform of the times between two at one server.
    """
    root, each = 0.5, load / servers
    for _ in range(10_000):
        root = (servers * each / (servers * each + 1 - root)) ** servers
    return root * service_s / (1 - root)


@dataclass(frozen=True, slots=True)
class Case:
    """One queue of the theory, and what of the planner should be it."""

    name: str
    where: str
    theory: float
    play: Callable[[int, int], float]
    """Seconds of arrivals, a seed → the same quantity, simulated."""
    unit: str = "s"


def cases() -> Iterator[Case]:
    """Queues at 70 %, so that 40,000 requests say their mean to within some per cent."""
    of_one = ((CONSTANT, "M/D/1", 0.0), (LOGNORMAL, "M/G/1, lognormal", math.e - 1))
    for times, kind, variation in of_one:
        yield Case(
            kind,
            "one task behind a load balancer",
            wait_of_one(0.7, SERVICE_S, variation),
            _tasks(1, 1, times),
        )
    for servers in (1, 8):
        yield Case(
            f"M/M/{servers}",
            f"one task with at_once {servers}",
            wait_of_many(servers, 0.7 * servers, SERVICE_S),
            _tasks(1, servers, EXPONENTIAL),
        )
    yield Case(
        "E4/M/1", "4 tasks in turn (round_robin)", wait_in_turn(4, 2.8, SERVICE_S), _tasks(4, 1, EXPONENTIAL)
    )
    yield Case("M/M/4", "4 workers of a queue", wait_of_many(4, 2.8, SERVICE_S), _workers(4))
    for times, kind in ((EXPONENTIAL, "M/M/10/10"), (CONSTANT, "M/D/10/10")):
        yield Case(
            f"{kind}, lost", "reserved concurrency 10", erlang_b(10, 8.0), _function(10, times), "of all"
        )


def _tasks(tasks: int, at_once: int, times: str) -> Callable[[int, int], float]:
    def play(for_s: int, seed: int) -> float:
        rest = f"""
images: {{web: {{at_once: {at_once}}}}}
workloads:
  - name: users
    to: {{load_balancer: web}}
    arrivals: {{poisson: {7 * tasks * at_once}/s}}
    lasts: {for_s}s
    service_time: {times}
until: {{workload: users}}
"""
        return _waited(_load(balanced(tasks), rest, seed))

    return play


def _workers(count: int) -> Callable[[int, int], float]:
    resources = f"""
  - ecs.CreateCluster: {{clusterName: default}}
  - sqs.CreateQueue: {{QueueName: jobs}}
  - ecs.RegisterTaskDefinition:
      family: worker
      requiresCompatibilities: [FARGATE]
      networkMode: awsvpc
      cpu: "256"
      memory: "512"
      containerDefinitions: [{{name: worker, image: worker}}]
  - ecs.CreateService:
      serviceName: worker
      taskDefinition: worker
      desiredCount: {count}
      launchType: FARGATE
      networkConfiguration: {{awsvpcConfiguration: {{subnets: "${{default.subnets}}"}}}}
"""

    def play(for_s: int, seed: int) -> float:
        rest = f"""
images: {{worker: {{consumes: {{queue: jobs, takes: {EXPONENTIAL}}}}}}}
workloads:
  - name: users
    to: {{queue: jobs}}
    arrivals: {{poisson: {7 * count}/s}}
    at: 1m
    lasts: {for_s}s
until: {{workload: users}}
"""
        return _waited(_load(resources, rest, seed))

    return play


def _function(concurrency: int, times: str) -> Callable[[int, int], float]:
    reserve = f"FunctionName: resize, ReservedConcurrentExecutions: {concurrency}"

    def play(for_s: int, seed: int) -> float:
        rest = f"""
functions: {{resize: {{init: 0s}}}}
workloads:
  - name: users
    to: {{function: resize}}
    arrivals: {{poisson: 80/s}}
    lasts: {for_s}s
    service_time: {times}
until: {{workload: users}}
"""
        load = _load(FUNCTION + f"  - lambda.PutFunctionConcurrency: {{{reserve}}}", rest, seed)
        assert set(load.statuses) == {"200", "429"}
        return load.statuses["429"] / load.offered

    return play


def _load(resources: str, rest: str, seed: int) -> Load:
    [found] = played(resources, rest, seed).loads
    return found


def _waited(load: Load) -> float:
    assert load.statuses == {"200": load.offered}
    return load.waited_mean_s or 0.0
