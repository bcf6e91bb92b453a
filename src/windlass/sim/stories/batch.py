"""Random stories of Batch: environments, queues and jobs, what users do to them, and what the world does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from windlass.aws.calls import Principal
from windlass.aws.quotas import Profile
from windlass.fleet.messages import UnitSpec
from windlass.kernel.clock import MILLISECOND, SECOND, Duration
from windlass.services import batch, ec2, ecs, logs
from windlass.services.batch import arrays
from windlass.services.batch.model import ARRAYS, CHILDREN, ENDED, JOBS, WAITS, Job
from windlass.services.batch.resource_model import ENVIRONMENTS, QUEUES
from windlass.services.batch.settling import CHANGING
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.stories.telling import CLOCK_OFF, Deed, Script, Telling
from windlass.sim.traffic import subnets_of
from windlass.sim.world import ACCOUNT, REGION, World

SERVICES = (ec2.SERVICE, ecs.SERVICE, logs.SERVICE, batch.SERVICE)
PROFILE = Profile("test")
ROLE = "arn:aws:iam::123456789012:role/batch"
REFUSALS = frozenset({"ClientException"})
"""What a user who does not look may be told."""
QUIET: Duration = 10_000 * SECOND
"""Within that time after the last fault all has ended: also an array that goes child by child, 90 s each."""
WAYS = ("good", "slow", "long", "fails", "flaky", "odd", "broken")
"""Images: how a job of it fares, `course` says."""
RULES: Sequence[dict[str, Any]] = (
    {"attempts": 1},
    {"attempts": 3},
    {
        "attempts": 10,
        "evaluateOnExit": [{"onExitCode": "7", "action": "RETRY"}, {"onReason": "*", "action": "EXIT"}],
    },
    {"attempts": 2, "evaluateOnExit": [{"onStatusReason": "Host EC2*", "action": "RETRY"}]},
)
POLICY = {
    "shareDecaySeconds": 60,
    "computeReservation": 20,
    "shareDistribution": [
        {"shareIdentifier": "red", "weightFactor": 0.5},
        {"shareIdentifier": "blue*", "weightFactor": 2.0},
    ],
}
SHARES = ("red", "blue1", "blue2", "green")


def told(spec: UnitSpec) -> dict[str, str]:
    """The variables of an attempt."""
    return dict(spec.containers[0].environment)


def course(spec: UnitSpec) -> Course:
    """How an attempt fares: by its image, its number and its index."""
    about = told(spec)
    attempt, index = int(about["AWS_BATCH_JOB_ATTEMPT"]), int(about.get("AWS_BATCH_JOB_ARRAY_INDEX", 0))
    match spec.containers[0].image:
        case "slow":
            return Course(pull=3 * SECOND, start=SECOND, run=(5 + index % 3) * SECOND, stop=2 * SECOND)
        case "long":
            return Course(start=SECOND, run=90 * SECOND, stop=4 * SECOND)
        case "lasting":
            return Course(run=1_000 * SECOND, stop=SECOND)
        case "fails":
            return Course(run=SECOND, exit_code=3)
        case "flaky":
            return Course(run=2 * SECOND, exit_code=7 if attempt < 3 else 0)
        case "odd":
            return Course(run=index % 4 * SECOND, exit_code=index % 2)
        case "broken":
            return Course(pull=SECOND, fails="CannotPullContainerError: no such image")
    return Course(start=200 * MILLISECOND, run=SECOND, stop=SECOND)


class Farm(Telling):
    """One account: `open`, then `step` lets something happen."""

    apis = SERVICES
    profile = PROFILE
    check_every = 200 * MILLISECOND
    refusals = REFUSALS
    caps: Sequence[int] = (4, 2)
    """maxvCpus of each environment."""

    def __init__(self, world: World, disk: SimulatedDisk, seed: int, script: Script) -> None:
        super().__init__(world, disk, seed, script)
        self.began: dict[tuple[str, str], dict[str, None]] = {}
        """(job, attempt) → units that nodes began for it."""
        self._network: dict[str, Any] = {}

    async def open(self) -> None:
        """Nodes, environments `ce0` and so on, queues and definitions."""
        for number in range(2):
            self.world.add_node(f"n{number}", course=self._course)
        principal = Principal(ACCOUNT, REGION, "test")
        groups = await self.world.plane.calls.call("ec2", "DescribeSecurityGroups", {}, principal)
        group = groups["SecurityGroups"][0]["GroupId"]
        subnets = await subnets_of(self.world, ACCOUNT)
        self._network = {"subnets": subnets[:1], "securityGroupIds": [group]}
        for number, cap in enumerate(self.caps):
            await self.add_environment(f"ce{number}", cap)
        names = [f"ce{number}" for number in range(len(self.caps))]
        await self.world.pass_time(SECOND)
        await self.call("CreateSchedulingPolicy", name="fair", fairsharePolicy=POLICY)
        await self.add_queue("high", 10, names[:1])
        await self.add_queue("low", 1, names)
        await self.add_queue(
            "fair",
            5,
            names[::-1],
            schedulingPolicyArn=f"arn:aws:batch:{REGION}:{ACCOUNT}:scheduling-policy/fair",
        )
        for image in WAYS:
            await self.define(image)
        await self.world.pass_time(SECOND)

    async def add_environment(self, name: str, cap: int) -> None:
        await self.call(
            "CreateComputeEnvironment",
            computeEnvironmentName=name,
            type="MANAGED",
            computeResources={"type": "FARGATE", "maxvCpus": cap, **self._network},
            serviceRole=ROLE,
        )

    async def add_queue(self, name: str, priority: int, environments: Sequence[str], **more: Any) -> None:
        order = [{"order": n, "computeEnvironment": one} for n, one in enumerate(environments)]
        await self.call(
            "CreateJobQueue", jobQueueName=name, priority=priority, computeEnvironmentOrder=order, **more
        )

    async def define(self, image: str, vcpus: int = 1) -> None:
        await self.call(
            "RegisterJobDefinition",
            jobDefinitionName=image,
            type="container",
            platformCapabilities=["FARGATE"],
            containerProperties={
                "image": image,
                "executionRoleArn": ROLE,
                "resourceRequirements": [
                    {"type": "VCPU", "value": str(vcpus)},
                    {"type": "MEMORY", "value": "4096"},
                ],
            },
        )

    def _course(self, spec: UnitSpec) -> Course:
        about = told(spec)
        key = (about["AWS_BATCH_JOB_ID"], about["AWS_BATCH_JOB_ATTEMPT"])
        self.began.setdefault(key, {})[spec.unit_id] = None
        return course(spec)

    async def call(self, operation: str, **params: Any) -> Any:
        return await self.world.call("batch", operation, **params)

    async def submit(self, image: str = "good", queue: str = "low", **params: Any) -> str:
        """Its id."""
        asked = {"jobName": "j", "jobQueue": queue, "jobDefinition": image, **params}
        return str((await self.call("SubmitJob", **asked))["jobId"])

    def jobs(self) -> list[Job]:
        return sorted(self.world.plane.store[JOBS].all(), key=lambda job: (job.created_at, job.id))

    def job(self, job_id: str) -> Job:
        return self.world.plane.store[JOBS].require(job_id)

    def unended(self) -> list[Job]:
        return [job for job in self.jobs() if job.status not in ENDED]

    # what happens

    def users(self) -> list[Deed]:
        often = [self.submit_some] * 6 + [self.cancel, self.terminate] * 2
        return [
            *often,
            self.cap,
            self.toggle,
            self.toggle_queue,
            self.remove_queue,
            self.deregister,
            self.rank,
        ]

    async def submit_some(self) -> None:
        chance, store = self.chance, self.world.plane.store
        queues = sorted(row.name for row in store[QUEUES].all())
        if not queues:
            return
        params: dict[str, Any] = {"retryStrategy": chance.choice(RULES), "jobQueue": chance.choice(queues)}
        if store[QUEUES].require((ACCOUNT, REGION, params["jobQueue"])).policy:
            params["shareIdentifier"] = chance.choice(SHARES)
            params["schedulingPriorityOverride"] = chance.randrange(3)
        if chance.random() < 0.5:
            params["arrayProperties"] = {"size": chance.choice((2, 3, 5, 9, 20))}
        if chance.random() < 0.3:
            params["timeout"] = {"attemptDurationSeconds": 60}
        if chance.random() < 0.5:
            params["dependsOn"] = self._dependencies(params)
        await self.submit(chance.choice(WAYS), **params)

    def _dependencies(self, params: dict[str, Any]) -> list[dict[str, str]]:
        size = params.get("arrayProperties", {}).get("size", 0)
        found: list[dict[str, str]] = []
        for job in self.chance.sample(self.jobs(), min(len(self.jobs()), self.chance.randrange(3))):
            if size and job.size == size and self.chance.random() < 0.8:
                found.append({"jobId": job.id, "type": "N_TO_N"})
            elif job.size and self.chance.random() < 0.5:
                found.append({"jobId": f"{job.id}:{self.chance.randrange(job.size)}"})
            else:
                found.append({"jobId": job.id})
        if size and self.chance.random() < 0.4:
            found.append({"type": "SEQUENTIAL"})
        return found

    async def cancel(self) -> None:
        await self.call("CancelJob", jobId=self._some(), reason="not needed")

    async def terminate(self) -> None:
        await self.call("TerminateJob", jobId=self._some(), reason="enough")

    def _some(self) -> str:
        """A job's id, or a child's, of those that have not ended rather than of others."""
        jobs = self.unended() or self.jobs()
        if not jobs:
            return "00000000-0000-4000-8000-000000000000"
        job = self.chance.choice(jobs)
        return (
            f"{job.id}:{self.chance.randrange(job.size)}"
            if job.size and self.chance.random() < 0.6
            else job.id
        )

    async def cap(self) -> None:
        await self.update_environment(computeResources={"maxvCpus": self.chance.randrange(1, 8)})

    async def toggle(self) -> None:
        await self.update_environment(state=self.chance.choice(("ENABLED", "ENABLED", "DISABLED")))

    async def update_environment(self, **change: Any) -> None:
        name = self.chance.choice(sorted(row.name for row in self.world.plane.store[ENVIRONMENTS].all()))
        await self.call("UpdateComputeEnvironment", computeEnvironment=name, **change)

    async def toggle_queue(self) -> None:
        await self._update_queue(state=self.chance.choice(("ENABLED", "ENABLED", "DISABLED")))

    async def rank(self) -> None:
        await self._update_queue(priority=self.chance.randrange(20))

    async def _update_queue(self, **change: Any) -> None:
        names = sorted(row.name for row in self.world.plane.store[QUEUES].all())
        if names:
            await self.call("UpdateJobQueue", jobQueue=self.chance.choice(names), **change)

    async def remove_queue(self) -> None:
        """One that is disabled, with whatever is in it; another is made in its place."""
        rows = [row for row in self.world.plane.store[QUEUES].all() if row.state == "DISABLED"]
        if rows:
            row = self.chance.choice(sorted(rows, key=lambda row: row.name))
            await self.call("DeleteJobQueue", jobQueue=row.name)
            await self.add_queue(f"q{self.disk.commits}", row.priority, row.environments)

    async def deregister(self) -> None:
        image = self.chance.choice(WAYS)
        revisions = (await self.call("DescribeJobDefinitions", jobDefinitionName=image, status="ACTIVE"))[
            "jobDefinitions"
        ]
        for row in revisions:
            await self.call("DeregisterJobDefinition", jobDefinition=row["jobDefinitionArn"])
        await self.define(image)

    # what it comes to

    async def end_faults(self) -> None:
        """As ever; all environments are enabled."""
        await super().end_faults()
        environments = self.world.plane.store[ENVIRONMENTS]
        await self.until(lambda: all(row.status not in CHANGING for row in environments.all()), CLOCK_OFF)
        for row in environments.all():
            if row.state == "DISABLED":
                await self.call("UpdateComputeEnvironment", computeEnvironment=row.name, state="ENABLED")

    async def ended(self, within: Duration = QUIET) -> None:
        """All jobs have ended, and nothing of them is left."""
        await self.until(lambda: not self.unended(), within)
        store = self.world.plane.store
        left = [(job, store[ARRAYS].get(job.id), store[WAITS].by("job", job.id)) for job in self.unended()]
        assert not left, left[0]
        assert not list(store[WAITS].all())
        await self.world.pass_time(10 * SECOND)
        living = [
            (node.node_id, state)
            for node in self.world.nodes.values()
            for state in node.states.values()
            if state.status != "stopped"
        ]
        assert not living, living[0]
        self.check_runs()

    def ends(self) -> dict[str, int]:
        """How many single jobs and children ended how."""
        counts: Counter[str] = Counter()
        for job in self.jobs():
            array = self.world.plane.store[ARRAYS].get(job.id)
            if array is None:
                counts[job.status] += 1
            else:
                counts["SUCCEEDED"] += arrays.members(array, "SUCCEEDED").bit_count()
                counts["FAILED"] += arrays.members(array, "FAILED").bit_count()
        return {status: count for status, count in counts.items() if count}

    def check_runs(self) -> None:
        """No attempt was begun twice, and what succeeded has run."""
        twice = {key: units for key, units in self.began.items() if len(units) > 1}
        assert not twice, twice
        attempts = Counter(job_id for job_id, _ in self.began)
        store = self.world.plane.store
        rows = [job for job in self.jobs() if not job.size] + list(store[CHILDREN].all())
        assert not [row for row in rows if row.status == "SUCCEEDED" and not attempts[row.id]]
        assert not [row for row in rows if attempts[row.id] > len(row.run.attempts)]

    async def ends_well(self) -> None:
        """No more faults: every job ends, and nothing of it is left."""
        await self.end_faults()
        await self.ended()
