"""One attempt of a job as a unit of the fleet. Pure but for the ids it is given.

What the attempts of a job have in common (of an array: all its children) is made once, a `Blueprint`; an
attempt differs from it by its id, its index and its number only, and costs microseconds. Its environment:
facts/batch.md, 8. It says of itself what an ECS task says (metadata, role credentials), but is none: ECS has
no row of it, and ListTasks does not show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from windlass.aws.arn import arn
from windlass.fleet import container_shapes, log_options
from windlass.fleet.container_shapes import Surroundings
from windlass.fleet.messages import ContainerSpec, LogTarget, UnitSpec
from windlass.fleet.model import Unit
from windlass.fleet.networks import Network
from windlass.fleet.task_messages import TaskFacts
from windlass.kernel.clock import Instant
from windlass.services.batch.effective import Effective
from windlass.services.batch.model import OWNER, Job
from windlass.services.batch.resource_model import FARGATE_KINDS, ComputeEnvironment
from windlass.services.batch.wiring import ON_THE_HOST

FARGATE_STORAGE_GIB = 20
"""GiB of an attempt on Fargate that asks for none; Batch API reference, EphemeralStorage."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What the attempts of one job in one compute environment have in common."""

    job: Job
    bare: Unit
    """Without an id and containers."""
    specs: Sequence[ContainerSpec]
    """Without an ARN, the variables of the attempt, and an output."""
    logs: Sequence[LogTarget]
    """Of `specs`: each stream without the task's id at its end."""
    facts: TaskFacts
    """Without a task ARN."""
    told: tuple[tuple[str, str], ...]
    """Variables that all attempts are told."""
    cluster: str
    environment: str
    """Name of the compute environment."""
    public: bool
    """Whether an interface of the attempt's own gets a public address too."""

    def unit(
        self,
        task_id: str,
        index: int | None,
        attempt: int,
        now: Instant,
        network: Network = ON_THE_HOST.network,
    ) -> Unit:
        """One attempt. `task_id`: 32 hex digits; `index`: of an array's child; `attempt` counts from 1."""
        job_id = self.job.id if index is None else f"{self.job.id}:{index}"
        told = (("AWS_BATCH_JOB_ID", job_id), ("AWS_BATCH_JOB_ATTEMPT", str(attempt)), *self.told)
        if index is not None:
            told = (*told, ("AWS_BATCH_JOB_ARRAY_INDEX", str(index)))
        spec = UnitSpec(
            unit_id=task_id,
            kind="task",
            containers=tuple(self._container(number, task_id, told) for number in range(len(self.specs))),
            task=replace(self.facts, task_arn=self.task_arn(task_id)),
            network=network,
        )
        return replace(self.bare, id=task_id, spec=spec, created_at=now)

    def task_arn(self, task_id: str) -> str:
        """The ARN of the ECS task that the attempt passes for."""
        return arn("ecs", self.job.region, self.job.account, f"task/{self.cluster}/{task_id}")

    def log_stream(self, task_id: str) -> str:
        """Where the output of the attempt, of several containers of its first one, can be read."""
        return self.logs[0].stream + task_id

    def _container(self, number: int, task_id: str, told: tuple[tuple[str, str], ...]) -> ContainerSpec:
        """What a container is called follows from its task's id, which is random enough for all."""
        spec, log = self.specs[number], self.logs[number]
        own_id = f"{(int(task_id, 16) + number) % 2**128:032x}"
        own_id = f"{own_id[:8]}-{own_id[8:12]}-{own_id[12:16]}-{own_id[16:20]}-{own_id[20:]}"
        return replace(
            spec,
            environment=(*spec.environment, *told),
            log=LogTarget(log.account, log.region, log.group, log.stream + task_id, log.create_group),
            arn=arn("ecs", self.job.region, self.job.account, f"container/{self.cluster}/{task_id}/{own_id}"),
            runtime_id=f"{task_id}-{number + 1:010}",
        )


def blueprint(
    job: Job, effective: Effective, environment: ComputeEnvironment, around: Surroundings
) -> Blueprint:
    """`around` is what surroundings.find says of `effective.containers`, for its role."""
    fargate = environment.kind in FARGATE_KINDS
    launch_type = "FARGATE" if fargate else "EC2"
    amounts, shapes = effective.amounts, effective.containers
    return Blueprint(
        job=job,
        bare=Unit(
            id="",
            owner=OWNER,
            account=job.account,
            region=job.region,
            spec=UnitSpec("", "task"),
            cpu_units=amounts.cpu_units,
            memory_mib=amounts.memory_mib,
            gpus=amounts.gpus,
            created_at=0,
        ),
        specs=container_shapes.specs(shapes, launch_type, amounts.memory_mib, around, effective.volumes),
        logs=log_targets(effective, job.account, job.region),
        facts=TaskFacts(
            task_arn="",
            cluster=arn("ecs", job.region, job.account, f"cluster/{environment.cluster}")
            if fargate
            else environment.cluster,
            family=effective.name,
            revision=effective.revision,
            launch_type=launch_type,
            role_arn=effective.role_arn,
            cpu_units=amounts.cpu_units,
            memory_mib=amounts.memory_mib,
            ephemeral_gib=(effective.ephemeral_gib or FARGATE_STORAGE_GIB) if fargate else 0,
            tags=effective.tags,
        ),
        told=(("AWS_BATCH_CE_NAME", environment.name), ("AWS_BATCH_JQ_NAME", job.queue)),
        cluster=environment.cluster,
        environment=environment.name,
        public=effective.public_ip,
    )


def log_targets(effective: Effective, account: str, region: str) -> list[LogTarget]:
    """Where the output of its containers goes: each stream without the task's id at its end."""
    return [
        log_options.target(shape, effective.name, account, region, "", "") for shape in effective.containers
    ]
