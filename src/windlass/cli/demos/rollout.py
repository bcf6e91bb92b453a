"""`windlass demo rollout`: a service goes up, is updated under load, breaks, and is rolled back, for real.

Acts: up; an update under load at 100/200 %; a broken revision that the circuit breaker rolls back; a service
that crash-loops and backs off; Spot tasks that are interrupted and replaced. How many tasks were healthy at
any time is computed from the tasks' own timestamps, not sampled.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from windlass.cli.admin_client import AdminClient, aws_client
from windlass.cli.demos.backlog import IN_IMAGES, SOURCES, bring_image
from windlass.cli.demos.own_plane import own_plane
from windlass.cli.demos.rollout_load import Load
from windlass.cli.demos.story import Story, verdict, wait_until
from windlass.node.images import host_image

ACCOUNT, REGION, CLUSTER, WEB = "123456789012", "eu-west-1", "shop", "web"
BREAKER = {
    "deploymentCircuitBreaker": {"enable": True, "rollback": True},
    "minimumHealthyPercent": 100,
    "maximumPercent": 200,
}
SPOT_TASKS, INTERRUPTED, CRASHES_S = 6, 3, 10
WITHIN_S = 300


@dataclass(slots=True)
class Act:
    """What happened in one act."""

    name: str
    seconds: float = 0.0
    started: int = 0
    healthy: tuple[int, int] | None = None
    """The smallest and the largest number of healthy web tasks while it went on."""
    notes: str = ""
    problems: list[str] = field(default_factory=list)


class Stage:
    """The demo's cluster on one plane, and its story."""

    ecs: Any
    ec2: Any

    def __init__(self, endpoint: str, scratch: Path, runner: str, count: int) -> None:
        self.say = Story().say
        self.count = count
        self.admin = AdminClient(endpoint)
        self.ecs = aws_client("ecs", endpoint, ACCOUNT, REGION)
        self.ec2 = aws_client("ec2", endpoint, ACCOUNT, REGION)
        self.in_images = runner in IN_IMAGES
        self.targets = scratch / "targets"
        self.targets.mkdir(mode=0o777)
        self.ecs.create_cluster(clusterName=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT"])

    def define(self, family: str, command: Sequence[str], **more: Any) -> str:
        """Register a revision of that family; returns its ARN."""
        mounts = [{"sourceVolume": name, "containerPath": f"/{name}"} for name in ("source", "targets")]
        main = {"name": "main", "image": host_image.NAME, "command": list(command), "mountPoints": mounts}
        volumes = {"source": SOURCES, "targets": self.targets}
        if more.get("requiresCompatibilities"):
            volumes, main["mountPoints"] = {}, []
        answer = self.ecs.register_task_definition(
            family=family,
            containerDefinitions=[{**main, "memory": 64, "stopTimeout": 20}],
            volumes=[{"name": name, "host": {"sourcePath": str(at)}} for name, at in volumes.items()],
            **{"networkMode": "host", **more},
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def server(self, revision: str) -> list[str]:
        """The command of a web server."""
        source = Path("/source") if self.in_images else SOURCES
        targets = Path("/targets") if self.in_images else self.targets
        python = "python3" if self.in_images else sys.executable
        return [python, "-I", "-S", str(source / "rollout_server.py"), revision, str(targets)]

    def service(self, name: str) -> Any:
        return self.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]

    def until(self, what: str, condition: Callable[[], Any]) -> Any:
        return wait_until(what, condition, WITHIN_S)

    def stable(self, name: str = WEB) -> Any:
        """The service once its one deployment has ended."""

        def found() -> Any:
            service = self.service(name)
            [primary, *older] = service["deployments"]
            return service if not older and primary["rolloutState"] == "COMPLETED" else None

        return self.until(f"{name} is stable", found)

    def tasks(self, name: str) -> list[dict[str, Any]]:
        """Every task of the service that is still told of."""
        arns: list[str] = []
        for wanted in ("RUNNING", "STOPPED"):
            pages = self.ecs.get_paginator("list_tasks").paginate(
                cluster=CLUSTER, serviceName=name, desiredStatus=wanted
            )
            arns += [arn for page in pages for arn in page["taskArns"]]
        found: list[dict[str, Any]] = []
        for start in range(0, len(arns), 100):
            chunk = list(dict.fromkeys(arns[start : start + 100]))
            found += self.ecs.describe_tasks(cluster=CLUSTER, tasks=chunk)["tasks"]
        return list({task["taskArn"]: task for task in found}.values())


def run(runner: str, count: int = 200) -> int:
    """Tell the story; returns the exit code: 1 if anything was not as promised."""
    print(f"A service of {count} web servers, rolled out\n")
    with own_plane(runner, partial(bring_image, runner)) as (endpoint, scratch):
        stage = Stage(endpoint, scratch, runner, count)
        stage.say(f"a plane of our own runs on {endpoint}")
        load = Load(stage.targets)
        acts = [up(stage)]
        load.begin()
        acts += [updated(stage), broken(stage)]
        load.end()
        acts[1].problems += [f"{times} requests: {what}" for what, times in load.failed.items()]
        asked = load.answers.total()
        stage.say(
            f"under load all the while: {asked} requests, {asked / load.seconds:.0f} a second, "
            f"{load.failed.total()} failed"
        )
        acts += [crash_loop(stage), interrupted(stage)]
    print()
    return report(acts)


def up(stage: Stage) -> Act:
    """0 → all of them."""
    stage.say(f"act 1, up: create-service with a desired count of {stage.count}")
    began = time.monotonic()
    stage.ecs.create_service(
        cluster=CLUSTER,
        serviceName=WEB,
        taskDefinition=stage.define(WEB, stage.server("v1")),
        desiredCount=stage.count,
        deploymentConfiguration=BREAKER,
    )
    stage.stable()
    tasks = stage.tasks(WEB)
    took = max(at(task, "startedAt") for task in tasks) - min(at(task, "createdAt") for task in tasks)
    stage.say(f"{stage.count} tasks run: {stage.count / took:.0f} a second")
    stage.until("servers are announced", lambda: len(list(stage.targets.iterdir())) >= stage.count)
    return Act("up", time.monotonic() - began, stage.count, notes=f"{stage.count / took:.0f} tasks/s")


def updated(stage: Stage) -> Act:
    """A new revision under load: never fewer healthy than were wanted, never more than twice as many."""
    stage.say("act 2, an update under load: version 2, 100/200 %")
    act, since = Act("update"), time.time()
    update(stage, stage.server("v2"))
    stage.stable()
    judge(stage, act, since)
    v2 = [path for path in stage.targets.iterdir() if path.name.endswith(".v2")]
    if len(v2) != stage.count:
        act.problems.append(f"{len(v2)} servers of version 2 are announced")
    return act


def broken(stage: Stage) -> Act:
    """A revision that cannot start: the circuit breaker goes back to the one before."""
    stage.say("act 3, a broken revision: its command does not exist")
    act, since = Act("rolled back"), time.time()
    update(stage, ["/no/such/command"])
    record = stage.until("the roll-back", lambda: rolled_back(stage))
    service = stage.stable()
    judge(stage, act, since)
    act.notes = record["status"]
    stage.say(f"{record['status']}: {record['statusReason']}")
    if not service["taskDefinition"].endswith(":2"):
        act.problems.append(f"the service is at {service['taskDefinition']}")
    return act


def crash_loop(stage: Stage) -> Act:
    """Tasks that exit at once: started ever more rarely, and nobody else notices."""
    stage.say("act 4, a crash loop: its only container exits with 1 at once")
    act, since = Act("crash loop"), time.time()
    definition = stage.define("crashes", ["sh", "-c", "exit 1"])
    stage.ecs.create_service(
        cluster=CLUSTER, serviceName="crashes", taskDefinition=definition, desiredCount=1
    )
    time.sleep(CRASHES_S)
    begun = sorted(at(task, "createdAt") for task in stage.tasks("crashes"))
    pauses = [later - sooner for sooner, later in pairwise(begun)]
    act.notes = "pauses of " + ", ".join(f"{pause:.1f}" for pause in pauses) + " s"
    stage.say(f"{len(begun)} attempts in {CRASHES_S} s, {act.notes}")
    told = [event["message"] for event in stage.service("crashes")["events"]]
    if not any("unable to consistently start tasks" in message for message in told):
        act.problems.append("no event tells of the crash loop")
    if len(pauses) < 2 or pauses[-1] <= pauses[0]:
        act.problems.append("the pauses do not grow")
    judge(stage, act, since)
    act.started = len(begun)
    return act


def interrupted(stage: Stage) -> Act:
    """Spot tasks get their warning, stop, and others take their places."""
    stage.say(f"act 5, Spot: {SPOT_TASKS} tasks, {INTERRUPTED} of them interrupted")
    act, began = Act("spot"), time.monotonic()
    definition = stage.define(
        "spot",
        ["sleep", "600"],
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
    )
    subnets = stage.ec2.describe_subnets()["Subnets"]
    stage.ecs.create_service(
        cluster=CLUSTER,
        serviceName="spot",
        taskDefinition=definition,
        desiredCount=SPOT_TASKS,
        capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnets[0]["SubnetId"]]}},
    )
    stage.stable("spot")
    victims = [task["taskArn"] for task in stage.tasks("spot")][:INTERRUPTED]
    for arn in victims:
        stage.admin.post("chaos/spot-interrupt", task=arn)

    def replaced() -> bool:
        shown = {task["taskArn"]: task for task in stage.tasks("spot")}
        over = all(shown[arn]["lastStatus"] == "STOPPED" for arn in victims)
        return over and stage.service("spot")["runningCount"] == SPOT_TASKS

    stage.until("the interrupted tasks are replaced", replaced)
    ended = [task for task in stage.tasks("spot") if task["taskArn"] in victims]
    codes = sorted({task["stopCode"] for task in ended})
    stage.say(f"{INTERRUPTED} stopped with {', '.join(codes)} and were replaced")
    act.seconds, act.started = time.monotonic() - began, SPOT_TASKS + INTERRUPTED
    act.notes = ", ".join(codes)
    if codes != ["SpotInterruption"]:
        act.problems.append(f"their stop codes are {codes}")
    return act


