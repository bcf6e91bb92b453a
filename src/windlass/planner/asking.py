"""The workloads of a scenario: waits until what they ask can serve, and asks.

What comes back are numbers: sim/outcomes.py keeps them, load.py says what they come to. Known gaps: clients
do not give up, and requests to a load balancer are all of one path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from windlass.kernel.clock import SECOND, Duration
from windlass.planner import draws, traces
from windlass.planner.changes import CannotPlay
from windlass.planner.gauging import Gauges
from windlass.planner.load import Load, load_of
from windlass.planner.readiness import Readiness
from windlass.planner.scenario import Scenario
from windlass.planner.workload import Function, Times, Workload
from windlass.sim.function_model import FunctionModel
from windlass.sim.outcomes import Report
from windlass.sim.proxy import SimulatedProxy
from windlass.sim.requests import Send, ask, to_function, to_host
from windlass.sim.world import World

LOOK: Duration = SECOND
"""How often it is looked whether a target is ready."""


class Asking:
    """Of one run."""

    def __init__(self, scenario: Scenario, world: World, proxy: SimulatedProxy, gauges: Gauges) -> None:
        self._workloads = scenario.workloads
        self._world = world
        world.functions |= functions(scenario, world)
        self._proxy = proxy
        self._gauges = gauges
        self._ready = Readiness(world)
        self.reports = {one.name: Report() for one in scenario.workloads}
        self._waits: dict[str, str] = {one.name: "it has not begun" for one in scenario.workloads}
        """Workload → what it waits for; "" once it was answered."""

    async def check(self) -> None:
        """Refuse workloads whose target is not there. Raises CannotPlay."""
        for one in self._workloads:
            try:
                await self._ready.lacks(one.to)
            except CannotPlay as error:
                raise CannotPlay(f"workload {one.name}: {error}") from error

    def begin(self) -> None:
        """All of them, beside everything else."""
        for one in self._workloads:
            self._world.begin(f"workload {one.name}", self._run(one))

    def lacks(self, name: str) -> str:
        """What is left of that workload; "" when all of its requests are answered."""
        report = self.reports[name]
        if why := self._waits[name]:
            return f"{name}: {why}"
        return f"{report.open} requests of {name} are not answered" if report.open else ""

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
        self._waits[one.name] = "it goes on"
        await self._world.pass_time(one.at)
        draw = self._world.stream(f"planner.workload.{one.name}").random
        rows = traces.arrivals(Path(one.arrivals.trace)) if one.arrivals.trace is not None else ()
        times = draws.moments(one.arrivals, one.lasts, draw, rows)
        await ask(self._world, times, await self._send(one), self.reports[one.name])
        self._waits[one.name] = ""

    async def _send(self, one: Workload) -> Send:
        target = one.to
        if target.function is not None:
            return to_function(self._world, target.function)
        host = await self._ready.host(target)
        return to_host(self._proxy, host, self._times(one), target.path, target.host)

    def _times(self, one: Workload) -> Callable[[], Duration]:
        if one.service_time is None:
            return lambda: 0
        return drawn(self._world, one.service_time, f"planner.service_time.{one.name}")


def functions(scenario: Scenario, world: World) -> dict[str, FunctionModel]:
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
        found[name] = FunctionModel(draw, said.init)
    return found


def drawn(world: World, times: Times, stream: str) -> Callable[[], Duration]:
    """One duration after the other, from that stream of the world's chance. Raises CannotPlay."""
    try:
        rows = traces.times(Path(times.trace)) if times.trace is not None else ()
    except traces.BadTrace as error:
        raise CannotPlay(str(error)) from error
    return draws.durations(times, world.stream(stream).random, rows)
