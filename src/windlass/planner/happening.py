"""Events of a scenario: what happens to its world, and is undone when it `lasts`.

Knows how each kind of event is done; when it happens, and operations of clients, are play.py's. Known gaps:
machines that are launched into a zone after it was killed run there; only tasks on Fargate Spot are
interrupted, not instances that an Auto Scaling group has on Spot.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from windlass.fleet import instances
from windlass.fleet.model import INSTANCES
from windlass.kernel.clock import SECOND
from windlass.planner.changes import CannotPlay, changed, throttled
from windlass.planner.scenario import Event, Scenario
from windlass.services.ec2.zones import zones
from windlass.services.ecs.interruptions import Interruptions
from windlass.services.ecs.model import FARGATE_SPOT, TASKS
from windlass.sim.launch_model import NOTHING_SAID
from windlass.sim.world import REGION, World

NODE = "n1"
"""The node that stands for all of AWS's machines."""
FIXED = ("fargate.spot.interruptions_per_task_hour",)
"""Quotas that a plane reads when it starts."""
CHANCE = "planner.events"
ZONE_LOST = "its availability zone failed"


def check(scenario: Scenario) -> None:
    """Refuse events that could not mean anything. Raises CannotPlay."""
    images = set(_images([*scenario.resources, *(event.call for event in scenario.events)]))
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

    async def happen(self, event: Event) -> None:
        """Let it happen now, to the end of what it lasts. Raises CannotPlay."""
        world, quotas, images = self._world, self._world.plane.quotas, self._world.launches.images
        profile, image = quotas.profile, event.break_image or event.mend_image or ""
        before = images.get(image, NOTHING_SAID)
        try:
            if event.quota is not None:
                quotas.profile = changed(profile, event.quota)
            if event.throttle is not None:
                quotas.profile = throttled(profile, event.throttle)
        except ValueError as error:
            raise CannotPlay(f"the event at {event.at / SECOND:g} s: {error}") from error
        if event.break_image is not None:
            why = event.why or f"CannotPullContainerError: the image {image} is broken"
            images[image] = dataclasses.replace(before, fails=why)
        if event.mend_image is not None:
            images[image] = dataclasses.replace(before, fails="")
        if event.lose_node is not None:
            world.disconnect(event.lose_node)
        if event.interrupt_spot is not None:
            await self._interrupt(event.interrupt_spot)
        if event.kill_zone is not None:
            self._kill_zone(event.kill_zone)
        if event.lasts is None:
            return
        await world.pass_time(event.lasts)
        if event.lose_node is not None:
            world.connect(event.lose_node)
        elif event.break_image is not None:
            images[image] = before
        else:
            names = [*(event.quota or ()), *(event.throttle or ())]
            quotas.profile = dataclasses.replace(
                quotas.profile,
                quotas=_restored(quotas.profile.quotas, profile.quotas, names),
                buckets=_restored(quotas.profile.buckets, profile.buckets, names),
            )

    async def _interrupt(self, share: float) -> None:
        world = self._world
        running = sorted(
            task.id
            for task in world.plane.store[TASKS].all()
            if task.capacity_provider == FARGATE_SPOT
            and task.last_status == "RUNNING"
            and task.desired_status == "RUNNING"
        )
        if not running:
            self._note("no task ran on Fargate Spot, so none was interrupted")
        chosen = world.stream(CHANCE).sample(running, round(share * len(running)))
        for task_id in chosen:
            await world.plane.calls.part(Interruptions).interrupt(task_id)

    def _kill_zone(self, zone: str) -> None:
        world = self._world
        store = world.plane.store
        machines = [one.id for one in store[INSTANCES].all() if one.zone == zone]
        with store.transact() as tx:
            for machine in machines:
                instances.terminate(tx, machine, ZONE_LOST)
        alone = [task.id for task in store[TASKS].all() if task.zone == zone and not task.instance]
        for task_id in alone:
            for node in world.nodes.values():
                node.kill(task_id, ZONE_LOST)
        if not machines and not alone:
            self._note(f"nothing was in the zone {zone}")
        self._note(f"{zone} lost what it had; that new tasks and machines avoid the zone is not modelled")

    def _note(self, text: str) -> None:
        at_s = (self._world.clock.now() - self._began) / SECOND
        self.notes.append(f"after {at_s:g} s: {text}")


def _restored(now: Mapping[str, Any], before: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """What there is now, with those names as they were."""
    kept = {name: value for name, value in now.items() if name not in names}
    return kept | {name: before[name] for name in names if name in before}


def _images(said: Any) -> Iterator[str]:
    """Images of containers, wherever parameters name one."""
    match said:
        case dict():
            for name, value in said.items():
                if name == "image" and isinstance(value, str):
                    yield value
                else:
                    yield from _images(value)
        case list():
            for value in said:
                yield from _images(value)


def _list(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
