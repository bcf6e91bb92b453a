"""Plays a scenario in a simulated world: makes its resources, lets events happen, waits for what it wants.

The only part of the planner that drives a world. What comes back is values; outcome.py says what they mean.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from windlass.aws.calls import Caller
from windlass.aws.quotas import Profile, load_profile
from windlass.front import machines
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND, Duration
from windlass.kernel.faults import Fault
from windlass.planner import quantity
from windlass.planner.answers import Answers, NotThere
from windlass.planner.scenario import Event, Instances, Scenario, Until
from windlass.planner.watching import Sample, Watching
from windlass.services.catalogue import SERVICES
from windlass.services.ecs.instance_model import INSTANCES
from windlass.sim.launch_model import Image, LaunchModel
from windlass.sim.world import ACCOUNT, REGION, World

LOOK: Duration = SECOND
"""How often the end is looked for: what is predicted is right to a second."""
AS = "as"
"""Beside an operation: what its answer is called from then on."""
THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")
OBSERVER = Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
CYCLED = "ecs.deployment."
"""Buckets whose burst is what one work cycle brings: it grows with the refill."""
SERVICE_NAMES = {service.name for service in SERVICES}


class CannotPlay(Exception):
    """Why a scenario cannot be played: one line for people."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one run with one seed."""

    seed: int
    took_s: float | None
    """Until what was waited for was there; None: it never was."""
    ended: str
    """Why the run was over: "reached", or what was missing at the horizon."""
    samples: tuple[Sample, ...]
    lowest: Mapping[str, int]
    throttled: Mapping[str, int]
    """Operation of the scenario → how often it was told to try again."""
    virtual_s: float


def play(scenario: Scenario, seed: int) -> Played:
    """One run. Raises CannotPlay."""
    profile = profile_of(scenario)
    world = World(
        SERVICES, profile, seed, check_every=scenario.horizon, as_bytes=False, traced=False
    )  # fmt: skip
    images = {
        name: Image(one.size, one.fails, one.runs, one.exit_code) for name, one in scenario.images.items()
    }
    world.launches = LaunchModel(seed, images)
    play = _Play(scenario, world)
    world.run(play.story)
    return play.played(seed)


def profile_of(scenario: Scenario) -> Profile:
    """The profile with what the scenario changes of it. Raises CannotPlay."""
    try:
        profile = load_profile(scenario.profile)
        return changed(profile, scenario.quotas, scenario)
    except ValueError as error:
        raise CannotPlay(str(error)) from error


def changed(profile: Profile, quotas: Mapping[str, Any], scenario: Scenario | None = None) -> Profile:
    """The profile with other quotas, and the scenario's delays. Raises ValueError."""
    numbers, buckets = dict(profile.quotas), dict(profile.buckets)
    for name, given in quotas.items():
        if isinstance(given, Mapping):
            buckets[name] = _rate(name, given, buckets.get(name))
        elif name in buckets:
            raise ValueError(
                f"{name} is a bucket: give it refill and burst, as in {{refill: 20/s, burst: 100}}"
            )
        else:
            numbers[name] = float(given)
    delays, sigmas = dict(profile.delays), dict(profile.sigmas)
    for name, delay in scenario.delays.items() if scenario is not None else ():
        delays[name], sigmas[name] = delay.median / SECOND, delay.sigma
    models = {**profile.models, **(scenario.models if scenario is not None else {})}
    return dataclasses.replace(
        profile, quotas=numbers, buckets=buckets, delays=delays, sigmas=sigmas, models=models
    )


def _rate(name: str, given: Mapping[str, Any], known: Rate | None) -> Rate:
    unknown = sorted(set(given) - {"refill", "burst"})
    if unknown or not given:
        raise ValueError(f"{name}: a bucket has refill and burst, as in {{refill: 20/s, burst: 100}}")
    burst = int(given.get("burst", known.burst if known is not None else 1))
    if "refill" not in given:
        if known is None:
            raise ValueError(f"{name}: the profile has no such bucket, so it needs refill and burst")
        return dataclasses.replace(known, burst=burst)
    per_minute = quantity.rate(given["refill"]) * 60
    if name.startswith(CYCLED) and "burst" not in given and known is not None:
        burst = round(burst * per_minute / known.parts)
    return Rate(burst=burst, per_minute=max(1, round(per_minute)))


