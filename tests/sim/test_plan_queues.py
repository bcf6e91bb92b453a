"""Messages of scenarios, whoever takes them, and storms of calls."""

from __future__ import annotations

import pytest

from tests.workload_build import load, played
from windlass.planner.playing.changes import CannotPlay

JOBS = """
  - sqs.CreateQueue: {QueueName: jobs, Attributes: {VisibilityTimeout: "60"}}
    as: jobs
"""
DEAD_AT_ONCE = """
  - sqs.CreateQueue: {QueueName: dead}
  - sqs.CreateQueue:
      QueueName: jobs
      Attributes:
        VisibilityTimeout: "5"
        RedrivePolicy: >-
          {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": 2}
"""
WORKER = """
  - ecs.CreateCluster: {clusterName: default}
  - ecs.RegisterTaskDefinition:
      family: worker
      requiresCompatibilities: [FARGATE]
      networkMode: awsvpc
      cpu: "256"
      memory: "512"
      containerDefinitions: [{name: main, image: worker}]
"""
QUEUE = JOBS + WORKER
WORKERS = (
    WORKER
    + """
  - ecs.CreateService:
      serviceName: workers
      desiredCount: 4
      taskDefinition: worker
      launchType: FARGATE
      networkConfiguration: {awsvpcConfiguration: {subnets: "${default.subnets}"}}
"""
)


def test_workers_take_messages_in_turn() -> None:
    """Four workers, two at a time, 10 s each: 100 messages are gone after 13 rounds, in flight eight."""
    run = played(
        JOBS + WORKERS,
        """
images: {worker: {consumes: {queue: jobs, takes: {constant: 10s}, at_once: 2}}}
workloads:
  - {name: work, to: {queue: jobs}, arrivals: {burst: 100}}
until: {workload: work}
""",
    )
    [work] = run.loads
    assert work.statuses == {"200": 100}
    assert run.took_s == pytest.approx(130, abs=2)
    assert (work.p50_s, work.max_s) == (pytest.approx(70, abs=1), pytest.approx(130, abs=1))
    assert work.waited_p99_s == pytest.approx(120, abs=1)
    assert run.samples[30].gauges["in_flight", "jobs"] == 8
    assert run.samples[30].gauges["messages", "jobs"] == 100 - 24 - 8


@pytest.mark.parametrize(("graceful", "slowest"), [("true", 40), ("false", 90)])
def test_a_worker_that_is_stopped_leaves_its_message_or_ends_it(graceful: str, slowest: float) -> None:
    """Scale-in in mid-work: what was left comes back when its visibility times out, after 60 s."""
    work = load(
        JOBS + WORKERS,
        f"""
images: {{worker: {{consumes: {{queue: jobs, takes: {{constant: 20s}}, graceful: {graceful}}}}}}}
workloads:
  - {{name: work, to: {{queue: jobs}}, arrivals: {{burst: 8}}}}
events:
  - {{at: 30s, call: {{ecs.UpdateService: {{service: workers, desiredCount: 2}}}}}}
until: {{workload: work}}
""",
    )
    assert work.statuses == {"200": 8}
    assert work.max_s == pytest.approx(slowest, abs=11)


def test_a_message_that_nobody_can_do_is_a_dead_letter() -> None:
    """It takes longer than it is hidden, so two workers have it; the third receive sends it away."""
    work = load(
        DEAD_AT_ONCE + WORKERS,
        """
images: {worker: {consumes: {queue: jobs, takes: {constant: 1h}}}}
workloads:
  - {name: work, to: {queue: jobs}, arrivals: {burst: 1}}
until: {workload: work}
""",
    )
    assert work.statuses == {"dead-letter": 1}


def test_messages_of_a_fifo_queue_are_groups_of_their_own() -> None:
    """So as many are worked on at a time as there are workers."""
    run = played(
        JOBS.replace(
            "QueueName: jobs, Attributes: {", 'QueueName: jobs.fifo, Attributes: {FifoQueue: "true", '
        )
        + WORKERS,
        """
images: {worker: {consumes: {queue: jobs.fifo, takes: {constant: 10s}}}}
workloads:
  - {name: work, to: {queue: jobs.fifo}, arrivals: {burst: 40}}
until: {workload: work}
""",
    )
    assert run.loads[0].statuses == {"200": 40}
    assert run.took_s == pytest.approx(100, abs=2)


