"""The workloads of a scenario: waits until what they ask can serve, and asks.

What comes back are numbers: sim/outcomes.py keeps them, load.py says what they come to. Known gaps: clients
do not give up, and requests to a load balancer are all of one path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from windlass.kernel.clock import SECOND, Duration, seconds
from windlass.kernel.faults import Fault, Retry
from windlass.planner.playing import code, draws, traces
from windlass.planner.playing.calling import THROTTLED, Calling
from windlass.planner.playing.changes import CannotPlay
from windlass.planner.playing.consuming import Consumers
from windlass.planner.playing.gauging import Gauges
from windlass.planner.playing.load import Load, load_of
from windlass.planner.playing.messages import Messages
from windlass.planner.playing.readiness import Readiness
from windlass.planner.scenario.model import Scenario
from windlass.planner.scenario.workload import Function, Times, Workload
from windlass.sim.function_model import FunctionModel
from windlass.sim.outcomes import Report, Status
from windlass.sim.proxy import NOBODY
from windlass.sim.requests import Answered, Send, ask, status_of, status_of_fault, to_host
from windlass.sim.world import World

LOOK: Duration = SECOND
"""How often it is looked whether a target is ready."""
BACK_OFF_S_MAX = 20
"""AWS SDKs and Tools Reference Guide, "Retry behavior", standard mode."""


class Asking:
    """Of one run."""

    def __init__(self, scenario: Scenario, world: World, calling: Calling, gauges: Gauges) -> None:
        names = [one.name for one in scenario.workloads]
        if twice := [name for name in names if names.count(name) > 1]:
            raise CannotPlay(f"workload {twice[0]}: there are two of that name")
        self._workloads = scenario.workloads
        self._world = world
        world.functions |= functions(scenario, world, calling)
        self._calling = calling
        world.launches.work = consumers(scenario, world).work
        self._gauges = gauges
        self._ready = Readiness(world)
        self.reports = {one.name: Report() for one in scenario.workloads}
        self._messages = Messages(world, self.reports)
        self._traces = {
            one.name: traces.arrivals(Path(one.arrivals.trace)) if one.arrivals.trace is not None else []
            for one in scenario.workloads
        }
        self._waits: dict[str, str] = {one.name: "it has not begun" for one in scenario.workloads}
        """Workload → what it waits for; "" once it was answered."""
        self._arriving: set[str] = set()
        """Workloads whose target is ready, and whose last request has not come."""

    async def check(self) -> None:
        """Refuse workloads whose target is not there. Raises CannotPlay."""
        for one in self._workloads:
            where = f"workload {one.name}"
            try:
                await self._ready.lacks(one.to)
            except CannotPlay as error:
                raise CannotPlay(f"{where}: {error}") from error

    def begin(self) -> None:
        """All of them, beside everything else."""
        for one in self._workloads:
            self._world.begin(f"workload {one.name}", self._run(one))

    def lacks(self, name: str) -> str:
        """What is left of that workload; "" when all of its requests are answered."""
        if name not in self.reports:
            raise CannotPlay(f"until: there is no workload {name!r}; {', '.join(self.reports) or 'none'} is")
        report = self.reports[name]
        if why := self._waits[name]:
            return f"{name}: {why}"
        return f"{report.open} requests of {name} are not answered" if report.open else ""

    @property
    def more_to_come(self) -> bool:
        """Whether requests are still to arrive at a target that is there for them."""
        return bool(self._arriving)

    def moved(self) -> int:
        """Rises as requests come and are answered."""
        return sum(one.offered + len(one.ended) for one in self.reports.values())

    def loads(self) -> Iterator[Load]:
        """What came of each."""
        for one in self._workloads:
            function = one.to.function
            cold = None if function is None else self._gauges.started[function]
            yield load_of(one.name, one.to.sentence, self.reports[one.name], cold)

    async def _run(self, one: Workload) -> None:
        while why := await self._ready.lacks(one.to):
            self._waits[one.name] = why
            await self._world.pass_time(LOOK)
        self._waits[one.name] = "its arrivals are not over"
        self._arriving.add(one.name)
        await self._world.pass_time(one.at)
        draw = self._world.stream(f"planner.workload.{one.name}").random
        moments = draws.moments(one.arrivals, one.lasts, draw, self._traces.pop(one.name))
        times = self._to_the_last(one.name, moments)
        if one.to.queue is not None:
            await self._messages.send(one.name, await self._ready.queue(one.to.queue), times)
        else:
            await ask(self._world, times, await self._send(one), self.reports[one.name])
        self._waits[one.name] = ""

    def _to_the_last(self, name: str, times: Iterable[Duration]) -> Iterator[Duration]:
        yield from times
        self._arriving.discard(name)

    async def _send(self, one: Workload) -> Send:
        target = one.to
        if target.function is not None:
            invoke = {"lambda.Invoke": {"FunctionName": target.function, "Payload": b"{}"}}
            return self._call(one, invoke)
        if target.call is not None:
            return self._call(one, target.call)
        host = await self._ready.host(target)
        return to_host(self._world.proxies[0], host, self._times(one), target.path, target.host)

    def _call(self, one: Workload, said: Mapping[str, Any]) -> Send:
        """That operation, tried again as often as the workload says."""
        where, draw = f"workload {one.name}", self._world.stream(f"planner.back_off.{one.name}").random

        async def send() -> Answered:
            status: Status = 0
            for attempt in range(one.attempts):
                if attempt:
                    await self._world.pass_time(seconds(draw() * min(BACK_OFF_S_MAX, 2 ** (attempt - 1))))
                try:
                    return status_of(await self._calling.once(said, where)), 0
                except Fault as fault:
                    status = status_of_fault(fault)
                    if fault.code not in THROTTLED:
                        break
                except Retry:
                    return NOBODY, 0
            return status, 0

        return send

    def _times(self, one: Workload) -> Callable[[], Duration]:
        if one.service_time is None:
            return lambda: 0
        return drawn(self._world, one.service_time, f"planner.service_time.{one.name}")


def functions(scenario: Scenario, world: World, calling: Calling) -> dict[str, FunctionModel]:
    """What the code of each function does, as `functions` and its workload say. Raises CannotPlay."""
    takes = {name: one.takes for name, one in scenario.functions.items() if one.takes is not None}
    for one in scenario.workloads:
        if one.to.function is None or one.service_time is None:
            continue
        if takes.setdefault(one.to.function, one.service_time) != one.service_time:
            raise CannotPlay(f"workload {one.name}: `functions` says another time of {one.to.function}")
    found = {}
    for name in sorted({*takes, *scenario.functions}):
        said = scenario.functions.get(name, Function())
        times = takes.get(name)
        draw = None if times is None else drawn(world, times, f"planner.function.{name}")
        found[name] = code.model(name, said, draw, calling)
    return found


def consumers(scenario: Scenario, world: World) -> Consumers:
    """The images that take messages. Raises CannotPlay."""
    images = {name: one.consumes for name, one in scenario.images.items() if one.consumes is not None}
    draws = {name: drawn(world, one.takes, f"planner.consumer.{name}") for name, one in images.items()}
    return Consumers(world, images, draws)


def drawn(world: World, times: Times, stream: str) -> Callable[[], Duration]:
    """One duration after the other, from that stream of the world's chance. Raises CannotPlay."""
    rows = traces.times(Path(times.trace)) if times.trace is not None else ()
    return draws.durations(times, world.stream(stream).random, rows)