def update(stage: Stage, command: Sequence[str]) -> None:
    stage.ecs.update_service(cluster=CLUSTER, service=WEB, taskDefinition=stage.define(WEB, command))


def rolled_back(stage: Stage) -> Any:
    """The service deployment that was rolled back, once it was."""
    latest = stage.ecs.list_service_deployments(cluster=CLUSTER, service=WEB)["serviceDeployments"][0]
    return latest if latest["status"] == "ROLLBACK_SUCCESSFUL" else None


def judge(stage: Stage, act: Act, since: float) -> None:
    """How many web tasks were healthy since then, against what was promised."""
    tasks = stage.tasks(WEB)
    act.seconds = time.time() - since
    act.started = sum(at(task, "createdAt") >= since for task in tasks)
    act.healthy = fewest, most = extremes(tasks, since)
    stage.say(
        f"{act.started} tasks were started in {act.seconds:.1f} s; healthy at any time: {fewest} to {most}"
    )
    if fewest < stage.count:
        act.problems.append(f"only {fewest} of {stage.count} were healthy at one time")
    if most > 2 * stage.count:
        act.problems.append(f"{most} ran at one time, more than 200 %")


def extremes(tasks: Sequence[Mapping[str, Any]], since: float) -> tuple[int, int]:
    """The smallest and the largest number of tasks that ran at one time since then.

    A task runs from startedAt until it is told to stop, or stops by itself.
    """
    moves: list[tuple[float, int]] = []
    running = 0
    for task in tasks:
        if "startedAt" not in task:
            continue
        ends = min(
            (at(task, name) for name in ("stoppingAt", "executionStoppedAt") if name in task), default=None
        )
        running += at(task, "startedAt") < since and (ends is None or ends >= since)
        moves += [(at(task, "startedAt"), 1)] if at(task, "startedAt") >= since else []
        moves += [(ends, -1)] if ends is not None and ends >= since else []
    fewest = most = running
    for _, change in sorted(moves, key=lambda move: (move[0], -move[1])):
        running += change
        fewest, most = min(fewest, running), max(most, running)
    return fewest, most


def at(task: Mapping[str, Any], name: str) -> float:
    return float(task[name].timestamp())


def report(acts: Sequence[Act]) -> int:
    """The table that the story ends with; returns the exit code."""
    columns = ("", "seconds", "tasks started", "healthy min", "healthy max", "", "as promised")
    rows = [
        [
            act.name,
            f"{act.seconds:.1f}",
            str(act.started),
            str(act.healthy[0]) if act.healthy else "",
            str(act.healthy[1]) if act.healthy else "",
            act.notes,
            "no" if act.problems else "yes",
        ]
        for act in acts
    ]
    return verdict(columns, rows, {act.name: act.problems for act in acts})
