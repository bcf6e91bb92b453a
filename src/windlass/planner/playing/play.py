"""Plays a scenario in a simulated world: makes its resources, lets events happen, waits for what it wants.

The only part of the planner that drives a world. What comes back is values; outcome.py says what they mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from windlass.front import machines
from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.kernel.faults import Fault
from windlass.planner.costs.cost import NOTHING, Cost, cost_of
from windlass.planner.costs.metering import Metering
from windlass.planner.playing import happening, partly, waiting
from windlass.planner.playing.asking import Asking
from windlass.planner.playing.calling import AS, Calling, operation
from windlass.planner.playing.changes import CannotPlay, profile_of
from windlass.planner.playing.gauging import Gauges
from windlass.planner.playing.happening import NODE, Happening
from windlass.planner.playing.load import Load
from windlass.planner.playing.metrics import Measured, Queries
from windlass.planner.playing.waiting import Waiting
from windlass.planner.playing.watching import Sample, Watching
from windlass.planner.scenario.accounts import accounts_of
from windlass.planner.scenario.model import Event, Instances, Scenario
from windlass.services.catalogue import SERVICES
from windlass.services.ecs.instance_model import INSTANCES
from windlass.sim.counted import NONE_YET, Counted
from windlass.sim.launch_model import Image, LaunchModel
from windlass.sim.packages import ANY_PACKAGE
from windlass.sim.world import ACCOUNT, REGION, World

REPORTS_GATHERED: Duration = 100 * MILLISECOND
"""For how long a node with ten thousand tasks gathers what it reports (SimulatedNode.gathers)."""
LOOKS: tuple[tuple[Duration, Duration], ...] = ((SECOND, SECOND // 100), (10 * SECOND, SECOND // 20))
"""(until then, so often) the end is looked for, and later each second: what is predicted is as exact."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one run with one seed."""

    seed: int
    took_s: float | None
    """Until what was waited for was there; None: it never was."""
    ended: str
    """Why the run was over: "reached", what was missing at the horizon, or why it never can be."""
    samples: tuple[Sample, ...]
    lowest: Mapping[str, int]
    throttled: Mapping[str, int]
    """Operation of the scenario → how often it was told to try again."""
    virtual_s: float
    notes: tuple[str, ...] = ()
    """What the scenario asked for and came to nothing, or is not modelled."""
    cost: Cost = NOTHING
    loads: tuple[Load, ...] = ()
    """What became of the workloads, in their order."""
    counted: Counted = NONE_YET
    """How much happened in its world."""
    metrics: tuple[Measured, ...] = ()
    """What CloudWatch had of the metrics that the scenario wants reported."""


def play(scenario: Scenario, seed: int) -> Played:
    """One run. Raises CannotPlay."""
    profile = profile_of(scenario)
    happening.check(scenario)
    waiting.check(scenario)
    world = World(
        SERVICES, profile, seed, check_every=scenario.horizon, as_bytes=False, traced=False
    )  # fmt: skip
    images = {
        name: Image(one.size, one.fails, one.runs, one.exit_code, one.at_once)
        for name, one in scenario.images.items()
    }
    world.launches = LaunchModel(seed, images)
    play = _Play(scenario, world)
    world.run(play.story)
    return play.played(seed)


def refusals(scenario: Scenario) -> dict[int, str]:
    """Which of its resources cannot be made, by their place, and why; the others are made all the same."""
    refused: dict[int, str] = {}

    async def story(world: World) -> None:
        world.add_node(NODE)
        play = _Play(scenario, world)
        await play.know_defaults()
        for place, resource in enumerate(scenario.resources):
            try:
                await play.calling.call(resource, "")
            except CannotPlay as error:
                refused[place] = str(error).removeprefix(": ")

    World(SERVICES, profile_of(scenario), scenario.seed, as_bytes=False, traced=False).run(story)
    return refused


