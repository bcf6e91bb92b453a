"""App Runner's life cycle in virtual time; and the plane is killed with each transaction of it in turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from tests import apprunner_build as build
from tests.sim.apprunner_counted import SETS, User, lines, play
from tests.sim.apprunner_stories import Told
from tests.sim.apprunner_stories import play as play_instances
from windlass.fleet.model import UNITS
from windlass.kernel.clock import DAY, HOUR, SECOND
from windlass.kernel.faults import Fault, Retry
from windlass.kernel.rows import replace
from windlass.services.apprunner import limits
from windlass.services.apprunner.configuration_model import SCALINGS
from windlass.services.apprunner.model import DEPLOYMENTS, SERVICES
from windlass.sim.course import Course
from windlass.sim.disk import SimulatedDisk
from windlass.sim.world import ACCOUNT, REGION


def code(command: str = "good", building: str = "good") -> dict[str, Any]:
    source = build.some_code(StartCommand=command, BuildCommand=building)
    return {"SourceConfiguration": source}


async def whole(user: User) -> None:
    """Up, changed, broken and back, paused, resumed, deleted."""
    await user.create()
    assert await user.settle() == "RUNNING"
    await user.update("good")
    assert await user.settle() == "RUNNING"
    await user.update("crashes")
    assert await user.settle() == "RUNNING"
    await user.do("PauseService")
    assert await user.settle() == "PAUSED"
    await user.do("ResumeService")
    assert await user.settle() == "RUNNING"
    await user.do("DeleteService")
    assert await user.settle() == "DELETED"


async def built(user: User) -> None:
    """A service of code: a build that fails, one that is mended, one that changes nothing but is deployed."""
    await user.create(**code(building="fails"))
    assert await user.settle() == "CREATE_FAILED"
    await user.do("UpdateService", **code())
    assert await user.settle() == "RUNNING"
    await user.do("StartDeployment")
    assert await user.settle() == "RUNNING"
    await user.do("UpdateService", **code(building="fails"))
    assert await user.settle() == "RUNNING"


DEEDS: dict[str, tuple[Callable[[User], Awaitable[None]], list[tuple[str, str]]]] = {
    "whole": (
        whole,
        [
            ("CREATE_SERVICE", "SUCCEEDED"),
            ("UPDATE_SERVICE", "SUCCEEDED"),
            ("UPDATE_SERVICE", "ROLLBACK_SUCCEEDED"),
            ("PAUSE_SERVICE", "SUCCEEDED"),
            ("RESUME_SERVICE", "SUCCEEDED"),
            ("DELETE_SERVICE", "SUCCEEDED"),
        ],
    ),
    "built": (
        built,
        [
            ("CREATE_SERVICE", "FAILED"),
            ("UPDATE_SERVICE", "SUCCEEDED"),
            ("START_DEPLOYMENT", "SUCCEEDED"),
            ("UPDATE_SERVICE", "ROLLBACK_SUCCEEDED"),
        ],
    ),
}


def run(name: str, kill_at: int) -> int:
    """The deed in a world in which the plane is killed with that transaction of it; how many it has."""
    counted = 0
    deed, expected = DEEDS[name]

    async def story(user: User) -> None:
        nonlocal counted
        begun = user.disk.commits
        if kill_at:
            user.world.kill_at(begun + kill_at)
        said = True
        try:
            await deed(user)
        except Retry:  # nobody knows whether the last word was heard
            said = False
        for _ in range(4):
            await user.revive()
            await user.world.pass_time(SECOND)
        if list(user.world.plane.store[SERVICES].all()):
            await user.settle()
            await user.world.pass_time(SECOND)
            assert user.operations() == expected[: len(user.operations())]
            assert not said or len(user.operations()) == len(expected)
            assert not lines(user)
        counted = user.disk.commits - begun

    play(story)
    return counted


@pytest.mark.parametrize("name", sorted(DEEDS))
def test_killed_at_each_transaction(name: str) -> None:
    """Each of them, the first to the last: the operation goes on, and ends as it would have."""
    count = run(name, 0)
    assert count > 20
    for transaction in range(1, count + 1):
        run(name, transaction)


async def lived(told: Told) -> None:
    """With instances that nodes run: up, changed, broken and back, paused, resumed."""
    await told.create(least=2)
    await told.do("UpdateService", "RUNNING", InstanceConfiguration={"Cpu": "512", "Memory": "1024"})
    told.course = Course(start=SECOND, run=SECOND, exit_code=3)
    await told.do("UpdateService", "RUNNING", InstanceConfiguration={"Cpu": "256", "Memory": "512"})
    told.course = Course(start=SECOND)
    await told.do("PauseService", "PAUSED")
    await told.do("ResumeService", "RUNNING")


def run_instances(kill_at: int) -> int:
    """The same of instances that are more than numbers: none is left over, and none is missing."""
    disk, counted = SimulatedDisk(), 0

    async def story(told: Told) -> None:
        nonlocal counted
        begun = disk.commits
        told.world.kill_at(begun + kill_at)
        with suppress(Retry):  # nobody knows whether the last word was heard
            await lived(told)
        for _ in range(8):
            await told.revive()
            await told.world.pass_time(SECOND)
        counted = disk.commits - begun
        store = told.world.plane.store
        for service in store[SERVICES].all():
            told.arn = service.arn
            told.course = Course(start=SECOND)
            while told.status() == "OPERATION_IN_PROGRESS":
                await told.world.pass_time(SECOND)
            await told.world.pass_time(5 * SECOND)
            running = store[SERVICES].require(service.arn)
            expected = [("provisioned", running.serving)] * 2 if running.status == "RUNNING" else []
            assert [(one.state, one.deployment) for one in told.instances()] == expected, running
            units = {unit.id for unit in store[UNITS].all()}
            assert units == {one.id for one in told.instances()}
            assert running.status in ("RUNNING", "PAUSED", "CREATE_FAILED")

    play_instances(story, disk=disk)
    return counted


def test_killed_with_instances() -> None:
    """At every second transaction; one in between differs by little."""
    count = run_instances(0)
    assert count > 50
    for transaction in range(1, count + 1, 2):
        run_instances(transaction)


def test_instances_are_doubled_while_a_deployment_is_under_way() -> None:
    """Blue has scaled to 3: green has 3 before it gets the requests, and blue stays until then."""

    async def story(user: User) -> None:
        await user.create()
        await user.settle()
        blue = user.service().serving
        with user.world.plane.store.transact() as tx:
            row = tx[SETS].require((user.arn, blue))
            tx[SETS].put(replace(row, wanted=3, healthy=3))
        await user.update("good")
        await user.world.pass_time(SECOND)
        green = user.service().operation
        assert user.service().serving == blue
        sets = {row.deployment: row.wanted for row in user.world.plane.store[SETS].all()}
        assert sets == {blue: 3, green: 3}
        assert await user.settle() == "RUNNING"
        assert user.service().serving == user.service().last_deployed == green
        assert user.healthy() == {green: 3}

    play(story)


def test_an_instance_that_is_not_healthy_in_time_fails_the_deployment() -> None:
    """5 minutes, or what the profile says; the settings go back with the rollback."""

    async def story(user: User) -> None:
        await user.create()
        await user.settle()
        before = user.service()
        await user.update("hangs")
        await user.world.pass_time(19 * SECOND)
        assert user.operations()[-1] == ("UPDATE_SERVICE", "IN_PROGRESS")
        await user.world.pass_time(SECOND + SECOND // 2)
        assert user.operations()[-1] == ("UPDATE_SERVICE", "ROLLBACK_IN_PROGRESS")
        assert await user.settle() == "RUNNING"
        assert (user.service().source, user.service().serving) == (before.source, before.serving)
        assert user.operations()[-1] == ("UPDATE_SERVICE", "ROLLBACK_SUCCEEDED")
        assert [row.id for row in user.world.plane.store[DEPLOYMENTS].all()] == [before.serving]

    play(story, delays={"apprunner.start_limit": 20})


def test_what_never_came_up_can_be_mended_or_deleted() -> None:
    async def story(user: User) -> None:
        await user.create("crashes")
        assert await user.settle() == "CREATE_FAILED"
        for refused in ("PauseService", "ResumeService"):
            with pytest.raises(Fault, match="Service status must be"):
                await user.do(refused)
        await user.update("crashes")
        assert await user.settle() == "CREATE_FAILED"
        await user.update("good")
        assert await user.settle() == "RUNNING"
        await user.do("DeleteService")
        assert await user.settle() == "DELETED"

    play(story)


def test_a_service_that_does_not_resume_is_paused() -> None:
    """Also when the default limit of 5 minutes has to pass for that."""

    async def story(user: User) -> None:
        await user.create()
        await user.settle()
        await user.do("PauseService")
        await user.settle()
        with user.world.plane.store.transact() as tx:
            [row] = list(tx[DEPLOYMENTS].all())
            tx[DEPLOYMENTS].put(replace(row, source=build.an_image("hangs")))
        await user.do("ResumeService")
        assert await user.settle(within=310) == "PAUSED"
        assert user.operations()[-1] == ("RESUME_SERVICE", "FAILED")

    play(story)


def test_a_deleted_service_is_forgotten_after_a_day() -> None:
    """Its name is free at once; it is described, but not listed."""

    async def story(user: User) -> None:
        await user.create()
        await user.settle()
        await user.do("DeleteService")
        await user.settle()
        shown = (await user.call("DescribeService", ServiceArn=user.arn))["Service"]
        assert shown["Status"] == "DELETED" and shown["DeletedAt"]
        assert not (await user.call("ListServices"))["ServiceSummaryList"]
        with pytest.raises(Fault, match="can't be found"):
            await user.do("PauseService")
        await user.world.pass_time(DAY + HOUR)
        with pytest.raises(Fault, match="can't be found"):
            await user.call("DescribeService", ServiceArn=user.arn)
        await user.create()
        assert await user.settle() == "RUNNING"

    play(story, watched=False)


def test_what_a_rollback_brings_back_cannot_be_deleted() -> None:
    async def story(user: User) -> None:
        scaling = await user.call("CreateAutoScalingConfiguration", AutoScalingConfigurationName="first")
        first = scaling["AutoScalingConfiguration"]["AutoScalingConfigurationArn"]
        await user.create(AutoScalingConfigurationArn=first)
        await user.settle()
        default = first.rsplit("/", 3)[0] + "/DefaultConfiguration"
        source = build.an_image("crashes")
        await user.do("UpdateService", SourceConfiguration=source, AutoScalingConfigurationArn=default)
        with pytest.raises(Fault, match="used by one or more services"):
            await user.call("DeleteAutoScalingConfiguration", AutoScalingConfigurationArn=first)
        assert await user.settle() == "RUNNING"
        assert user.service().scaling_arn == first

    play(story)


def test_deleted_revisions_are_forgotten_and_their_numbers_are_not() -> None:
    """The newest of a name stays; the others go after a day."""

    async def story(user: User) -> None:
        async def made() -> int:
            scaling = await user.call("CreateAutoScalingConfiguration", AutoScalingConfigurationName="busy")
            return int(scaling["AutoScalingConfiguration"]["AutoScalingConfigurationRevision"])

        for number in (1, 2, 3):
            assert await made() == number
        arn = f"arn:aws:apprunner:{REGION}:{ACCOUNT}:autoscalingconfiguration/busy"
        gone = {"AutoScalingConfigurationArn": arn, "DeleteAllRevisions": True}
        await user.call("DeleteAutoScalingConfiguration", **gone)
        await user.world.pass_time(DAY + HOUR)
        assert [row.revision for row in user.world.plane.store[SCALINGS].all()] == [3]
        assert await made() == 4

    play(story, watched=False)


def test_only_so_many_operations_are_kept() -> None:
    async def story(user: User) -> None:
        await user.create()
        await user.settle()
        for _ in range(limits.OPERATIONS_KEPT // 2 + 5):
            for operation in ("PauseService", "ResumeService"):
                await user.do(operation)
                await user.settle()
        assert len(user.operations()) == limits.OPERATIONS_KEPT
        assert user.operations()[-1] == ("RESUME_SERVICE", "SUCCEEDED")

    play(story)


QUOTAS = {
    "apprunner.services": 1,
    "apprunner.auto_scaling_configurations": 1,
    "apprunner.observability_configurations": 1,
    "apprunner.connections": 1,
    "apprunner.vpc_ingress_connections": 0,
    "apprunner.instances_per_service": 3,
}


def test_no_more_than_the_quotas() -> None:
    """A service that never came up counts; a deleted one does not. Revisions are no names."""

    async def story(user: User) -> None:
        named: list[tuple[str, str, dict[str, Any]]] = [
            ("CreateAutoScalingConfiguration", "AutoScalingConfigurationName", {"MaxSize": 3}),
            ("CreateObservabilityConfiguration", "ObservabilityConfigurationName", {}),
            ("CreateConnection", "ConnectionName", {"ProviderType": "GITHUB"}),
        ]
        for operation, member, more in named:
            await user.call(operation, **{member: "first"}, **more)
            with pytest.raises(Fault, match="ServiceQuotaExceededException: You can have at most 1 "):
                await user.call(operation, **{member: "second"}, **more)
        await user.call("CreateAutoScalingConfiguration", AutoScalingConfigurationName="first", MaxSize=3)
        with pytest.raises(Fault, match="MaxSize must not be greater than 3"):
            await user.call("CreateAutoScalingConfiguration", AutoScalingConfigurationName="first", MaxSize=4)
        await user.create("crashes")
        await user.settle()
        with pytest.raises(Fault, match="ServiceQuotaExceededException"):
            await user.call("CreateService", ServiceName="other", SourceConfiguration=build.an_image())
        await user.do("DeleteService")
        await user.settle()
        await user.call("CreateService", ServiceName="other", SourceConfiguration=build.an_image("good"))

    play(story, quotas=QUOTAS)
