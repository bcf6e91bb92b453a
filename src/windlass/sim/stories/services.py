"""Random stories of services: two accounts, what users do to services, and what the world does to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from windlass.aws.quotas import Profile
from windlass.fleet import instances
from windlass.fleet.messages import UnitSpec
from windlass.fleet.model import Instance
from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.services import ec2, ecs, logs
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.interruptions import Interruptions
from windlass.services.ecs.model import FARGATE_SPOT, TASKS, Task
from windlass.services.ecs.service_model import (
    DEPLOYMENTS,
    REVISIONS,
    SERVICE_DEPLOYMENTS,
    SERVICES,
    Service,
)
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.stories.telling import Deed, Script, Telling
from windlass.sim.traffic import subnets_of
from windlass.sim.world import ACCOUNT, REGION, World

OTHER_ACCOUNT = "210987654321"
ACCOUNTS = (ACCOUNT, OTHER_ACCOUNT)
PROFILE = Profile(
    "test",
    delays={
        "ecs.healthy_after": 3.0,
        "ecs.backoff_first": 1.0,
        "ecs.backoff_cap": 10.0,
        "ecs.backoff_steady": 5.0,
    },
    switches={"ecs.backoff_counts_crashes": True},
)
COURSES = {
    "good": Course(start=500 * MILLISECOND, stop=SECOND),
    "slow": Course(pull=3 * SECOND, start=5 * SECOND, stop=4 * SECOND),
    "well": Course(start=SECOND, stop=SECOND, health="HEALTHY", health_after=2 * SECOND),
    "flaky": Course(start=SECOND, run=20 * SECOND, exit_code=1),
    "crashing": Course(run=0, exit_code=1),
    "broken": Course(pull=SECOND, fails="CannotPullContainerError: no such image"),
    "sick": Course(health="UNHEALTHY", health_after=2 * SECOND, stop=SECOND),
}
"""Image → how a container of it fares."""
LASTING = ("good", "slow", "well")
"""Images whose tasks stay up."""
CHECKED = ("well", "sick")
PERCENTAGES = ((100, 200), (50, 200), (0, 100), (50, 100), (100, 150), (34, 134), (100, 100))
NAMES = ("a", "b", "c")
SHAPES = ("ec2", "spread", "binpack", "fargate", "spot", "daemon", "blue-green")
BLUE_GREEN: dict[str, Any] = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}
REFUSALS = frozenset(
    {
        "InvalidParameterException",
        "ServiceNotFoundException",
        "ServiceNotActiveException",
        "ConflictException",
        "ClientException",
        "Refused",
    }
)
"""What a user who does not look may be told."""
QUIET: Duration = 400 * SECOND
"""Within that time after the last fault all that can end has ended: tasks of lost nodes take 300 s."""


class Estate(Telling):
    """The two accounts, their instances and their services; `step` lets something happen."""

    apis = (ec2.SERVICE, ecs.SERVICE, logs.SERVICE)
    profile = PROFILE
    check_every = 200 * MILLISECOND
    refusals = REFUSALS

    def __init__(self, world: World, disk: SimulatedDisk, seed: int, script: Script) -> None:
        super().__init__(world, disk, seed, script)
        self._machines: dict[str, str] = {}
        """Instance → account."""
        self._networks: dict[str, Any] = {}
        self._images: dict[tuple[str, str, str], str] = {}

    async def open(self) -> None:
        self.world.add_node("fargate", course=_course)
        for account in ACCOUNTS:
            await self.call(account, "CreateCluster", clusterName="default")
            subnets = await subnets_of(self.world, account)
            self._networks[account] = {"awsvpcConfiguration": {"subnets": subnets[:2]}}
        for number, account in enumerate((ACCOUNT, ACCOUNT, ACCOUNT, OTHER_ACCOUNT)):
            self._add_machine(f"i-{number:017x}", account, f"{REGION}{'ab'[number % 2]}")
        await self.world.pass_time(SECOND)

    def _add_machine(self, name: str, account: str, zone: str) -> None:
        self.world.add_node(name, cpu_units=4096, memory_mib=4096, course=_course, shared=False)
        self._machines[name] = account
        now = self.world.clock.now()
        with self.world.plane.store.transact() as tx:
            instances.launch(
                tx, Instance(name, "EC2", name, account, REGION, "default", 4096, 4096, now, zone=zone)
            )

    # asking

    async def call(self, account: str, operation: str, **params: Any) -> Any:
        return await self.world.call_as(account, "ecs", operation, **params)

    async def define(self, account: str, image: str, kind: str) -> str:
        """The revision of that image for "EC2" or "FARGATE", registered when it is first asked for."""
        known = self._images.get((account, image, kind))
        if known is not None:
            return known
        main: dict[str, Any] = {"name": "main", "image": image, "memory": 256}
        if image in CHECKED:
            main["healthCheck"] = {"command": ["CMD", "true"]}
        more: dict[str, Any] = {}
        if kind == "FARGATE":
            more = {
                "cpu": "256",
                "memory": "512",
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
            }
        made = await self.call(
            account, "RegisterTaskDefinition", family=f"{image}-{kind}", containerDefinitions=[main], **more
        )
        arn = str(made["taskDefinition"]["taskDefinitionArn"])
        self._images[account, image, kind] = arn
        return arn

    def services(self, *statuses: str) -> Sequence[Service]:
        rows = [row for row in self.world.plane.store[SERVICES].all() if row.status in statuses]
        return sorted(rows, key=lambda row: row.key)

    def tasks(self) -> Sequence[Task]:
        return sorted(self.world.plane.store[TASKS].all(), key=lambda task: task.id)

    # what happens

    def users(self) -> list[Deed]:
        often = [self.create, self.create, self.update, self.update, self.scale, self.scale]
        return [*often, self.force, self.delete, self.stop_task, self.give_up, self.protect, self.configure]

    def trouble(self) -> list[Deed]:
        return [self.interrupt, self.drain, self.undrain, *self.breaks()]

    async def create(self) -> None:
        account, name = self.chance.choice(ACCOUNTS), self.chance.choice(NAMES)
        shape = self.chance.choice(SHAPES)
        kind = "FARGATE" if shape in ("fargate", "spot", "blue-green") else "EC2"
        low, high = self.chance.choice(PERCENTAGES)
        params: dict[str, Any] = {
            "serviceName": name,
            "desiredCount": self.chance.randrange(6),
            "taskDefinition": await self.define(account, self._image(), kind),
            "deploymentConfiguration": self._rolling(low, high),
        }
        match shape:
            case "spread":
                params["placementStrategy"] = [
                    {"type": "spread", "field": "attribute:ecs.availability-zone"},
                    {"type": "spread", "field": "instanceId"},
                ]
            case "binpack":
                params["placementStrategy"] = [{"type": "binpack", "field": "memory"}]
            case "fargate":
                params |= {"launchType": "FARGATE", "networkConfiguration": self._networks[account]}
            case "spot":
                params |= {
                    "capacityProviderStrategy": [
                        {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
                        {"capacityProvider": FARGATE_SPOT, "weight": 2},
                    ],
                    "networkConfiguration": self._networks[account],
                }
                await self.call(
                    account,
                    "PutClusterCapacityProviders",
                    cluster="default",
                    capacityProviders=["FARGATE", FARGATE_SPOT],
                    defaultCapacityProviderStrategy=[],
                )
            case "blue-green":
                params |= {"launchType": "FARGATE", "networkConfiguration": self._networks[account]}
                params["deploymentConfiguration"] |= BLUE_GREEN
            case "daemon":
                del params["desiredCount"]
                params |= {
                    "schedulingStrategy": "DAEMON",
                    "deploymentConfiguration": self._rolling(min(low, 67), 100),
                }
        await self.call(account, "CreateService", **params)

    async def update(self) -> None:
        row = self._some()
        if row is not None:
            await self._update(row, taskDefinition=await self.define(row.account, self._image(), row.kind))

    async def scale(self) -> None:
        row = self._some()
        if row is not None and row.scheduling == "REPLICA":
            await self._update(row, desiredCount=self.chance.randrange(7))

    async def configure(self) -> None:
        """Other percentages, in the middle of whatever goes on."""
        row = self._some()
        if row is not None and row.scheduling == "REPLICA":
            rolling = self._rolling(*self.chance.choice(PERCENTAGES))
            if self.chance.random() < 0.2:
                rolling |= self.chance.choice((BLUE_GREEN, {"strategy": "ROLLING"}))
            await self._update(row, deploymentConfiguration=rolling)

    async def force(self) -> None:
        row = self._some()
        if row is not None:
            await self._update(row, forceNewDeployment=True)

    async def delete(self) -> None:
        row = self._some()
        if row is not None:
            await self.call(row.account, "DeleteService", service=row.name, force=self.chance.random() < 0.8)

    async def give_up(self) -> None:
        """StopServiceDeployment."""
        row = self._some()
        if row is not None:
            record = self.world.plane.store[SERVICE_DEPLOYMENTS].require(row.service_deployment_id)
            how = self.chance.choice(("ABORT", "ROLLBACK"))
            await self.call(
                row.account, "StopServiceDeployment", serviceDeploymentArn=record.arn, stopType=how
            )

    async def stop_task(self) -> None:
        task = self._running()
        if task is not None:
            await self.call(task.account, "StopTask", task=task.arn)

    async def protect(self) -> None:
        task = self._running()
        if task is not None:
            await self.call(
                task.account,
                "UpdateTaskProtection",
                cluster="default",
                tasks=[task.arn],
                protectionEnabled=True,
                expiresInMinutes=1,
            )

    async def interrupt(self) -> None:
        task = self._running()
        if task is not None and not self.world.down:
            self.suffered("Spot capacity interrupted")
            await self.world.plane.calls.part(Interruptions).interrupt(task.id)

    async def drain(self) -> None:
        self.suffered("instance drained")
        await self._set_instance("DRAINING")

    async def undrain(self) -> None:
        await self._set_instance("ACTIVE")

    async def _set_instance(self, status: str) -> None:
        machine, account = self.chance.choice(sorted(self._machines.items()))
        rows = [row for row in self.world.plane.store[INSTANCES].all() if row.machine_id == machine]
        for row in rows:
            await self.call(
                account, "UpdateContainerInstancesState", containerInstances=[row.id], status=status
            )

    # what it comes to

    async def end_faults(self) -> None:
        """As ever; instances take tasks again."""
        await super().end_faults()
        for row in self.world.plane.store[INSTANCES].all():
            if row.status == "DRAINING":
                await self.call(
                    row.account, "UpdateContainerInstancesState", containerInstances=[row.id], status="ACTIVE"
                )

    def unfinished(self) -> list[Service]:
        """Services whose deployment goes on although all of its tasks can run."""
        store = self.world.plane.store
        rows = []
        for row in self.services("ACTIVE"):
            deployment = store[DEPLOYMENTS].require(row.deployment_id)
            if deployment.rollout == "IN_PROGRESS" and self._can_end(row):
                rows.append(row)
        return rows + list(self.services("DRAINING"))

    def _can_end(self, row: Service) -> bool:
        image, rolling, count = self._image_of(row), row.rolling, row.desired_count
        record = self.world.plane.store[SERVICE_DEPLOYMENTS].require(row.service_deployment_id)
        if record.rolling.shifts:
            fits = row.kind == "FARGATE"  # instances have no room for two sets
            return record.rolling.breaker if image == "broken" else image in LASTING and fits
        room = row.scheduling == "REPLICA" and count * rolling.percent_max // 100 > count
        moves = room or -(-count * rolling.percent_min // 100) < count
        if image == "broken":  # tried first, then given up
            return record.rolling.breaker and (moves or not self._older(row))
        return image in LASTING and moves

    def _older(self, row: Service) -> bool:
        """Whether tasks of earlier deployments are in the way of the newest one."""
        return any(
            task.last_status != "STOPPED" and task.deployment != row.deployment_id
            for task in self.tasks()
            if (*task.cluster_key, task.service) == row.key
        )

    def _image_of(self, row: Service) -> str:
        revisions = {arn: image for (_, image, _), arn in self._images.items()}
        deployed = self.world.plane.store[DEPLOYMENTS].require(row.deployment_id)
        return revisions[self.world.plane.store[REVISIONS].require(deployed.revision_id).definition_arn]

    async def heal(self) -> None:
        """All services get a revision that works, and percentages that let it come."""
        for row in self.services("ACTIVE"):
            rolling: dict[str, Any] = {"minimumHealthyPercent": 50, "maximumPercent": 200}
            if row.kind == "EC2":
                rolling |= {"strategy": "ROLLING"}
            if row.scheduling == "DAEMON":
                rolling = {"minimumHealthyPercent": 0, "maximumPercent": 100}
            good = await self.define(row.account, "good", row.kind)
            await self._update(
                row, taskDefinition=good, deploymentConfiguration=rolling, forceNewDeployment=True
            )

    def check_settled(self) -> None:
        """Each service has what it wants, and what rows say runs, runs, once, and nothing else does."""
        store = self.world.plane.store
        for row in self.services("ACTIVE"):
            held = [task for task in self.tasks() if task.service == row.name and task.account == row.account]
            up = [task for task in held if task.last_status == "RUNNING"]
            assert len(up) == row.desired_count, (row, up)
            assert {task.deployment for task in up} <= {row.deployment_id}
            assert not [task for task in up if task.draining]
            ours = {one.id for one in store[DEPLOYMENTS].by("service", row.id)}
            ended = [task for task in held if task.last_status == "STOPPED" and task.deployment in ours]
            assert all(task.reckoned for task in ended), ended
            assert store[DEPLOYMENTS].count("shown", row.id) == 1, row
        rows = sorted(task.id for task in self.tasks() if task.last_status != "STOPPED")
        held_ids = sorted(
            unit_id
            for node in self.world.nodes.values()
            for unit_id, state in node.states.items()
            if state.status != "stopped"
        )
        assert rows == held_ids

    async def ends_well(self) -> None:
        """1. No more faults: deployments that can end do. 2. All are healed: they complete. 3. All go."""
        await self.end_faults()
        await self.until(lambda: not self.unfinished(), QUIET)
        assert not self.unfinished()
        await self.heal()
        await self._outlast_protections()
        await self.until(lambda: not self.unfinished(), QUIET)
        assert not self.unfinished()
        await self.world.pass_time(30 * SECOND)
        self.check_settled()
        for row in self.services("ACTIVE"):
            await self.call(row.account, "DeleteService", service=row.name, force=True)
        # a service is INACTIVE once its tasks are STOPPING (ECS API reference, DeleteService)
        await self.until(
            lambda: not self.unfinished() and all(one.last_status == "STOPPED" for one in self.tasks()),
            60 * SECOND,
        )
        assert not self.services("ACTIVE", "DRAINING")
        assert all(task.last_status == "STOPPED" for task in self.tasks())

    async def _outlast_protections(self) -> None:
        """They are for a minute, and for longer when the clock was set back: rows hold instants."""
        now = self.world.clock.now()
        left = max((task.protected_until - now for task in self.tasks()), default=0)
        await self.world.pass_time(max(70 * SECOND, left + SECOND))

    # choosing

    async def _update(self, row: Service, **params: Any) -> None:
        await self.call(row.account, "UpdateService", service=row.name, **params)

    def _rolling(self, low: int, high: int) -> dict[str, Any]:
        breaker = {"enable": self.chance.random() < 0.5, "rollback": self.chance.random() < 0.6}
        return {
            "minimumHealthyPercent": low,
            "maximumPercent": high,
            "deploymentCircuitBreaker": breaker,
        }

    def _image(self) -> str:
        return self.chance.choice((*LASTING, *COURSES))

    def _some(self) -> Service | None:
        rows = self.services("ACTIVE")
        return self.chance.choice(rows) if rows else None

    def _running(self) -> Task | None:
        rows = [task for task in self.tasks() if task.desired_status == "RUNNING"]
        return self.chance.choice(rows) if rows else None


def _course(spec: UnitSpec) -> Course:
    return COURSES[spec.containers[0].image]
