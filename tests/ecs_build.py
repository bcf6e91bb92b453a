"""Builders for ECS: `a_container("app")`, `a_definition()`, `a_task()`, and a plane with ECS started."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.build import ACCOUNT, NOW, REGION, SetClock, a_plane, call, start_services
from tests.ec2_build import SUBNET_ID, a_subnet
from windlass.aws.quotas import Profile
from windlass.fleet.instances import launch
from windlass.fleet.messages import ContainerState, UnitSpec, UnitState
from windlass.fleet.model import NODES, UNITS, Instance, Node, Unit
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services import ec2
from windlass.services.ecs import SERVICE
from windlass.services.ecs.instance_model import INSTANCES, ContainerInstance
from windlass.services.ecs.model import DEFINITIONS, TASKS, Container, Task
from windlass.services.plane import Plane

SUBNET = {"awsvpcConfiguration": {"subnets": [SUBNET_ID]}}
"""A network configuration for calls on `Ecs`: that subnet is there."""


def a_container(name: str = "app", **members: Any) -> dict[str, Any]:
    """A container definition as a caller writes it."""
    return {"name": name, "image": "busybox", "memory": 128, "command": ["true"], **members}


def a_definition(**members: Any) -> dict[str, Any]:
    """RegisterTaskDefinition's parameters for a task of one container."""
    return {"family": "work", "containerDefinitions": [a_container()], **members}


def a_fargate_definition(**members: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "busybox"}]
    sizes = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}
    return {"family": "work", "containerDefinitions": containers, **sizes, **members}


def a_task(task_id: str = "t1", containers: tuple[str, ...] = ("app",), **members: Any) -> Task:
    made = Task(
        id=task_id,
        account=ACCOUNT,
        region=REGION,
        cluster="default",
        definition_arn=f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/work:1",
        family="work",
        group="family:work",
        launch_type="EC2",
        containers=tuple(Container(f"c-{name}", name, "busybox", f"r-{name}") for name in containers),
        created_at=NOW,
    )
    return replace(made, **members)


def a_task_unit(task: Task, state: Any, observed: UnitState | None = None, **members: Any) -> Unit:
    """The unit of that task, as the fleet's controller would leave it."""
    unit = Unit(
        id=task.id,
        owner="ecs",
        account=task.account,
        region=task.region,
        spec=UnitSpec(task.id, "task"),
        cpu_units=0,
        memory_mib=0,
        created_at=task.created_at,
        state=state,
        node_id="" if state == "waiting" else "n1",
        observed=observed,
    )
    return replace(unit, **members)


def a_machine(machine_id: str = "i-0000000000000001", **members: Any) -> Instance:
    """A machine of two vCPUs and 4 GiB on the node n1 that is to join the cluster `default`."""
    made = Instance(
        id=machine_id,
        kind="EC2",
        node_id="n1",
        account=ACCOUNT,
        region=REGION,
        cluster="default",
        cpu_units=2048,
        memory_mib=4096,
        launched_at=NOW,
        zone=f"{REGION}a",
    )
    return replace(made, **members)


class Ecs:
    """A started plane with ECS and EC2 alone; the test plays the fleet."""

    def __init__(self, profile: Profile | None = None) -> None:
        self.clock = SetClock()
        self.plane: Plane = a_plane(ec2.SERVICE, SERVICE, clock=self.clock, profile=profile)
        start_services(self.plane, [ec2.SERVICE, SERVICE])
        a_subnet(self.plane.store)
        with self.plane.store.transact() as tx:
            tx[NODES].put(Node("n1", 4096, 8192, True, "", connected=True))

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return await call(self.plane, "ecs", operation, **params)

    async def a_running_definition(self, **members: Any) -> str:
        registered = await self.call("RegisterTaskDefinition", **a_definition(**members))
        return str(registered["taskDefinition"]["taskDefinitionArn"])

    async def refused(self, operation: str, **params: Any) -> Fault:
        """The fault that the call is refused with."""
        with pytest.raises(Fault) as caught:
            await self.call(operation, **params)
        return caught.value

    async def a_service(self, **params: Any) -> dict[str, Any]:
        """Create a service of two tasks of the definition `work`, which is registered if need be."""
        if self.plane.store[DEFINITIONS].get((ACCOUNT, REGION, "work", 1)) is None:
            await self.a_running_definition()
        asked = {"serviceName": "web", "taskDefinition": "work", "desiredCount": 2, **params}
        made = await self.call("CreateService", **asked)
        return dict(made["service"])

    async def service(self, name: str = "web", **params: Any) -> dict[str, Any]:
        """The service as DescribeServices shows it."""
        [shown] = (await self.call("DescribeServices", services=[name], **params))["services"]
        return dict(shown)

    async def run_one(self, **params: Any) -> str:
        """Run one task and return its id."""
        started = await self.call("RunTask", **{"taskDefinition": "work", **params})
        return str(started["tasks"][0]["taskArn"]).rpartition("/")[2]

    async def a_machine(self, machine_id: str = "i-0000000000000001", **members: Any) -> ContainerInstance:
        """A machine on the connected node n1, registered in its cluster: its container instance."""
        told = asyncio.Event()
        self.plane.store.watch((INSTANCES,), lambda change: told.set())
        with self.plane.store.transact() as tx:
            launch(tx, a_machine(machine_id, **members))
        await asyncio.wait_for(told.wait(), 5)
        [found] = self.plane.store[INSTANCES].by("machine", machine_id)
        return found

    async def report(self, task_id: str, state: Any, **observed: Any) -> None:
        """The fleet says so of the unit; returns when ECS has taken it in."""
        told = asyncio.Event()
        stop = self.watch_task(task_id, told)
        with self.plane.store.transact() as tx:
            unit = tx[UNITS].require(task_id)
            status: Any = state if state in ("running", "stopping", "stopped") else "pending"
            seen = UnitState(task_id, status, **observed) if observed or state != "lost" else unit.observed
            tx[UNITS].put(replace(unit, state=state, node_id="n1", observed=seen))
        await asyncio.wait_for(told.wait(), 5)
        stop()

    def watch_task(self, task_id: str, told: asyncio.Event) -> Callable[[], None]:
        following = [True]

        def changed(change: Any) -> None:
            if following[0] and change.key == task_id:
                told.set()

        self.plane.store.watch((TASKS,), changed)
        return lambda: following.__setitem__(0, False)


def with_ecs(scenario: Callable[[Ecs], Awaitable[None]], profile: Profile | None = None) -> None:
    """Run a scenario on a fresh plane, and close it."""

    async def run() -> None:
        ecs = Ecs(profile)
        try:
            await scenario(ecs)
        finally:
            await ecs.plane.spawn.close()

    asyncio.run(run())


def exited(name: str = "app", code: int = 0, **members: Any) -> ContainerState:
    return ContainerState(name, "stopped", exit_code=code, **members)


def running(name: str = "app", **members: Any) -> ContainerState:
    return ContainerState(name, "running", **members)


def an_instance(instance_id: str = "c1", **members: Any) -> ContainerInstance:
    """A container instance of the cluster `default` with room for two vCPUs and 4 GiB."""
    made = ContainerInstance(
        id=instance_id,
        account=ACCOUNT,
        region=REGION,
        cluster="default",
        node_id="n1",
        machine_id=f"i-{instance_id}",
        launch_type="EC2",
        cpu_units=2048,
        memory_mib=4096,
        registered_at=NOW,
    )
    return replace(made, **members)
