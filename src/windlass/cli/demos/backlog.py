"""`windlass demo backlog`: seed 004, for real. A queue, a schedule, a function and tasks drain a backlog.

Acts: 25 jobs with ten tasks of one worker; 1,000 jobs with ten tasks of ten workers. Each act checks that
every message was processed exactly once and that every container exited with 0.
"""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from windlass.cli.admin_client import AdminClient, aws_client
from windlass.cli.demos.own_plane import own_plane
from windlass.cli.demos.story import Story, verdict
from windlass.cli.output import fail
from windlass.node.images import host_image
from windlass.node.images.faults import BadImage
from windlass.node.images.places import open_store

ACCOUNT, REGION, CLUSTER, FAMILY = "123456789012", "ap-northeast-1", "content", "content-worker"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/scaler"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
STOP_TIMEOUT_S = 120
"""Workers end by themselves when the queue is empty; on a busy machine some have only begun by then."""
SOURCES = Path(__file__).parent
IN_IMAGES = ("oci", "docker")
"""Runners that run tasks from images."""
ACT_ENDS_WITHIN_S = 300
PERIOD_S = 0.2


@dataclass(frozen=True, slots=True)
class Act:
    """What happened in one act; times in seconds after the scaler was invoked."""

    name: str
    messages: int
    tasks: int
    containers: int
    first_task_s: float
    empty_s: float
    tasks_per_s: float
    problems: list[str]


class Stage:
    """The demo's resources on one plane, and its story."""

    def __init__(self, endpoint: str, scratch: Path, runner: str) -> None:
        self.say = Story().say
        self.admin = AdminClient(endpoint)
        self.ledger = scratch / "ledger" / "lines"
        self.ledger.parent.mkdir()
        self.ledger.touch()
        self.in_images = runner in IN_IMAGES
        self.network_mode = "host" if runner == "docker" else "bridge"
        """A network of its own costs a container of Docker another container: see docs/nodes.md."""
        self.sqs, self.ecs, self.events, self.functions, self.iam = (
            self._client(endpoint, name) for name in ("sqs", "ecs", "events", "lambda", "iam")
        )
        self.queue: str = ""

    @staticmethod
    def _client(endpoint: str, service: str) -> Any:
        return aws_client(service, endpoint, ACCOUNT, REGION)

    def build(self) -> None:
        """Queue, cluster, task definition, role, function, rule: what the article has."""
        self.queue = self.sqs.create_queue(QueueName="content-jobs")["QueueUrl"]
        self.ecs.create_cluster(clusterName=CLUSTER)
        self.ecs.register_task_definition(
            family=FAMILY,
            networkMode=self.network_mode,
            cpu="256",
            memory="512",
            volumes=[
                {"name": "source", "host": {"sourcePath": str(SOURCES)}},
                {"name": "ledger", "host": {"sourcePath": str(self.ledger.parent)}},
            ],
            containerDefinitions=[self.worker()],
        )
        self.iam.create_role(RoleName="scaler", AssumeRolePolicyDocument=TRUST)
        function = self.functions.create_function(
            FunctionName="scaler",
            Runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
            Role=ROLE,
            Handler="backlog_scaler.handler",
            Timeout=60,
            Code={"ZipFile": zipped(SOURCES / "backlog_scaler.py")},
            Environment={"Variables": self.scaler_environment(1)},
        )
        self.functions.get_waiter("function_active_v2").wait(FunctionName="scaler")
        rule = self.events.put_rule(Name="scale-content", ScheduleExpression="rate(10 minutes)")
        self.functions.add_permission(
            FunctionName="scaler",
            StatementId="schedule",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=rule["RuleArn"],
        )
        self.events.put_targets(
            Rule="scale-content", Targets=[{"Id": "scaler", "Arn": function["FunctionArn"]}]
        )

    def worker(self) -> dict[str, Any]:
        """The worker's container: in an image its source and the ledger are volumes, else they are there."""
        source = Path("/source") if self.in_images else SOURCES
        ledger = Path("/ledger") if self.in_images else self.ledger.parent
        return {
            "name": "worker",
            "image": host_image.NAME,
            "entryPoint": ["sh", "-c", 'trap "" TERM; exec "$0" "$@"'],
            "stopTimeout": STOP_TIMEOUT_S,
            "command": [
                "python3" if self.in_images else sys.executable,
                str(source / "backlog_worker.py"),
            ],
            "environment": [
                {"name": "QUEUE_URL", "value": self.queue},
                {"name": "LEDGER", "value": str(ledger / self.ledger.name)},
            ],
            "mountPoints": [
                {"sourceVolume": "source", "containerPath": "/source", "readOnly": True},
                {"sourceVolume": "ledger", "containerPath": "/ledger"},
            ],
        }

    def scaler_environment(self, containers: int) -> dict[str, str]:
        return {
            "QUEUE_URL": self.queue,
            "CLUSTER": CLUSTER,
            "TASK_DEFINITION": FAMILY,
            "CONTAINERS_PER_TASK": str(containers),
        }

    def set_containers(self, containers: int) -> None:
        """Tell the scaler how many containers a task shall have."""
        self.functions.update_function_configuration(
            FunctionName="scaler", Environment={"Variables": self.scaler_environment(containers)}
        )
        self.functions.get_waiter("function_updated_v2").wait(FunctionName="scaler")

    def send(self, count: int, act: str) -> set[str]:
        """Put so many content jobs on the queue; returns their message ids."""
        ids: set[str] = set()
        for start in range(0, count, 10):
            entries = [
                {"Id": str(n), "MessageBody": f"{act} job {n}"} for n in range(start, min(count, start + 10))
            ]
            answer = self.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries)
            ids |= {sent["MessageId"] for sent in answer["Successful"]}
        return ids

    def fire(self) -> None:
        """Invoke the rule's target now instead of waiting ten minutes for its schedule."""
        self.admin.post("events/fire", account=ACCOUNT, region=REGION, rule="scale-content")

    def tasks(self) -> list[dict[str, Any]]:
        """Every task of the cluster, running or stopped."""
        arns: dict[str, None] = {}  # one that stops between the two listings is in both
        for wanted in ("RUNNING", "STOPPED"):
            pages = self.ecs.get_paginator("list_tasks").paginate(cluster=CLUSTER, desiredStatus=wanted)
            arns |= {arn: None for page in pages for arn in page["taskArns"]}
        found: list[dict[str, Any]] = []
        for start in range(0, len(arns), 100):
            found += self.ecs.describe_tasks(cluster=CLUSTER, tasks=list(arns)[start : start + 100])["tasks"]
        return found


