"""Events of a scenario: what happens to its world, and is undone when it `lasts`.

Knows how each kind of event is done; when it happens, and operations of clients, are play.py's. Known gaps:
functions, App Runner's instances without a VPC connector and nodes of load balancers are in no zone; Auto
Scaling groups have no Spot Instances.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from windlass.aws.calls import Caller
from windlass.fleet import instances
from windlass.fleet.model import INSTANCES, UNITS, Unit
from windlass.fleet.outages import Outages
from windlass.kernel.clock import MINUTE, SECOND, Duration
from windlass.kernel.store import Table
from windlass.planner.playing.changes import CannotPlay, changed, throttled
from windlass.planner.scenario.model import Event, Scenario
from windlass.services.apprunner.instance_model import INSTANCES as APP_RUNNER
from windlass.services.batch.interruptions import Interruptions as AttemptInterruptions
from windlass.services.ec2.zones import zones
from windlass.services.ecs.instance_model import INSTANCES as CONTAINER_INSTANCES
from windlass.services.ecs.interruptions import Interruptions
from windlass.services.ecs.model import FARGATE_SPOT, TASKS
from windlass.services.elbv2.model import LOAD_BALANCERS
from windlass.services.lambda_.model import FUNCTIONS
from windlass.sim.launch_model import NOTHING_SAID
from windlass.sim.world import ACCOUNT, REGION, World

NODE = "n1"
"""The node that stands for all of AWS's machines."""
FIXED = ("fargate.spot.interruptions_per_task_hour",)
"""Quotas that a plane reads when it starts."""
IMAGES = ("image", "ImageIdentifier")
"""Parameters that name an image: of ECS and Batch, of App Runner."""
CHANCE = "planner.events"
ZONE_LOST = "its availability zone failed"
SPOT_NOTICE: Duration = 2 * MINUTE
"""From the interruption notice to the end; EC2 User Guide, "Spot Instance interruption notices"."""
SPOT_TAKEN = "Server.SpotInstanceTermination: Spot instance termination"
NOWHERE: Mapping[Table[Any], str] = {
    FUNCTIONS: "functions",
    APP_RUNNER: "instances of App Runner without a VPC connector",
    LOAD_BALANCERS: "nodes of load balancers",
}
OBSERVER = Caller(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT)
"""Who calls what the scenario did not ask for, past the buckets."""
Undo: TypeAlias = Callable[[], None]
"""Makes it as it was before the event."""


def observer(account: str) -> Caller:
    """OBSERVER in that account."""
    return Caller(account, f"arn:aws:iam::{account}:root", account)


def check(scenario: Scenario) -> None:
    """Refuse events and images that could not mean anything. Raises CannotPlay."""
    calls = [call for function in scenario.functions.values() for call in function.calls]
    calls += [one.to.call for one in scenario.workloads if one.to.call is not None]
    images = set(_images([*scenario.resources, *calls, *(event.call for event in scenario.events)]))
    if unused := sorted(set(scenario.images) - images):
        raise CannotPlay(f"images: no definition has the image {unused[0]!r}; there are {_list(images)}")
    for event in scenario.events:
        where = f"the event at {event.at / SECOND:g} s"
        image = event.break_image or event.mend_image
        if image and image not in images:
            raise CannotPlay(f"{where}: no definition has the image {image!r}; there are {_list(images)}")
        if event.kill_zone and event.kill_zone not in zones(REGION):
            raise CannotPlay(f"{where}: there is no zone {event.kill_zone!r}; {_list(zones(REGION))} are")
        if event.lose_node and event.lose_node != NODE:
            raise CannotPlay(f"{where}: there is no node {event.lose_node!r}: all tasks are on {NODE}")
        for name in FIXED:
            if name in (event.quota or ()):
                raise CannotPlay(f"{where}: {name} cannot change later; put it into the scenario's quotas")


