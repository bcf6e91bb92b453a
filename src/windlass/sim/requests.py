"""Requests of a simulated world: made as they arrive (arrivals.py), and what became of them (outcomes.py).

What takes them is given: a proxy (sim/proxy.py), a function, anything that answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from windlass.aws.calls import Result
from windlass.kernel.clock import Duration, seconds
from windlass.kernel.faults import Fault, Retry
from windlass.sim.arrivals import Phase, arrivals
from windlass.sim.outcomes import Report, Status
from windlass.sim.proxy import BAD_GATEWAY, NOBODY, SimulatedProxy
from windlass.sim.world import World

Answered: TypeAlias = tuple[Status, Duration]
"""The status, and how long the request waited before anybody worked on it."""
Send: TypeAlias = Callable[[], Awaitable[Answered]]
"""Make one request, to its answer."""


TOO_MANY = 429


async def offer(world: World, phases: Sequence[Phase], send: Send, *, chance: str = "") -> Report:
    """Make the requests of that load, and wait for all answers. `chance`: by chance, from that stream."""
    report, began = Report(), world.clock.now()
    draw = world.stream(chance).random if chance else None
    await ask(world, arrivals(phases, draw), send, report)
    await world.clock.sleep_until(began + seconds(sum(phase.seconds for phase in phases)))
    return report


async def ask(world: World, times: Iterable[Duration], send: Send, report: Report) -> None:
    """Make a request at each of these times from now on, in order; returns when all are answered."""
    clock, began = world.clock, world.clock.now()
    last = asyncio.Event()
    made_all = False

    async def one() -> None:
        arrived = clock.now()
        status, waited = await send()
        now = clock.now()
        report.add(now, now - arrived, status, waited)
        if made_all and not report.open:
            last.set()

    for at in times:
        if began + at > clock.now():
            await clock.sleep_until(began + at)
        report.arrive(clock.now())
        world.begin("request", one())
    made_all = True
    if report.open:
        await last.wait()


def to_host(
    proxy: SimulatedProxy, host: str, work: Callable[[], Duration], path: str = "/", said: str = ""
) -> Send:
    """To a load balancer, or an App Runner service; `said` as the Host header, where that is another."""

    async def send() -> Answered:
        answer = await proxy.request(host, path, work(), said)
        return answer.status, answer.waited

    return send


def to_function(world: World, name: str) -> Send:
    """To a Lambda function, whose own time is its course's `event`. A fault's status, 429 among them."""

    async def send() -> Answered:
        try:
            return status_of(await world.call("lambda", "Invoke", FunctionName=name, Payload=b"{}")), 0
        except Fault as fault:
            return status_of_fault(fault), 0
        except Retry:
            return NOBODY, 0

    return send


def status_of(answer: Result) -> Status:
    """What an answer of AWS's API comes to: of a function's error 502, of a task that has no place why."""
    if answer.get("FunctionError"):
        return BAD_GATEWAY
    if answer.get("failures") and not answer.get("tasks"):
        return str(answer["failures"][0]["reason"])
    return 200


def status_of_fault(fault: Fault) -> Status:
    return TOO_MANY if fault.code == "TooManyRequestsException" else fault.code
