"""Credentials of a job's role: for the attempt that is on, and gone with it."""

from __future__ import annotations

import asyncio

import pytest

from tests.batch_rows import a_compute_environment, a_job, a_job_definition
from tests.build import ACCOUNT, NOW, REGION, a_plane
from windlass.aws.credentials import CREDENTIALS
from windlass.fleet import role_credentials
from windlass.fleet.container_shapes import Surroundings
from windlass.fleet.model import UNITS
from windlass.fleet.role_credentials import RoleCredentials
from windlass.kernel.rows import replace
from windlass.services import batch
from windlass.services.batch.effective import effective
from windlass.services.batch.model import CHILDREN, JOBS, OWNER, Child, Run
from windlass.services.batch.role_credentials import JobRoles
from windlass.services.batch.unit import blueprint

ROLE = "arn:aws:iam::210987654321:role/path/worker"
TASK = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize("size", [0, 2])
@pytest.mark.parametrize("role", [ROLE, ""])
def test_credentials(size: int, role: str) -> None:
    """1. An attempt runs. 2. Its node asks twice: two keys of that role. 3. They end with it."""

    async def scenario() -> None:
        plane = a_plane(batch.SERVICE)
        roles = RoleCredentials(plane.store, plane.clock, plane.chance)
        roles.serve(OWNER, JobRoles())
        on = Run(unit_id=TASK)
        job = a_job(size=size, run=Run() if size else on)
        made = effective(a_job_definition(jobRoleArn=role), job)
        plan = blueprint(job, made, a_compute_environment(), Surroundings(ACCOUNT, REGION))
        with plane.store.transact() as tx:
            tx[JOBS].put(job)
            if size:
                tx[CHILDREN].put(Child(job.id, 1, NOW, run=on))
            tx[UNITS].put(replace(plan.unit(TASK, 1 if size else None, 1, NOW), node_id="n1"))
        first, second = roles.issue("n1", TASK), roles.issue("n1", TASK)
        if not role:
            assert (first.access_key, first.why) == ("", "the task has no role, or has stopped")
            return
        assert roles.issue("n2", TASK).why == "no such task runs on this node"
        key = plane.store[CREDENTIALS].require(first.access_key)
        assert (key.account, key.arn) == (
            "210987654321", f"arn:aws:sts::210987654321:assumed-role/worker/{TASK}",
        )  # fmt: skip
        row = plane.store[CHILDREN].require((job.id, 1)) if size else plane.store[JOBS].require(job.id)
        assert row.run.access_keys == (first.access_key, second.access_key)
        with plane.store.transact() as tx:
            role_credentials.end(tx, row.run.access_keys)
        assert len(plane.store[CREDENTIALS]) == 0

    asyncio.run(scenario())
