"""Services in virtual time: roll-outs, failures and what becomes of them."""

from __future__ import annotations

import re
from itertools import pairwise

from tests.sim.services import LASTING, Told, define_fargate, tell
from windlass.kernel.clock import SECOND
from windlass.services.ecs.model import TASKS
from windlass.services.ecs.service_model import DEPLOYMENTS, SERVICES
from windlass.sim.course import Course
from windlass.sim.world import ACCOUNT, REGION

CRASHING = Course(run=0, exit_code=1)
"""Starts, and ends at once."""
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def test_up_updated_scaled_and_deleted() -> None:
    """1. Up. 2. A new revision replaces the old. 3. Scaled. 4. Deleted, and gone. Told as AWS tells it."""

    async def story(told: Told) -> None:
        await told.define("one")
        await told.create(4)
        await told.stable()
        await told.update(taskDefinition=await told.define("two"))
        after = await told.stable()
        assert (told.running("one"), told.running("two")) == (0, 4)
        assert after["deployments"][0]["rolloutState"] == "COMPLETED"
        await told.update(desiredCount=2)
        await told.stable()
        await told.ecs("DeleteService", service="web", force=True)
        assert (await told.service())["status"] == "DRAINING"
        await told.world.pass_time(5 * SECOND)
        gone = await told.service()
        assert (gone["status"], gone["runningCount"], gone["deployments"]) == ("INACTIVE", 0, [])
        texts = [re.sub(r" ?\((task|deployment) [^)]*\)", "", text).strip() for text in await told.messages()]
        assert texts == [
            "has started 4 tasks:.",
            "deployment completed.",
            "has reached a steady state.",
            "has started 4 tasks:.",
            "has stopped 4 running tasks:.",
            "deployment completed.",
            "has reached a steady state.",
            "has stopped 2 running tasks:.",
            "has reached a steady state.",
            "has stopped 2 running tasks:.",
        ]

    tell(story)


def test_a_deleted_service_is_forgotten_after_an_hour() -> None:
    """It stays describable as INACTIVE; its name may be used again at once."""

    async def story(told: Told) -> None:
        await told.define()
        await told.create(1)
        await told.stable()
        await told.ecs("DeleteService", service="web", force=True)
        await told.world.pass_time(30 * 60 * SECOND)
        assert (await told.service())["status"] == "INACTIVE"
        await told.world.pass_time(90 * 60 * SECOND)
        missing = await told.ecs("DescribeServices", services=["web"])
        assert [failure["reason"] for failure in missing["failures"]] == ["MISSING"]

    tell(story)


def test_a_lost_task_is_replaced() -> None:
    """A task that was stopped by hand, and one that crashed, are each replaced by another one."""

    async def story(told: Told) -> None:
        await told.define("good", Course(run=100 * SECOND, exit_code=1))
        await told.create(3)
        await told.stable()
        [first, *_] = (await told.ecs("ListTasks", serviceName="web"))["taskArns"]
        await told.ecs("StopTask", task=first)
        await told.world.pass_time(5 * SECOND)
        after = (await told.ecs("ListTasks", serviceName="web"))["taskArns"]
        assert len(after) == 3 and first not in after
        await told.world.pass_time(120 * SECOND)
        assert not set(after) & set((await told.ecs("ListTasks", serviceName="web"))["taskArns"])

    tell(story)


def test_a_broken_revision_is_rolled_back() -> None:
    """Its tasks never start: the breaker trips at half of the desired count; the old ones are kept."""

    async def story(told: Told) -> None:
        await told.define("good")
        await told.create(8, deploymentConfiguration=BREAKER)
        await told.stable()
        kept = sorted((await told.ecs("ListTasks", serviceName="web"))["taskArns"])
        await told.update(taskDefinition=await told.define("bad", Course(fails="no such image")))
        fewest = 8
        for _ in range(60):
            await told.world.pass_time(SECOND)
            fewest = min(fewest, told.running("good"))
        after = await told.stable()
        assert fewest == 8 and told.running("bad") == 0
        assert sorted((await told.ecs("ListTasks", serviceName="web"))["taskArns"]) == kept
        assert after["taskDefinition"].endswith("web:1")
        [record, first] = (await told.ecs("ListServiceDeployments", service="web"))["serviceDeployments"]
        assert (first["status"], record["status"]) == ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL")
        [shown] = (
            await told.ecs(
                "DescribeServiceDeployments", serviceDeploymentArns=[record["serviceDeploymentArn"]]
            )
        )["serviceDeployments"]
        assert shown["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
        assert shown["deploymentCircuitBreaker"]["threshold"] == 4
        assert any("deployment failed: ECS deployment circuit breaker" in m for m in await told.messages())

    tell(story)


def test_without_a_completed_deployment_there_is_nothing_to_roll_back_to() -> None:
    """The first one is broken: FAILED, and nothing is started any more until the next update."""

    async def story(told: Told) -> None:
        await told.define("bad", Course(fails="no such image"))
        await told.create(2, deploymentConfiguration=BREAKER)
        await told.world.pass_time(120 * SECOND)
        found = await told.service()
        assert found["deployments"][0]["rolloutState"] == "FAILED"
        started = sum(" has started" in f" {message}" for message in await told.messages())
        await told.world.pass_time(120 * SECOND)
        assert started == sum(" has started" in f" {message}" for message in await told.messages())
        await told.update(taskDefinition=await told.define("good"))
        await told.stable()

    tell(story)


def test_a_crash_loop_backs_off_and_is_forgiven() -> None:
    """Attempts get rarer and rarer; a new revision starts at once."""

    async def story(told: Told) -> None:
        await told.define("crash", CRASHING)
        await told.create(1)
        attempts = []
        for _ in range(2):
            before = len(await told.messages())
            await told.world.pass_time(60 * SECOND)
            attempts.append(len(await told.messages()) - before)
        assert attempts[0] > attempts[1] > 0
        assert "is unable to consistently start tasks successfully." in await told.messages()
        await told.update(taskDefinition=await told.define("good"))
        await told.world.pass_time(2 * SECOND)
        assert told.running("good") == 1

    tell(story)


def test_an_update_in_the_middle_of_an_update() -> None:
    """The third revision replaces the second while its tasks still start: those go at once."""

    async def story(told: Told) -> None:
        slow = Course(start=30 * SECOND)
        await told.define("one")
        await told.create(4)
        await told.stable()
        await told.update(taskDefinition=await told.define("two", slow))
        await told.world.pass_time(10 * SECOND)
        await told.update(taskDefinition=await told.define("three", slow))
        await told.world.pass_time(5 * SECOND)
        assert [d["status"] for d in (await told.service())["deployments"]] == ["PRIMARY", "ACTIVE"]
        await told.stable()
        assert [told.running(image) for image in ("one", "two", "three")] == [0, 0, 4]
        statuses = (await told.ecs("ListServiceDeployments", service="web"))["serviceDeployments"]
        assert [one["status"] for one in statuses] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]

    tell(story)


