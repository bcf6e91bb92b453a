"""Services behind target groups, in virtual time: registered, judged, drained."""

from __future__ import annotations

from typing import Any

from tests.sim.balancers import BAD, GROUP, OTHER, SimulatedBalancers
from tests.sim.services import LASTING, Told, tell
from windlass.aws.target_groups import TargetHealth
from windlass.kernel.clock import SECOND
from windlass.services.ecs.interruptions import Interruptions
from windlass.services.ecs.model import TASKS, Task
from windlass.services.ecs.targets import target
from windlass.sim.course import Course


async def behind(told: Told, count: int, course: Course = LASTING, **params: Any) -> SimulatedBalancers:
    """A service of that many Fargate tasks behind a target group, not yet stable."""
    balancers = SimulatedBalancers(told.world, "ip")
    await define(told, "one", course)
    subnets = (await told.world.call("ec2", "DescribeSubnets"))["Subnets"]
    vpc = {"subnets": [subnets[0]["SubnetId"]], "assignPublicIp": "ENABLED"}
    balancer = {"targetGroupArn": GROUP, "containerName": "main", "containerPort": 80}
    asked = {"launchType": "FARGATE", **params}
    await told.create(
        count,
        networkConfiguration={"awsvpcConfiguration": vpc},
        loadBalancers=[balancer],
        **{name: value for name, value in asked.items() if value is not None},
    )
    return balancers


async def define(told: Told, image: str, course: Course = LASTING) -> str:
    told.courses[image] = course
    main = {"name": "main", "image": image, "portMappings": [{"containerPort": 80}]}
    size = {"cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc"}
    answer = await told.ecs("RegisterTaskDefinition", family="web", containerDefinitions=[main], **size)
    return str(answer["taskDefinition"]["taskDefinitionArn"])


async def healthy(told: Told, balancers: SimulatedBalancers, count: int) -> None:
    """Return once so many targets are; what never comes is found by the world's own deadline."""
    while balancers.healthy() < count:
        await told.world.pass_time(SECOND)


def tasks(told: Told, **wanted: str) -> list[Task]:
    rows = told.world.plane.store[TASKS].all()
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def test_a_deployment_waits_for_targets_and_drains_the_old_ones() -> None:
    """The new tasks' targets pass their checks before old ones leave; those stop when they have drained."""

    async def story(told: Told) -> None:
        balancers = await behind(told, 4)
        await told.stable()
        assert balancers.healthy() == 4
        await told.update(taskDefinition=await define(told, "two"))
        fewest = balancers.healthy()
        while len(tasks(told, last_status="DEACTIVATING")) < 4:
            await told.world.pass_time(SECOND)
            fewest = min(fewest, balancers.healthy())
        assert fewest == 4 == balancers.healthy()
        left_at = told.world.clock.now()
        await told.world.pass_time(balancers.drains_for - 2 * SECOND)
        draining = tasks(told, last_status="DEACTIVATING")
        assert [(task.target_health, task.stopping_at) for task in draining] == [("draining", 0)] * 4
        after = await told.stable()
        assert after["runningCount"] == 4 and (told.running("one"), told.running("two")) == (0, 4)
        stopped = tasks(told, last_status="STOPPED")
        assert all(task.stopping_at - left_at >= balancers.drains_for - SECOND for task in stopped)
        assert [row for row in stopped if row.targets] == []
        texts = [text for text in await told.messages() if "target" in text or "draining" in text]
        assert texts == [
            f"registered 4 targets in (target-group {GROUP}).",
            f"registered 4 targets in (target-group {GROUP}).",
            f"deregistered 4 targets in (target-group {GROUP}).",
            "has begun draining connections on 4 tasks.",
        ]

    tell(story)


def test_a_target_that_fails_is_replaced() -> None:
    """Unhealthy: its task is stopped with the reason that AWS gives, another one takes its place."""

    async def story(told: Told) -> None:
        balancers = await behind(told, 2)
        await told.stable()
        victim = tasks(told, last_status="RUNNING")[0]
        balancers.say(GROUP, target(victim.targets[0]), BAD)
        while not (stopped := tasks(told, last_status="STOPPED")):
            await told.world.pass_time(SECOND)
        assert [task.id for task in stopped] == [victim.id]
        assert stopped[0].stopped_reason == f"Task failed ELB health checks in (target-group {GROUP})"
        await healthy(told, balancers, 2)
        port, why = victim.targets[0].port, BAD.reason
        unhealthy = (
            f"(task {victim.id}) (port {port}) is unhealthy in (target-group web) due to (reason {why})."
        )
        assert unhealthy in await told.messages()

    tell(story)


def test_the_grace_period() -> None:
    """Within it an unhealthy target ends no task; after it, it does."""

    async def story(told: Told) -> None:
        balancers = await behind(told, 1, healthCheckGracePeriodSeconds=120)
        while not (running := [task for task in tasks(told, last_status="RUNNING") if task.targets]):
            await told.world.pass_time(SECOND)
        balancers.say(GROUP, target(running[0].targets[0]), BAD)
        await told.world.pass_time(100 * SECOND)
        assert [task.id for task in tasks(told, desired_status="RUNNING")] == [running[0].id]
        await told.world.pass_time(30 * SECOND)
        assert tasks(told, id=running[0].id)[0].desired_status == "STOPPED"
        balancers.say(GROUP, target(running[0].targets[0]), TargetHealth("unused"))
        await told.stable()

    tell(story)


