"""AWS Batch: compute environments, queues, job definitions, and jobs that really run.

What this decides: which job runs next and where, what its attempts are told, what follows from their end. It
must not know where units run: it writes them, the fleet places them. Known gaps: see docs/aws/batch.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.fargate_use import FargateUse
from windlass.fleet.role_credentials import RoleCredentials
from windlass.services.batch import launches
from windlass.services.batch.admission import Admission
from windlass.services.batch.capacity import Capacity
from windlass.services.batch.definitions_gone import DefinitionsGone
from windlass.services.batch.environments import Environments
from windlass.services.batch.handlers import (
    compute_environments,
    job_definitions,
    job_queues,
    jobs,
    scheduling_policies,
    snapshot,
    tags,
)
from windlass.services.batch.hosts import Hosts
from windlass.services.batch.interruptions import Interruptions
from windlass.services.batch.model import JOB_TABLES, OWNER
from windlass.services.batch.observer import Observer
from windlass.services.batch.partial import PARTIAL
from windlass.services.batch.queues import Queues
from windlass.services.batch.resource_model import RESOURCE_TABLES
from windlass.services.batch.retention import Retention
from windlass.services.batch.role_credentials import JobRoles
from windlass.services.batch.rooms import Rooms
from windlass.services.batch.scheduler import Scheduler
from windlass.services.batch.stopper import Stopper
from windlass.services.batch.timeouts import Timeouts
from windlass.services.batch.usage import Usage
from windlass.services.plane import Plane, Service


def start(plane: Plane) -> Sequence[object]:
    """Start the loops of Batch: those that settle environments and queues, and those that move jobs on."""
    plane.calls.part(RoleCredentials).serve(OWNER, JobRoles())
    usage, hosts = Usage(plane.store, plane.clock), Hosts(plane.store)
    plane.calls.part(FargateUse).counted_by(launches.counting(usage))
    scheduler = Scheduler(plane, usage, Rooms(plane, usage, hosts))
    parts = (Environments(plane, usage, hosts), Queues(plane), DefinitionsGone(plane), Capacity(plane, hosts))
    moving = (Admission(plane), scheduler, Observer(plane), Timeouts(plane), Stopper(plane))
    running = (*parts, *moving, Interruptions(plane), Retention(plane))
    for part in running:
        plane.spawn.start(part.loop.name, part.loop.run())
    return (usage, *running)


SERVICE = Service(
    name="batch",
    handlers={
        "CancelJob": jobs.cancel_job,
        "CreateComputeEnvironment": compute_environments.create_compute_environment,
        "CreateJobQueue": job_queues.create_job_queue,
        "CreateSchedulingPolicy": scheduling_policies.create_scheduling_policy,
        "DeleteComputeEnvironment": compute_environments.delete_compute_environment,
        "DeleteJobQueue": job_queues.delete_job_queue,
        "DeleteSchedulingPolicy": scheduling_policies.delete_scheduling_policy,
        "DeregisterJobDefinition": job_definitions.deregister_job_definition,
        "DescribeComputeEnvironments": compute_environments.describe_compute_environments,
        "DescribeJobDefinitions": job_definitions.describe_job_definitions,
        "DescribeJobs": jobs.describe_jobs,
        "DescribeJobQueues": job_queues.describe_job_queues,
        "DescribeSchedulingPolicies": scheduling_policies.describe_scheduling_policies,
        "GetJobQueueSnapshot": snapshot.get_job_queue_snapshot,
        "ListJobs": jobs.list_jobs,
        "ListSchedulingPolicies": scheduling_policies.list_scheduling_policies,
        "ListTagsForResource": tags.list_tags_for_resource,
        "RegisterJobDefinition": job_definitions.register_job_definition,
        "SubmitJob": jobs.submit_job,
        "TagResource": tags.tag_resource,
        "TerminateJob": jobs.terminate_job,
        "UntagResource": tags.untag_resource,
        "UpdateComputeEnvironment": compute_environments.update_compute_environment,
        "UpdateJobQueue": job_queues.update_job_queue,
        "UpdateSchedulingPolicy": scheduling_policies.update_scheduling_policy,
    },
    tables=(*RESOURCE_TABLES, *JOB_TABLES),
    start=start,
    partial=PARTIAL,
    invalid="ClientException",
    own_checks=frozenset({"enum RetryAction"}),  # "not case sensitive"; BM, EvaluateOnExit
    throttled="TooManyRequestsException",
    buckets={"SubmitJob": "batch.submit_job"},
)