class Happening:
    """Of one world. `notes` say what came to nothing, or is not modelled."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._began = world.clock.now()
        self.notes: list[str] = []
        self._noticed: set[str] = set()
        """Spot Instances that were given notice."""

    async def happen(self, event: Event) -> None:
        """Let it happen now, to the end of what it lasts. Raises CannotPlay."""
        undo = await self._begin(event)
        if event.lasts is not None:
            await self._world.pass_time(event.lasts)
            undo()

    async def _begin(self, event: Event) -> Undo:
        world = self._world
        if event.break_image is not None:
            why = event.why or f"CannotPullContainerError: the image {event.break_image} is broken"
            return self._change_image(event.break_image, why)
        if event.mend_image is not None:
            return self._change_image(event.mend_image, "")
        if (lost := event.lose_node) is not None:
            world.disconnect(lost)
            return lambda: world.connect(lost)
        if event.interrupt_spot is not None:
            await self._interrupt(event.interrupt_spot)
            return _nothing
        if event.kill_zone is not None:
            return self._kill_zone(event.kill_zone)
        return self._change_profile(event)

    def _change_image(self, image: str, fails: str) -> Undo:
        images = self._world.launches.images
        before = images.get(image, NOTHING_SAID)
        images[image] = dataclasses.replace(before, fails=fails)

        def undo() -> None:
            images[image] = before

        return undo

    def _change_profile(self, event: Event) -> Undo:
        quotas = self._world.plane.quotas
        profile = quotas.profile
        try:
            if event.quota is not None:
                quotas.profile = changed(profile, event.quota)
            if event.throttle is not None:
                quotas.profile = throttled(profile, event.throttle)
        except ValueError as error:
            raise CannotPlay(f"the event at {event.at / SECOND:g} s: {error}") from error
        names = [*(event.quota or ()), *(event.throttle or ())]

        def undo() -> None:
            quotas.profile = dataclasses.replace(
                quotas.profile,
                quotas=_restored(quotas.profile.quotas, profile.quotas, names),
                buckets=_restored(quotas.profile.buckets, profile.buckets, names),
            )

        return undo

    async def _interrupt(self, share: float) -> None:
        """That share of each kind: tasks of ECS, attempts of Batch, instances. Returns when it is over."""
        plane = self._world.plane
        tasks = [
            task.id
            for task in plane.store[TASKS].all()
            if task.capacity_provider == FARGATE_SPOT
            and task.last_status == "RUNNING"
            and task.desired_status == "RUNNING"
        ]
        attempts = plane.calls.part(AttemptInterruptions).at_risk()
        machines = [
            one.id
            for one in plane.store[INSTANCES].all()
            if one.phase == "running" and instances.on_spot(one) and one.id not in self._noticed
        ]
        if not (tasks or attempts or machines):
            self._note("nothing ran on Spot, so nothing was interrupted")
        for task_id in self._chosen(tasks, share):
            await plane.calls.part(Interruptions).interrupt(task_id)
        for job_id in self._chosen(attempts, share):
            await plane.calls.part(AttemptInterruptions).interrupt(job_id)
        if chosen := self._chosen(machines, share):
            await self._take_back(chosen)

    def _chosen(self, ids: list[str], share: float) -> list[str]:
        return self._world.stream(CHANCE).sample(sorted(ids), round(share * len(ids)))

    async def _take_back(self, machines: list[str]) -> None:
        """Spot Instances: their agents hear of it and drain; after the notice they are terminated."""
        world, store = self._world, self._world.plane.store
        self._noticed.update(machines)
        of_machine = {row.machine_id: row for row in store[CONTAINER_INSTANCES].all()}
        for machine in machines:
            if (row := of_machine.get(machine)) is not None and row.status == "ACTIVE":
                params = {"cluster": row.cluster, "containerInstances": [row.id], "status": "DRAINING"}
                await world.plane.calls.run(
                    "ecs",
                    "UpdateContainerInstancesState",
                    params,
                    caller=observer(row.account),
                    region=row.region,
                )
        await world.pass_time(SPOT_NOTICE)
        there = [one for one in map(store[INSTANCES].get, machines) if one is not None]
        with store.transact() as tx:
            for one in there:
                instances.terminate(tx, one.id, SPOT_TAKEN)
        if any(not one.group and one.id in of_machine for one in there):
            self._note("the instances that the scenario began with are in no group: nothing replaces them")

    def _kill_zone(self, zone: str) -> Undo:
        world = self._world
        store, outages = world.plane.store, world.plane.calls.part(Outages)
        outages.begin(zone)
        machines = [one.id for one in store[INSTANCES].all() if one.zone == zone]
        with store.transact() as tx:
            for machine in machines:
                instances.terminate(tx, machine, ZONE_LOST)
        alone = [unit.id for unit in store[UNITS].all() if _is_in(unit, zone)]
        for unit_id in alone:
            for node in world.nodes.values():
                node.kill(unit_id, ZONE_LOST)
        if not machines and not alone:
            self._note(f"nothing was in the zone {zone}")
        elsewhere = [name for table, name in NOWHERE.items() if any(True for _ in store[table].all())]
        if elsewhere:
            self._note(f"{' and '.join(elsewhere)} are in no zone here, and go on")
        return lambda: outages.end(zone)

    def _note(self, text: str) -> None:
        at_s = (self._world.clock.now() - self._began) / SECOND
        self.notes.append(f"after {at_s:g} s: {text}")


def _nothing() -> None:
    """What is undone of an event that cannot be."""


def _is_in(unit: Unit, zone: str) -> bool:
    """A unit on a machine of AWS's own that has its interface in that zone. Functions are in all zones."""
    interface = unit.spec.network.interface
    alone = unit.spec.instance is None and unit.spec.function is None
    return alone and interface is not None and interface.zone == zone


def _restored(now: Mapping[str, Any], before: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """What there is now, with those names as they were."""
    kept = {name: value for name, value in now.items() if name not in names}
    return kept | {name: before[name] for name in names if name in before}


def _images(said: Any) -> Iterator[str]:
    """Images of containers, wherever parameters name one."""
    match said:
        case dict():
            for name, value in said.items():
                if name in IMAGES and isinstance(value, str):
                    yield value
                else:
                    yield from _images(value)
        case list():
            for value in said:
                yield from _images(value)


def _list(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