class _Play:
    """One run."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self._scenario = scenario
        self._world = world
        self._took_s: float | None = None
        self._missing = ""
        self._accounts = accounts_of(scenario)
        self._callings = [Calling(world, account) for account in self._accounts]
        self.calling = self._callings[0]

    async def story(self, world: World) -> None:
        scenario = self._scenario
        self._partly = _partly(scenario)
        world.add_node(NODE).gathers = REPORTS_GATHERED
        world.add_proxy().sites.slots = world.launches.slots
        await self.know_defaults()
        for instances in scenario.instances:
            await self._register(instances)
        plane = world.plane
        self.watching = Watching(plane.store, plane.quotas, world.clock, (ACCOUNT, REGION), Gauges(plane))
        metering = Metering(plane)
        self.asking = Asking(scenario, world, self.calling, self.watching.gauges)
        made = [world.begin(f"resources of {one.account}", self._make(one)) for one in self._callings]
        for each in made:
            await each
        await self.asking.check()
        self._queries = Queries(self.calling, world.clock, scenario.report.metrics)
        await self._queries.check()
        self.asking.begin()
        world.begin("samples", self.watching.sample_always())
        self._happening = Happening(world)
        for event in scenario.events:
            world.begin(f"event at {event.at / SECOND:g} s", self._happen(event))
        await self._wait(Waiting(scenario, world, self.watching, self.asking, self._accounts))
        self.watching.sample()
        self.watching.add_loads(self.asking.reports)
        self._cost = cost_of(metering.read())
        self._metrics = await self._queries.read(self.watching.began)

    def played(self, seed: int) -> Played:
        watching = self.watching
        told = dict.fromkeys(text for calling in self._callings for text in calling.told())
        return Played(
            seed,
            self._took_s,
            self._missing or "reached",
            tuple(watching.samples),
            watching.lowest,
            dict(sum((one.throttled for one in self._callings), Counter[str]())),
            (self._world.clock.now() - watching.began) / SECOND,
            (*self._partly, *told, *self._happening.notes, *self._queries.notes),
            self._cost,
            tuple(self.asking.loads()),
            self._world.counted(),
            self._metrics,
        )

    async def _wait(self, waiting: Waiting) -> None:
        """To what is waited for, to where it can come no more, or to the horizon."""
        world, scenario = self._world, self._scenario
        while world.clock.now() - self.watching.began < scenario.horizon:
            if scenario.until is not None:
                self._missing = await waiting.lacks()
                if not self._missing:
                    self._took_s = (world.clock.now() - self.watching.began) / SECOND
                    return
                if why := await waiting.stuck(self._missing):
                    self._missing = why
                    return
            await world.pass_time(_look_after(world.clock.now() - self.watching.began))

    async def know_defaults(self) -> None:
        """What a scenario may name that it did not make: the VPC that every account has, and any package."""
        for calling in self._callings:
            ask = partial(self._world.call_as, calling.account, "ec2")
            subnets = (await ask("DescribeSubnets"))["Subnets"]
            groups = (await ask("DescribeSecurityGroups"))["SecurityGroups"]
            there = {
                "subnets": [one["SubnetId"] for one in subnets],
                "security_groups": [one["GroupId"] for one in groups],
                "vpc": subnets[0]["VpcId"],
                "account": calling.account,
                "region": REGION,
                "package": ANY_PACKAGE,
            }
            calling.answers.keep("default", there)

    async def _make(self, calling: Calling) -> None:
        """The resources of one account."""
        for place, resource in enumerate(self._scenario.resources):
            called = f" ({resource[AS]})" if AS in resource else ""
            await calling.call(resource, f"resources[{place}]{called}")

    async def _register(self, wanted: Instances) -> None:
        """So many in each account, and wait until all of them are there."""
        world, account_keys = self._world, [(one, REGION, wanted.cluster) for one in self._accounts]
        store = world.plane.store
        there = [store[INSTANCES].count("cluster", key) + wanted.count for key in account_keys]
        for calling in self._callings:
            await self._launch(wanted, calling)
        for _ in range(3_600):
            counts = (store[INSTANCES].count("cluster", key) for key in account_keys)
            if all(count >= enough for count, enough in zip(counts, there, strict=True)):
                return
            await world.pass_time(SECOND)
        raise CannotPlay(f"{wanted.count} instances did not register in the cluster {wanted.cluster}")

    async def _launch(self, wanted: Instances, calling: Calling) -> None:
        said = [one.get("ecs.CreateCluster") or {} for one in self._scenario.resources]
        params = next((one for one in said if one.get("clusterName", "default") == wanted.cluster), {})
        made = {"ecs.CreateCluster": {"clusterName": wanted.cluster, **params}}
        await calling.call(made, f"instances of {wanted.cluster}")
        query = {"account": calling.account, "region": REGION, "cluster": wanted.cluster, "zone": wanted.zone}
        query |= {"cpu": str(wanted.cpu), "memory": str(wanted.memory), "type": wanted.type}
        query |= {"spot": "true"} if wanted.spot else {}
        left = wanted.count
        try:
            while left:
                count = min(left, machines.COUNT_MAX)
                await machines.run(self._world.plane, {**query, "count": str(count)})
                left -= count
        except Fault as fault:
            raise CannotPlay(f"instances: {fault.message}") from fault

    async def _happen(self, event: Event) -> None:
        world = self._world
        await world.pass_time(event.at)
        where = f"the event at {event.at / SECOND:g} s"
        if event.call is None:
            await self._happening.happen(event)
            return
        for again in range(event.times):
            if again:
                await world.pass_time(event.every)
            for calling in self._callings:
                world.begin(where, calling.try_to(event.call, where))


def _partly(scenario: Scenario) -> list[str]:
    """What it asks for that is not modelled, or not all of it. Raises CannotPlay for what is not there."""
    named = [(said, f"resources[{place}]") for place, said in enumerate(scenario.resources)]
    named += [(one.call, f"the event at {one.at / SECOND:g} s") for one in scenario.events if one.call]
    for name, function in scenario.functions.items():
        named += [(said, f"functions.{name}.calls[{place}]") for place, said in enumerate(function.calls)]
    named += [(one.to.call, f"the workload {one.name}") for one in scenario.workloads if one.to.call]
    partial = {service.name: service.partial for service in SERVICES}
    return partly.notes((operation(said, where) for said, where in named), partial)


def _look_after(elapsed: Duration) -> Duration:
    return next((every for end, every in LOOKS if elapsed < end), SECOND)