def test_the_scaler_of_seed_004_runs_as_many_tasks_as_messages_ask_for() -> None:
    """Every ten minutes: none of an empty queue, one below ten messages, ten from there on."""
    run = played(
        QUEUE
        + """
  - lambda.CreateFunction:
      FunctionName: scaler
      Runtime: python3.12
      Handler: app.handler
      Role: arn:aws:iam::123456789012:role/r
      Code: {ZipFile: "${default.package}"}
    as: scaler
  - events.PutRule: {Name: tick, ScheduleExpression: rate(10 minutes)}
    as: rule
  - lambda.AddPermission:
      FunctionName: scaler
      StatementId: rule
      Action: lambda:InvokeFunction
      Principal: events.amazonaws.com
      SourceArn: ${rule.RuleArn}
  - events.PutTargets: {Rule: tick, Targets: [{Id: one, Arn: "${scaler.FunctionArn}"}]}
""",
        """
images: {worker: {consumes: {queue: jobs, takes: {constant: 10s}, until_empty: true}}}
functions:
  scaler:
    takes: {constant: 200ms}
    calls:
      - sqs.GetQueueAttributes: {QueueUrl: "${jobs.QueueUrl}", AttributeNames: [All]}
        as: queue
      - ecs.RunTask:
          taskDefinition: worker
          count: "${queue.to_number(Attributes.ApproximateNumberOfMessages) >= `10` && `10` || `1`}"
          launchType: FARGATE
          networkConfiguration: {awsvpcConfiguration: {subnets: "${default.subnets}"}}
        when: "${queue.to_number(Attributes.ApproximateNumberOfMessages) > `0`}"
workloads:
  - {name: many, to: {queue: jobs}, arrivals: {burst: 40}}
  - {name: few, to: {queue: jobs}, at: 15m, arrivals: {burst: 3}}
until: {queue: jobs, after: 45m}
""",
    )
    launched = {sample.at_s // 600: sample.launched for sample in run.samples}
    assert [launched[place] for place in (0, 1, 2, 3, 4)] == [0, 10, 11, 11, 11]
    assert run.samples[-1].stopped == 11
    assert {one.name: one.statuses for one in run.loads} == {"many": {"200": 40}, "few": {"200": 3}}


def test_a_storm_of_calls_is_throttled_by_its_bucket() -> None:
    """Who tries once loses what the bucket has not; who tries as SDKs do gets more of them through."""
    text = """
quotas: {ecs.cluster_resource_modify: {refill: 20/s, burst: 50}}
workloads:
  - name: storm
    to:
      call:
        ecs.RunTask:
          taskDefinition: worker
          launchType: FARGATE
          networkConfiguration: {awsvpcConfiguration: {subnets: "${default.subnets}"}}
    arrivals: {constant: 40/s}
    lasts: 10s
    attempts: ATTEMPTS
until: {workload: storm}
"""
    once = load(QUEUE, text.replace("ATTEMPTS", "1"))
    assert once.statuses == {
        "200": pytest.approx(250, abs=2),
        "ThrottlingException": pytest.approx(150, abs=2),
    }
    often = load(QUEUE, text.replace("ATTEMPTS", "5"))
    assert often.statuses["200"] > 280


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("to: {function: resise}, arrivals: {burst: 1}", "there is no function 'resise': there are none"),
        ("to: {queue: job}, arrivals: {burst: 1}", "there is no queue 'job': did you mean jobs?"),
        ("to: {load_balancer: web}, arrivals: {burst: 1}", "there is no load balancer 'web'"),
        ("to: {call: {sqs.SendMesage: {}}}, arrivals: {burst: 1}", "SendMesage"),
        ("to: {call: {sqq.SendMessage: {}}}, arrivals: {burst: 1}", "there is no service 'sqq'"),
        ("to: {queue: jobs}, arrivals: {trace: none.csv}", "none.csv: .*No such file"),
        (
            "to: {queue: jobs}, arrivals: {burst: 1}}\n  - {name: w, to: {queue: jobs}, arrivals: {burst: 1}",
            "workload w: there are two of that name",
        ),
    ],
)
def test_a_workload_that_means_nothing_is_refused(rest: str, said: str) -> None:
    with pytest.raises(CannotPlay, match=said):
        load(QUEUE, f"workloads:\n  - {{name: w, {rest}}}\nuntil: {{workload: w}}")
