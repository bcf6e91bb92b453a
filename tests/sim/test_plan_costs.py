"""What scenarios pay for: of what they use, as AWS counts it, to the end of the run."""

from __future__ import annotations

import pytest

from tests.workload_build import FUNCTION, played
from windlass.planner.playing.play import Played

BATCH = """
  - batch.CreateComputeEnvironment:
      computeEnvironmentName: fargate
      type: MANAGED
      computeResources:
        type: KIND
        maxvCpus: 32
        subnets: "${default.subnets}"
        securityGroupIds: "${default.security_groups}"
  - batch.CreateJobQueue:
      jobQueueName: jobs
      priority: 1
      computeEnvironmentOrder: [{order: 1, computeEnvironment: fargate}]
  - batch.RegisterJobDefinition:
      jobDefinitionName: job
      type: container
      platformCapabilities: [FARGATE]
      containerProperties:
        image: job
        executionRoleArn: "arn:aws:iam::123456789012:role/exec"
        resourceRequirements: [{type: VCPU, value: "0.5"}, {type: MEMORY, value: "1024"}]
"""
APP_RUNNER = """
  - apprunner.CreateService:
      ServiceName: web-shop
      InstanceConfiguration: {Cpu: "1024", Memory: "2048"}
      SourceConfiguration:
        AutoDeploymentsEnabled: false
        ImageRepository: {ImageIdentifier: public.ecr.aws/shop/web:1, ImageRepositoryType: ECR_PUBLIC}
"""


def bought(run: Played) -> dict[str, float]:
    """What was used, in the units of its prices."""
    assert not run.cost.unpriced
    return {line.what: line.quantity for line in run.cost.lines}


@pytest.mark.parametrize(("kind", "name"), [("FARGATE", "Fargate"), ("FARGATE_SPOT", "Fargate Spot")])
def test_jobs_are_paid_as_tasks_of_fargate(kind: str, name: str) -> None:
    """Ten jobs of half a vCPU and a GB, three minutes each: a quarter of a vCPU-hour."""
    run = played(
        BATCH.replace("KIND", kind),
        """
images: {job: {runs: 3m}}
workloads:
  - name: storm
    to: {call: {batch.SubmitJob: {jobName: job, jobQueue: jobs, jobDefinition: job}}}
    arrivals: {burst: 10}
until: [{workload: storm}, {job_queue: jobs, after: 5s}]
""",
    )
    used = bought(run)
    assert used[f"{name}, x86_64: vCPU"] == pytest.approx(0.25, rel=0.05)
    assert used[f"{name}, x86_64: memory"] == pytest.approx(0.5, rel=0.05)


def test_app_runner_is_paid_by_memory_and_by_vcpus_while_it_serves() -> None:
    """One instance for about twenty minutes, which serves for two of them."""
    run = played(
        APP_RUNNER,
        """
workloads:
  - name: users
    to: {app_runner: web-shop}
    arrivals: {constant: 10/s}
    at: 1m
    lasts: 2m
    service_time: {constant: 100ms}
until: {workload: users, after: 20m}
""",
    )
    used = bought(run)
    assert used["App Runner: memory"] == pytest.approx(2 * 20 / 60, rel=0.1)
    assert 2 / 60 < used["App Runner: active vCPU"] < 6 / 60


def test_what_functions_do_in_the_last_minute_counts() -> None:
    """A burst that is over within seconds: 20 requests of 1 s at 128 MiB."""
    run = played(
        FUNCTION,
        """
workloads:
  - {name: users, to: {function: resize}, arrivals: {burst: 20}, service_time: {constant: 1s}}
until: {workload: users}
""",
    )
    assert bought(run) == {"Lambda: requests": 20, "Lambda, x86_64: time": 2.5}


def test_what_is_deleted_counts_until_then() -> None:
    """A load balancer of half an hour in a run of an hour; a function and a queue that were used before."""
    run = played(
        FUNCTION
        + """
  - elbv2.CreateLoadBalancer: {Name: web, Subnets: "${default.subnets}"}
    as: lb
  - sqs.CreateQueue: {QueueName: jobs}
    as: jobs
""",
        """
workloads:
  - {name: users, to: {function: resize}, arrivals: {burst: 20}, service_time: {constant: 1s}}
  - {name: mail, to: {queue: jobs}, arrivals: {constant: 1/s}, lasts: 10m}
events:
  - {at: 30m, call: {elbv2.DeleteLoadBalancer: {LoadBalancerArn: "${lb.LoadBalancers[0].LoadBalancerArn}"}}}
  - {at: 30m, call: {lambda.DeleteFunction: {FunctionName: resize}}}
  - {at: 30m, call: {sqs.DeleteQueue: {QueueUrl: "${jobs.QueueUrl}"}}}
until: {workload: users, after: 60m}
""",
    )
    used = bought(run)
    assert used["Application Load Balancers, without LCUs"] == pytest.approx(0.5, rel=0.02)
    assert (used["Lambda: requests"], used["SQS: requests"]) == (20, 600)