def test_the_seed_s_rates() -> None:
    """A thousand Fargate tasks of one service take two minutes of scheduling: 500 a minute (seed 003)."""

    async def story(told: Told) -> None:
        subnets = (await told.world.call("ec2", "DescribeSubnets"))["Subnets"]
        await define_fargate(told.world, "good")
        network = {"awsvpcConfiguration": {"subnets": [subnets[0]["SubnetId"]]}}
        await told.create(1_000, launchType="FARGATE", networkConfiguration=network)
        started = []
        for _ in range(13):
            found = await told.service()
            started.append(found["pendingCount"] + found["runningCount"])
            await told.world.pass_time(10 * SECOND)
        assert started[6] <= 600 and started[12] == 1_000
        assert all(later - sooner <= 100 for sooner, later in pairwise(started))

    tell(story, profile="aws-2022", check_every=10 * SECOND)


class InTurn(dict[str, Course]):
    """Courses of tasks in the order in which they start, whatever the image; the last is for all others."""

    def __init__(self, *courses: Course) -> None:
        self._left = list(courses)

    def get(self, image: str, default: Course = LASTING) -> Course:  # type: ignore[override]
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


def test_a_task_of_an_older_attempt_that_comes_up_late_is_no_reason_to_look_again() -> None:
    """1. One of two fails. 2. So does the next. 3. The other comes up after the pause. 4. It is forgiven."""

    async def story(told: Told) -> None:
        fails = Course(fails="CannotPullContainerError: no such image")
        await told.define("web")
        told.courses = InTurn(fails, Course(start=2 * SECOND), fails, Course(start=5 * SECOND))
        await told.create(2)
        await told.world.pass_time(3 * SECOND)
        [row] = told.world.plane.store[DEPLOYMENTS].all()
        assert row.backoff_failures == 2
        await told.world.pass_time(30 * SECOND)
        [row] = told.world.plane.store[DEPLOYMENTS].all()
        assert (row.backoff_failures, told.running("web")) == (0, 2)

    tell(story)


def test_a_task_that_crashes_at_once_completes_no_deployment() -> None:
    """It runs, but not for long enough to count as healthy."""

    async def story(told: Told) -> None:
        await told.define("crash", CRASHING)
        await told.create(1)
        await told.world.pass_time(30 * SECOND)
        found = await told.service()
        assert found["deployments"][0]["rolloutState"] == "IN_PROGRESS"

    tell(story)


def test_ends_on_an_instance_that_drains_are_reckoned() -> None:
    """Its tasks are replaced on the other one; the scheduler takes note of each end, as of any other."""

    async def story(told: Told) -> None:
        await told.instances(2, cpu_units=4_096, memory_mib=8_192)
        await told.define()
        await told.create(6)
        await told.stable()
        [arn, _] = (await told.ecs("ListContainerInstances"))["containerInstanceArns"]
        await told.ecs("UpdateContainerInstancesState", containerInstances=[arn], status="DRAINING")
        await told.world.pass_time(30 * SECOND)
        tasks = list(told.world.plane.store[TASKS].all())
        stopped = [task for task in tasks if task.last_status == "STOPPED"]
        assert {task.instance for task in stopped} == {arn.rpartition("/")[2]}
        assert stopped and all(task.reckoned for task in stopped)

    tell(story)


def test_a_daemon_without_room_costs_no_launch_tokens() -> None:
    """Its instance is too small: what was taken of the deployment's rate is given back."""

    async def story(told: Told) -> None:
        await told.instances(1, cpu_units=1_024, memory_mib=1_024)
        await told.define(cpu=2_048)
        plane = told.world.plane
        await told.ecs("CreateService", serviceName="web", taskDefinition="web", schedulingStrategy="DAEMON")
        await told.world.pass_time(SECOND // 100)  # before the bucket fills by itself
        assert any("insufficient CPU" in message for message in await told.messages())
        [service] = plane.store[SERVICES].all()
        now = told.world.clock.now()
        level = plane.quotas.level("ecs.deployment.ec2", (ACCOUNT, REGION), now, service.id)
        rate = plane.quotas.rate("ecs.deployment.ec2", (ACCOUNT, REGION))
        assert rate is not None and level == rate.burst

    tell(story, profile="aws-2022")