class _Play:
    """One run."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self._scenario = scenario
        self._world = world
        self._took_s: float | None = None
        self._missing = ""
        self._throttled: Counter[str] = Counter()
        self._answers = Answers()

    async def story(self, world: World) -> None:
        scenario = self._scenario
        world.add_node("n1")
        world.add_proxy()
        for instances in scenario.instances:
            await self._register(instances)
        self._answers.keep("default", await self._default_network())
        self.watching = Watching(world.plane.store, world.plane.quotas, world.clock, (ACCOUNT, REGION))
        for place, resource in enumerate(scenario.resources):
            await self._call(resource, f"resources[{place}]")
        world.begin("samples", self.watching.sample_always())
        for event in scenario.events:
            world.begin(f"event at {event.at / SECOND:g} s", self._happen(event))
        await self._wait()
        self.watching.sample()

    def played(self, seed: int) -> Played:
        watching = self.watching
        return Played(
            seed,
            self._took_s,
            self._missing or "reached",
            tuple(watching.samples),
            watching.lowest,
            dict(self._throttled),
            (self._world.clock.now() - watching.began) / SECOND,
        )

    async def _wait(self) -> None:
        """To what is waited for, or the horizon."""
        world, scenario = self._world, self._scenario
        while world.clock.now() - self.watching.began < scenario.horizon:
            self._missing = "" if scenario.until is None else await self._lacks(scenario.until)
            if scenario.until is not None and not self._missing:
                self._took_s = (world.clock.now() - self.watching.began) / SECOND
                return
            await world.pass_time(LOOK)

    async def _lacks(self, until: Until) -> str:
        """What is not as it is waited for; "" when all is."""
        named = {"cluster": until.cluster, "services": [until.service]}
        calls = self._world.plane.calls  # past the buckets: nobody of the scenario asks this
        found = await calls.run("ecs", "DescribeServices", named, caller=OBSERVER, region=REGION)
        if not found["services"]:
            return f"there is no service {until.service}"
        [service] = found["services"]
        if until.running is not None:
            count = service["runningCount"]
            return "" if count >= until.running else f"{count} of {until.running} tasks run"
        [primary, *older] = service["deployments"]
        if older or primary["rolloutState"] == "IN_PROGRESS":
            return str(primary.get("rolloutStateReason", "the deployment goes on"))
        wanted, count = service["desiredCount"], service["runningCount"]
        return "" if count == wanted else f"{count} of {wanted} tasks run"

    async def _default_network(self) -> dict[str, Any]:
        """What a scenario may name of the VPC that every account has."""
        subnets = (await self._world.call("ec2", "DescribeSubnets"))["Subnets"]
        groups = (await self._world.call("ec2", "DescribeSecurityGroups"))["SecurityGroups"]
        return {
            "subnets": [one["SubnetId"] for one in subnets],
            "security_groups": [one["GroupId"] for one in groups],
            "vpc": subnets[0]["VpcId"],
            "account": ACCOUNT,
            "region": REGION,
        }

    async def _register(self, wanted: Instances) -> None:
        world = self._world
        await world.call("ecs", "CreateCluster", clusterName=wanted.cluster)
        scope = {"account": ACCOUNT, "region": REGION, "cluster": wanted.cluster}
        size = {"cpu": str(wanted.cpu), "memory": str(wanted.memory)}
        left = wanted.count
        while left:
            count = min(left, machines.COUNT_MAX)
            await machines.run(world.plane, {"count": str(count), **size, **scope})
            left -= count
        key = (ACCOUNT, REGION, wanted.cluster)
        for _ in range(3_600):
            if world.plane.store[INSTANCES].count("cluster", key) >= wanted.count:
                return
            await world.pass_time(SECOND)
        raise CannotPlay(f"{wanted.count} instances did not register in the cluster {wanted.cluster}")

    async def _happen(self, event: Event) -> None:
        world = self._world
        await world.pass_time(event.at)
        if event.call is not None:
            await self._call(event.call, f"the event at {event.at / SECOND:g} s")

    async def _call(self, said: Mapping[str, Any], where: str) -> None:
        """One operation, tried again while it is throttled, as SDKs do."""
        operations = {name: params for name, params in said.items() if name != AS}
        if len(operations) != 1:
            raise CannotPlay(f"{where}: one operation at a time, as in {{ecs.CreateCluster: {{…}}}}")
        [(name, params)] = operations.items()
        service, _, operation = name.partition(".")
        if service not in SERVICE_NAMES or not operation:
            raise CannotPlay(f"{where}: {name!r} is no operation; write ecs.CreateService, for example")
        while True:
            try:
                answer = await self._world.call(service, operation, **self._answers.filled(params))
                break
            except NotThere as error:
                raise CannotPlay(f"{where}: {error}") from error
            except Fault as fault:
                if fault.code not in THROTTLED:
                    raise CannotPlay(f"{where}: {name}: {fault.code}: {fault.message}") from fault
                self._throttled[name] += 1
            await self._world.pass_time(SECOND)
        if AS in said:
            self._answers.keep(said[AS], answer)
