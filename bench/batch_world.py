"""A million children of arrays through an environment of 10,000 vCPUs, in virtual time."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from windlass.aws.calls import Principal
from windlass.aws.quotas import load_profile
from windlass.fleet.messages import UnitSpec
from windlass.kernel import garbage
from windlass.kernel.clock import DAY, MICROSECOND, SECOND
from windlass.services.batch.model import ENDED, JOBS
from windlass.services.catalogue import SERVICES
from windlass.sim.course import Course
from windlass.sim.traffic import subnets_of
from windlass.sim.world import ACCOUNT, REGION, World

VCPUS = 10_000
SIZE = 10_000
RUNS_S = 60
ROLE = "arn:aws:iam::123456789012:role/batch"


@dataclass(slots=True)
class Played:
    """What a run of the world took."""

    children: int
    wall_s: float
    cpu_s: float
    virtual_s: float
    resident_mib: float
    """Memory of the process with all rows of the children that ended, above what it had before."""


def play(count: int, *, apart: bool = False) -> Played:
    """So many arrays of 10,000 children, each 60 s long; `apart`: each ends at an instant of its own."""
    garbage.look_seldom()  # as a plane does
    played = Played(count * SIZE, 0, 0, 0, resident_mib())

    def course(spec: UnitSpec) -> Course:
        more = int(spec.unit_id[-6:], 16) % 9_973 * MICROSECOND if apart else 0
        return Course(run=RUNS_S * SECOND + more)

    async def story(world: World) -> None:
        world.add_node("n1", course=course)
        await _open(world)
        for _ in range(count):
            params = {
                "jobName": "a",
                "jobQueue": "q",
                "jobDefinition": "job",
                "arrayProperties": {"size": SIZE},
            }
            await world.call("batch", "SubmitJob", **params)
        while not all(job.status in ENDED for job in world.plane.store[JOBS].all()):
            await world.pass_time(10 * SECOND)
        assert all(job.status == "SUCCEEDED" for job in world.plane.store[JOBS].all())
        played.virtual_s = world.elapsed / SECOND
        played.resident_mib = resident_mib() - played.resident_mib

    wall, cpu = time.perf_counter(), time.process_time()
    World(SERVICES, load_profile("local"), 1, check_every=DAY, as_bytes=False, traced=False).run(story)
    played.wall_s, played.cpu_s = time.perf_counter() - wall, time.process_time() - cpu
    return played


async def _open(world: World) -> None:
    """An environment, its queue, a definition of one vCPU."""
    principal = Principal(ACCOUNT, REGION, "bench")
    groups = await world.plane.calls.call("ec2", "DescribeSecurityGroups", {}, principal)
    network = {
        "subnets": await subnets_of(world, ACCOUNT),
        "securityGroupIds": [groups["SecurityGroups"][0]["GroupId"]],
    }
    await world.call(
        "batch",
        "CreateComputeEnvironment",
        computeEnvironmentName="ce",
        type="MANAGED",
        computeResources={"type": "FARGATE", "maxvCpus": VCPUS, **network},
        serviceRole=ROLE,
    )
    await world.pass_time(SECOND)
    order = [{"order": 1, "computeEnvironment": "ce"}]
    await world.call("batch", "CreateJobQueue", jobQueueName="q", priority=1, computeEnvironmentOrder=order)
    sizes = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
    container = {
        "image": "busybox",
        "command": ["true"],
        "executionRoleArn": ROLE,
        "resourceRequirements": sizes,
    }
    await world.call(
        "batch",
        "RegisterJobDefinition",
        jobDefinitionName="job",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties=container,
    )
    await world.pass_time(SECOND)


def resident_mib() -> float:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
