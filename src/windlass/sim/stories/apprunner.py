"""Random stories of App Runner: a service is created, deployed, scaled, paused, deleted, under requests.

Promise: while the service serves, each request is answered by an instance of the deployment that serves, or
with 429 when all are busy and the queue is full; a deployment that fails leaves what serves. Only the death
of instances (a node's disk is lost, a node was given up, an image that crashes) excuses more, until others
are there.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from windlass.aws.quotas import load_profile
from windlass.fleet.messages import UnitSpec
from windlass.fleet.model import UNITS
from windlass.kernel.clock import MILLISECOND, MINUTE, SECOND, Duration, Instant
from windlass.proxy.probe import Answered, Found
from windlass.services import apprunner, ec2, logs
from windlass.services.apprunner.instance_model import INSTANCES
from windlass.services.apprunner.model import DEPLOYMENTS, OWNER, SERVICES, Deployment, Service
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.proxy import Answer
from windlass.sim.stories.clients import Clients
from windlass.sim.stories.telling import Deed, Script, Telling
from windlass.sim.world import World

REFUSALS = frozenset(
    {
        "InvalidRequestException",
        "InvalidStateException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
    }
)
"""What a user who does not look may be told."""
COURSES = {
    "good": Course(start=500 * MILLISECOND, stop=2 * SECOND),
    "slow": Course(pull=5 * SECOND, start=3 * SECOND, stop=2 * SECOND),
    "sick": Course(start=SECOND, stop=SECOND),
    "broken": Course(pull=SECOND, fails="CannotPullContainerError: no such image"),
    "crashes": Course(start=SECOND, run=20 * SECOND, exit_code=1),
}
"""StartCommand → how an instance fares; what checks find of a sick one `_probe` says."""
COMMANDS = ("good", "good", "good", "slow", "sick", "broken", "crashes")
CHECK = {
    "Protocol": "HTTP",
    "Path": "/",
    "Interval": 2,
    "Timeout": 1,
    "HealthyThreshold": 1,
    "UnhealthyThreshold": 3,
}
SIZES = {"tight": (5, 1, 4), "wide": (3, 2, 6), "small": (2, 1, 1)}
"""Auto scaling configuration → MaxConcurrency, MinSize, MaxSize."""
QUIET: Duration = 30 * MINUTE
"""Within that time after the last fault every operation is over: a sick deployment is given 5 minutes."""
SETTLING: Duration = 20 * SECOND
"""After a service began to serve, until its proxies know."""
MOURNING: Duration = 3 * MINUTE
"""For so long after instances died requests may be lost: by then others are there and healthy."""
REPLACED: Duration = MINUTE
"""For so long after another deployment began to serve, the former one answers: its last requests."""


class Kiosk(Telling):
    """The service `kiosk` and its clients."""

    apis = (apprunner.SERVICE, ec2.SERVICE, logs.SERVICE)
    profile = load_profile("local")
    refusals = REFUSALS

    def __init__(self, world: World, disk: SimulatedDisk, seed: int, script: Script) -> None:
        super().__init__(world, disk, seed, script)
        self.proxy = world.add_proxy()
        self.proxy.sites.health = self._probe
        self.clients = Clients(world, self.proxy)
        self._scalings: list[str] = []
        self._sick: dict[str, None] = {}
        self._made: dict[str, tuple[str, int]] = {}
        """Instance → the service and the number of the deployment that it is of."""
        self._served: dict[tuple[str, int], Duration] = {}
        """When that deployment was last seen to serve (virtual time since the world began)."""
        self._excused: dict[str, tuple[Duration, Duration]] = {}
        """Host → for how long its requests may be lost, and when that was so last."""

    async def open(self) -> None:
        """The service runs."""
        for number in range(2):
            self.world.add_node(f"n{number}", course=self._course)
        for name, (concurrency, least, most) in SIZES.items():
            made = await self.call(
                "CreateAutoScalingConfiguration", AutoScalingConfigurationName=name,
                MaxConcurrency=concurrency, MinSize=least, MaxSize=most,
            )  # fmt: skip
            self._scalings.append(made["AutoScalingConfiguration"]["AutoScalingConfigurationArn"])
        await self.create("good")
        await self.until(self.is_settled, QUIET)

    def _course(self, spec: UnitSpec) -> Course:
        command = spec.containers[0].command[-1].split()[-1]
        if command == "sick":
            self._sick[spec.unit_id] = None
        assert spec.task is not None
        self._made[spec.unit_id] = (spec.task.task_arn.partition("/instance/")[0], spec.task.revision)
        return COURSES[command]

    def _probe(self, unit_id: str, now: Instant) -> Found:
        return Answered(500 if unit_id in self._sick else 200)

    async def call(self, operation: str, **params: Any) -> Any:
        return await self.world.call("apprunner", operation, **params)

    def service(self) -> Service | None:
        """The one that there is, if any."""
        return next((row for row in self.world.plane.store[SERVICES].all() if row.status != "DELETED"), None)

    def is_settled(self) -> bool:
        row = self.service()
        return row is None or row.status != "OPERATION_IN_PROGRESS"

    def _serving(self, row: Service) -> Deployment:
        return self.world.plane.store[DEPLOYMENTS].require((row.arn, row.serving))

    async def create(self, command: str) -> None:
        """The service; clients ask it from now on."""
        made = await self.call(
            "CreateService", ServiceName="kiosk", SourceConfiguration=_source(command),
            AutoScalingConfigurationArn=self.chance.choice(self._scalings), HealthCheckConfiguration=CHECK,
        )  # fmt: skip
        host = made["Service"]["ServiceUrl"].partition(":")[0].lower()
        self._excused[host] = (SETTLING, self.world.elapsed)
        pause = self.chance.choice((100, 400)) * MILLISECOND
        self.clients.begin(
            host,
            self.stream(f"clients of {host}"),
            pause,
            (200, 429),
            partial(self._look, host, made["Service"]["ServiceArn"]),
            self._judge,
        )

    def _look(self, host: str, arn: str) -> None:
        """What may be lost at this instant, and which deployment serves.

        What the last rows of a plane that was killed say may not be durable, and proxies may not have heard
        what is: as long as there is none, all that was so goes on to be so.
        """
        now, store = self.world.elapsed, self.world.plane.store
        if self.world.down:
            self._served |= {key: now for key, last in self._served.items() if now - last < REPLACED}
            excuse, last = self._excused.get(host, (0, 0))
            row = self.disk.row(SERVICES, arn)
            serving = None if row is None else self.disk.row(DEPLOYMENTS, (arn, row.serving))
            excuse = max(excuse if now - last < excuse else 0, self._excuse(arn, serving))
        else:
            row = store[SERVICES].get(arn)
            serving = None if row is None else store[DEPLOYMENTS].get((arn, row.serving))
            excuse = self._excuse(arn, serving)
            if row is None or row.status == "DELETED":
                self.clients.leave(host)
        if excuse:
            self._excused[host] = (excuse, now)
            self.clients.excuse(excuse, host)
        if self.mourns() or (self.world.down and self.clients.excused()):
            self.clients.excuse(MOURNING)

    def _excuse(self, arn: str, serving: Deployment | None) -> Duration:
        """For how long requests that come now may be lost, when that serves; notes that it does."""
        if serving is None:
            return SETTLING
        self._served[arn, serving.number] = self.world.elapsed
        return MOURNING if _command(serving) == "crashes" else 0

    def _judge(self, answer: Answer) -> str:
        """Whether an instance answered that is not of what serves, or served a moment ago."""
        if not answer.endpoint:
            return ""
        last = self._served.get(self._made[answer.endpoint])
        if last is not None and self.world.elapsed - last < REPLACED:
            return ""
        return f"an answer of {self._made[answer.endpoint]}, which does not serve,"

    # what happens

    def users(self) -> list[Deed]:
        often = [self.deploy] * 5 + [self.again] * 2 + [self.scale] * 2
        return [*often, self.pause, self.resume, self.resume, self.replace]

    async def deploy(self) -> None:
        await self._ask("UpdateService", SourceConfiguration=_source(self.chance.choice(COMMANDS)))

    async def again(self) -> None:
        await self._ask("StartDeployment")

    async def scale(self) -> None:
        """By another auto scaling configuration."""
        await self._ask("UpdateService", AutoScalingConfigurationArn=self.chance.choice(self._scalings))

    async def pause(self) -> None:
        await self._ask("PauseService")

    async def resume(self) -> None:
        await self._ask("ResumeService")

    async def replace(self) -> None:
        """Delete the service, or make it again."""
        if self.service() is None:
            await self.create(self.chance.choice(COMMANDS))
        else:
            await self._ask("DeleteService")

    async def _ask(self, operation: str, **params: Any) -> None:
        row = self.service()
        if row is not None:
            await self.call(operation, ServiceArn=row.arn, **params)

    # what it comes to

    async def heal(self) -> None:
        """The service is there, with an image that works, and runs."""
        row = self.service()
        if row is not None and row.status == "PAUSED":
            await self.resume()
            await self.until(self.is_settled, QUIET)
            row = self.service()
        if row is not None and row.status == "PAUSED":  # what served last does not come up any more
            await self._ask("DeleteService")
            await self.until(lambda: self.service() is None, QUIET)
            row = None
        if row is None:
            await self.create("good")
        else:
            await self._ask("UpdateService", SourceConfiguration=_source("good"))
        await self.until(self.is_settled, QUIET)

    def is_small(self) -> bool:
        """Whether there are as many instances as there are without requests."""
        row = self.service()
        return (
            row is not None
            and bool(row.serving)
            and len(self.world.plane.store[INSTANCES]) == self._serving(row).scaling.min_size
        )

    def check_settled(self) -> None:
        """It runs, with the instances that it needs, and nothing else is left anywhere."""
        row, store = self.service(), self.world.plane.store
        assert row is not None and row.status == "RUNNING", row
        instances = list(store[INSTANCES].all())
        assert len(instances) == self._serving(row).scaling.min_size, instances
        assert {one.deployment for one in instances} == {row.serving}, instances
        assert {unit.id for unit in store[UNITS].by("owner", OWNER)} == {one.id for one in instances}
        living = [
            unit_id
            for node in self.world.nodes.values()
            for unit_id, state in node.states.items()
            if state.status != "stopped"
        ]
        assert sorted(living) == sorted(one.id for one in instances)

    async def ends_well(self) -> None:
        """No more faults: every operation ends, the service runs, and nothing was lost without excuse."""
        await self.end_faults()
        await self.until(self.is_settled, QUIET)
        assert self.is_settled(), self.service()
        await self.heal()
        await self.world.pass_time(MINUTE)
        await self.clients.close()
        await self.until(self.is_small, 10 * MINUTE)
        await self.world.pass_time(10 * SECOND)
        self.check_settled()
        assert self.clients.answered
        assert not self.clients.lost, self.clients.lost


def _source(command: str) -> dict[str, Any]:
    repository = {
        "ImageIdentifier": "public.ecr.aws/shop/web:1",
        "ImageRepositoryType": "ECR_PUBLIC",
        "ImageConfiguration": {"StartCommand": command},
    }
    return {"ImageRepository": repository, "AutoDeploymentsEnabled": False}


def _command(deployment: Deployment) -> str:
    return str(deployment.source["ImageRepository"]["ImageConfiguration"]["StartCommand"])