def test_an_interrupted_task_leaves_first() -> None:
    """Spot: deregistered once, in the transaction that stops it, and told so once; it waits for no drain."""

    async def story(told: Told) -> None:
        spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
        await told.ecs(
            "PutClusterCapacityProviders",
            cluster="default",
            capacityProviders=["FARGATE_SPOT"],
            defaultCapacityProviderStrategy=[],
        )
        balancers = await behind(told, 1, launchType=None, capacityProviderStrategy=spot)
        await told.stable()
        [task] = tasks(told, last_status="RUNNING")
        stopped = await told.world.plane.calls.part(Interruptions).interrupt(task.id)
        assert (stopped.target_health, stopped.last_status) == ("draining", "RUNNING")
        while not tasks(told, id=task.id, last_status="STOPPED"):
            await told.world.pass_time(SECOND)
        await healthy(told, balancers, 1)
        assert [what for what, _, who in balancers.log if who == target(task.targets[0])] == [
            "register",
            "deregister",
        ]
        assert tasks(told, id=task.id)[0].targets == ()
        assert sum(text.startswith("deregistered") for text in await told.messages()) == 1

    tell(story)


def test_a_crash_leaves_no_target_behind() -> None:
    """A task that ended by itself, and one that was stopped by hand, are both deregistered."""

    async def story(told: Told) -> None:
        balancers = await behind(told, 2, course=Course(run=100 * SECOND, exit_code=1))
        await told.stable()
        told.courses["one"] = LASTING
        [crashed, stopped] = tasks(told, last_status="RUNNING")
        await told.ecs("StopTask", task=stopped.id)
        while len(tasks(told, last_status="STOPPED")) < 2:
            await told.world.pass_time(SECOND)
        await healthy(told, balancers, 2)
        codes = {task.id: task.stop_code for task in tasks(told, last_status="STOPPED")}
        assert codes == {crashed.id: "EssentialContainerExited", stopped.id: "UserInitiated"}
        left = {what for kind, _, what in balancers.log if kind == "deregister"}
        assert left == {target(task.targets[0]) for task in (crashed, stopped)}

    tell(story)


async def subnet(told: Told) -> dict[str, Any]:
    found = (await told.world.call("ec2", "DescribeSubnets"))["Subnets"]
    return {"awsvpcConfiguration": {"subnets": [found[0]["SubnetId"]], "assignPublicIp": "ENABLED"}}


def test_every_target_group_counts() -> None:
    """Healthy in one of two groups is not healthy; a task that leaves has drained when both say so."""

    async def story(told: Told) -> None:
        balancers = SimulatedBalancers(told.world, "ip")
        balancers.kinds[OTHER] = "ip"
        balancers.finds[OTHER] = TargetHealth("initial")
        await define(told, "one")
        both = [
            {"targetGroupArn": arn, "containerName": "main", "containerPort": 80} for arn in (GROUP, OTHER)
        ]
        vpc = await subnet(told)
        await told.create(1, launchType="FARGATE", networkConfiguration=vpc, loadBalancers=both)
        await told.world.pass_time(60 * SECOND)
        [task] = tasks(told, last_status="RUNNING")
        assert (task.target_health, balancers.healthy()) == ("initial", 1)
        assert (await told.service())["deployments"][0]["rolloutState"] == "IN_PROGRESS"
        balancers.say(OTHER, target(task.targets[1]), TargetHealth("healthy"))
        await told.stable()
        await told.ecs("StopTask", task=task.id)
        await told.world.pass_time(balancers.drains_for - SECOND)
        assert tasks(told, id=task.id)[0].last_status == "DEACTIVATING"
        balancers.say(OTHER, target(task.targets[1]), TargetHealth("draining"))  # somebody is slow
        await told.world.pass_time(20 * SECOND)
        assert tasks(told, id=task.id)[0].last_status == "DEACTIVATING"
        balancers.say(OTHER, target(task.targets[1]), TargetHealth("unused"))
        await told.world.pass_time(10 * SECOND)
        assert tasks(told, id=task.id)[0].last_status == "STOPPED"

    tell(story)


def test_task_sets_have_target_groups_of_their_own() -> None:
    """A set is steady when its targets are healthy; events name it; what it leaves is deregistered."""

    async def story(told: Told) -> None:
        balancers = SimulatedBalancers(told.world, "ip")
        definition = await define(told, "one")
        controller = {"type": "EXTERNAL"}
        await told.ecs("CreateService", serviceName="web", desiredCount=2, deploymentController=controller)
        made = await told.ecs(
            "CreateTaskSet",
            cluster="default",
            service="web",
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration=await subnet(told),
            loadBalancers=[{"targetGroupArn": GROUP, "containerName": "main", "containerPort": 80}],
            scale={"value": 100, "unit": "PERCENT"},
        )
        task_set = made["taskSet"]["id"]
        await told.world.pass_time(balancers.passes_after - SECOND)
        shown = await told.ecs("DescribeTaskSets", cluster="default", service="web")
        assert shown["taskSets"][0]["stabilityStatus"] == "STABILIZING"
        await told.world.pass_time(5 * SECOND)
        shown = await told.ecs("DescribeTaskSets", cluster="default", service="web")
        assert (shown["taskSets"][0]["stabilityStatus"], balancers.healthy()) == ("STEADY_STATE", 2)
        registered = f"(service web, taskSet {task_set}) registered 2 targets in (target-group {GROUP})."
        assert registered in await told.messages()
        await told.ecs("DeleteTaskSet", cluster="default", service="web", taskSet=task_set, force=True)
        await told.world.pass_time(balancers.drains_for + 10 * SECOND)
        assert balancers.healthy() == 0 and not tasks(told, last_status="RUNNING")

    tell(story)
