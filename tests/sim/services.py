"""Worlds with an ECS service in them: told through the API, looked at through the API and the rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from windlass.aws.quotas import Profile, load_profile
from windlass.fleet.messages import UnitSpec
from windlass.front import machines
from windlass.kernel.clock import SECOND, Duration
from windlass.services import ec2, ecs, logs
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.model import TASKS
from windlass.sim.course import Course
from windlass.sim.world import ACCOUNT, REGION, World

SERVICES = (ec2.SERVICE, ecs.SERVICE, logs.SERVICE)
Story = Callable[["Told"], Awaitable[None]]
LASTING = Course()
"""A task that starts at once and runs until it is told to stop."""


async def define_fargate(world: World, image: str) -> None:
    """A revision of the family "web" for Fargate, of the smallest size."""
    await world.call(
        "ecs",
        "RegisterTaskDefinition",
        family="web",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "main", "image": image}],
    )


class Told:
    """One world with a node on which a task's course depends on its image."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.courses: dict[str, Course] = {}
        world.add_node("n1", course=self._course)

    def _course(self, spec: UnitSpec) -> Course:
        return self.courses.get(spec.containers[0].image, LASTING)

    async def ecs(self, operation: str, **params: Any) -> Any:
        return await self.world.call("ecs", operation, **params)

    async def define(self, image: str = "good", course: Course = LASTING, **container: Any) -> str:
        """A revision of the family "web" with that image; returns its ARN."""
        self.courses[image] = course
        main = {"name": "main", "image": image, "memory": 64, **container}
        answer = await self.ecs("RegisterTaskDefinition", family="web", containerDefinitions=[main])
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    async def instances(self, count: int, *, cpu_units: int, memory_mib: int) -> None:
        """So many container instances of that size in the cluster `default`, once they have registered."""
        asked = {"count": str(count), "cpu": str(cpu_units), "memory": str(memory_mib)}
        scope = {"account": ACCOUNT, "region": REGION, "cluster": "default"}
        await machines.run(self.world.plane, {**asked, **scope})
        while self.world.plane.store[INSTANCES].count("cluster", (ACCOUNT, REGION, "default")) < count:
            await self.world.pass_time(SECOND)

    async def create(self, count: int, **params: Any) -> None:
        wanted = {"serviceName": "web", "taskDefinition": "web", "desiredCount": count, **params}
        await self.ecs("CreateService", **wanted)

    async def update(self, **params: Any) -> None:
        await self.ecs("UpdateService", service="web", **params)

    async def service(self) -> Any:
        [found] = (await self.ecs("DescribeServices", services=["web"]))["services"]
        return found

    async def messages(self) -> list[str]:
        """The texts of its events, the oldest first, without the service's name."""
        events = (await self.service())["events"]
        return [event["message"].removeprefix("(service web) ") for event in reversed(events)]

    async def stable(self, within: Duration = 600 * SECOND) -> Any:
        """The service once one deployment is left and over, and has as many tasks as are wanted."""
        end = self.world.clock.now() + within
        while self.world.clock.now() <= end:
            found = await self.service()
            [primary, *older] = found["deployments"]
            over = primary["rolloutState"] != "IN_PROGRESS" and not older
            if over and found["runningCount"] == found["desiredCount"]:
                return found
            await self.world.pass_time(SECOND)
        raise AssertionError(found)

    def running(self, image: str) -> int:
        """Tasks of that image that are RUNNING."""
        return sum(
            task.last_status == "RUNNING" and task.containers[0].image == image
            for task in self.world.plane.store[TASKS].all()
        )


def tell(story: Story, seed: int = 7, profile: Profile | str = "local", **how: Any) -> World:
    """Play it; the world as it is afterwards."""
    read = load_profile(profile) if isinstance(profile, str) else profile
    world = World(SERVICES, read, seed, **how)

    async def play(played: World) -> None:
        await story(Told(played))

    world.run(play)
    return world