def run(runner: str, containers: int) -> int:
    """Tell the story; returns the exit code: 1 if anything was lost, doubled, or failed.

    `containers`: of each task in the second act.
    """
    print("A backlog, drained (after the Media Do article on scaling ECS tasks from Lambda)\n")
    with own_plane(runner, partial(bring_image, runner)) as (endpoint, scratch):
        stage = Stage(endpoint, scratch, runner)
        stage.say(f"a plane of our own runs on {endpoint}")
        stage.build()
        stage.say(
            "a queue, a cluster, a task definition, a function and a schedule of rate(10 minutes) are there"
        )
        first = play(stage, "act 1", 25, containers=1)
        stage.say(
            "act 2: more than ten workers? the scaler copies the container: "
            f"10 tasks x {containers} containers"
        )
        stage.set_containers(containers)
        second = play(stage, "act 2", 1_000, containers=containers)
    print()
    return report([first, second])


def bring_image(runner: str, data: Path) -> None:
    """Containers from images need one: this host's own Python will do."""
    if runner not in IN_IMAGES:
        return
    try:
        image = host_image.add(open_store(data), host_image.NAME)
    except (BadImage, OSError) as error:
        fail(str(error))
    print(f"the image {image.reference} was made of this host's Python: {image.size / 2**20:.0f} MiB\n")


def play(stage: Stage, name: str, messages: int, containers: int) -> Act:
    """One act: jobs in, the schedule's target invoked, workers until the queue is empty, then the check."""
    earlier = {task["taskArn"] for task in stage.tasks()}
    sent = stage.send(messages, name)
    stage.say(f"{name}: {messages} content jobs wait in the queue")
    fired_at = time.time()
    stage.fire()
    stage.say("the rule's target is invoked now; the story does not wait ten minutes for the schedule")
    tasks = wait_for_end(stage, earlier)
    lines = [line.split() for line in stage.ledger.read_text().splitlines()]
    mine = [line for line in lines if line[0] in sent]
    act = Act(
        name=name,
        messages=messages,
        tasks=len(tasks),
        containers=sum(len(task["containers"]) for task in tasks),
        first_task_s=min(stamps(tasks, "startedAt"), default=fired_at) - fired_at,
        empty_s=max((float(line[1]) for line in mine), default=fired_at) - fired_at,
        tasks_per_s=launch_rate(tasks),
        problems=problems(sent, mine, tasks, min(messages, 10) * containers),
    )
    workers = len({line[2] for line in mine})
    stage.say(f"{name}: the queue is empty after {act.empty_s:.1f} s; {workers} workers had a share in it")
    return act


def wait_for_end(stage: Stage, earlier: set[str]) -> list[dict[str, Any]]:
    """Until tasks of this act exist and all of them are STOPPED; returns them."""
    seen_running = 0
    deadline = time.monotonic() + ACT_ENDS_WITHIN_S
    while time.monotonic() < deadline:
        tasks = [task for task in stage.tasks() if task["taskArn"] not in earlier]
        running = sum(task["lastStatus"] == "RUNNING" for task in tasks)
        if running > seen_running:
            stage.say(f"{running} of {len(tasks)} tasks are RUNNING, {waiting(stage)} jobs wait")
            seen_running = running
        if tasks and all(task["lastStatus"] == "STOPPED" for task in tasks):
            return tasks
        time.sleep(PERIOD_S)
    raise SystemExit(f"the act did not end within {ACT_ENDS_WITHIN_S} s: {waiting(stage)} jobs wait")


def waiting(stage: Stage) -> int:
    answer = stage.sqs.get_queue_attributes(
        QueueUrl=stage.queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def problems(sent: set[str], lines: list[list[str]], tasks: list[dict[str, Any]], workers: int) -> list[str]:
    """What went wrong, in words; empty when every job was done once and every container exited with 0."""
    counts = Counter(line[0] for line in lines)
    found = []
    if lost := len(sent - set(counts)):
        found.append(f"{lost} messages were never processed")
    if doubled := sum(count > 1 for count in counts.values()):
        found.append(f"{doubled} messages were processed more than once")
    codes = Counter(c.get("exitCode") for task in tasks for c in task["containers"])
    if failed := [why for task in tasks for why in failures(task)]:
        found += [f"exit codes are {dict(codes)}", *failed]
    if codes.total() != workers:
        found.append(f"{codes.total()} containers ran, {workers} were expected")
    return found


def failures(task: dict[str, Any]) -> list[str]:
    """What ECS says of each container of the task that did not exit with 0.

    One that was not started yet when another of its task had found the queue empty has no exit code and no
    reason, on AWS too: the end of an essential container ends the task.
    """
    task_id, why_task = task["taskArn"].rpartition("/")[2], task.get("stoppedReason", "")
    ended = task.get("stopCode") == "EssentialContainerExited"
    return [
        f"{container['name']} of task {task_id}: exit code {container.get('exitCode')}, "
        f"{container.get('reason') or 'no reason of its own'}; the task stopped: {why_task}"
        for container in task["containers"]
        if container.get("exitCode") != 0
        and not (ended and container.get("exitCode") is None and not container.get("reason"))
    ]


def stamps(tasks: list[dict[str, Any]], name: str) -> list[float]:
    return [task[name].timestamp() for task in tasks if name in task]


def launch_rate(tasks: list[dict[str, Any]]) -> float:
    """Tasks per second from the first one asked for to the last one running."""
    started = stamps(tasks, "startedAt")
    took = max(started, default=0.0) - min(stamps(tasks, "createdAt"), default=0.0)
    return len(started) / took if started and took > 0 else 0.0


def zipped(path: Path) -> bytes:
    """A function's package of one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.write(path, path.name)
    return buffer.getvalue()


def report(acts: list[Act]) -> int:
    """The table that the story ends with; returns the exit code."""
    columns = ("", "messages", "tasks", "containers", "first task s", "empty s", "tasks/s", "exactly once")
    formats: list[Callable[[Act], str]] = [
        lambda act: act.name,
        lambda act: str(act.messages),
        lambda act: str(act.tasks),
        lambda act: str(act.containers),
        lambda act: f"{act.first_task_s:.2f}",
        lambda act: f"{act.empty_s:.1f}",
        lambda act: f"{act.tasks_per_s:.1f}",
        lambda act: "no" if act.problems else "yes",
    ]
    rows = [[shown(act) for shown in formats] for act in acts]
    return verdict(columns, rows, {act.name: act.problems for act in acts})
