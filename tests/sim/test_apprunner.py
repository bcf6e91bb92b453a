"""App Runner in virtual time: bursts, silence, failures, deployments and a full queue."""

from __future__ import annotations

from tests.sim.apprunner_stories import Told, play
from windlass.fleet.model import UNITS
from windlass.kernel.clock import MILLISECOND, MINUTE, SECOND
from windlass.services.apprunner.model import OWNER
from windlass.services.apprunner.scaler import Scaler
from windlass.sim.course import Course


def test_a_burst_and_silence() -> None:
    """An instance more for each that nears its limit; after silence MinSize, and CPU is paid for none."""

    async def story(told: Told) -> None:
        await told.create()
        assert told.states() == ["provisioned"]
        told.proxy.offer(1)
        await told.world.pass_time(50 * MILLISECOND)
        assert told.states() == ["active"], "the first request makes it active"
        told.proxy.offer(30)
        await told.world.pass_time(50 * MILLISECOND)
        assert told.states() == ["active", "starting", "starting"], "20 found room, of 8 each"
        assert (told.proxy.queued, told.proxy.refused) == (10, 10)
        await told.world.pass_time(3 * SECOND)
        assert told.states() == ["active"] * 4
        assert told.proxy.queued == 0
        told.proxy.offer(0)
        await told.world.pass_time(2 * MINUTE)
        assert told.states() == ["provisioned"]

    play(story)


def test_no_request_is_refused_while_there_is_room() -> None:
    """A queue as long as an instance's concurrency absorbs what comes until the next instance is there."""

    async def story(told: Told) -> None:
        await told.create(most=25)
        for requests in range(1, 100, 6):
            told.proxy.offer(requests)
            await told.world.pass_time(2 * SECOND)
        assert told.proxy.refused == 0
        assert told.states().count("active") == 13

    play(story)


def test_idle_instances_are_used_before_any_is_started() -> None:
    """With MinSize 3 a burst finds them at once, and nothing starts."""

    async def story(told: Told) -> None:
        await told.create(least=3)
        assert told.states() == ["provisioned"] * 3
        told.proxy.offer(20)
        await told.world.pass_time(50 * MILLISECOND)
        assert told.states() == ["active"] * 3
        assert (told.proxy.queued, told.proxy.refused) == (0, 0)

    play(story)


def test_an_instance_that_ends_is_replaced() -> None:
    """Also one whose checks fail: its successor starts, and then it is gone."""

    async def story(told: Told) -> None:
        await told.create()
        [first] = told.instances()
        told.proxy.fail(first.id)
        await told.world.pass_time(5 * SECOND)
        [second] = told.instances()
        assert (second.id != first.id, second.state) == (True, "provisioned")
        told.course = Course(start=SECOND, run=3 * SECOND, exit_code=1)
        told.proxy.fail(second.id)
        await told.world.pass_time(MINUTE)
        assert len(told.instances()) <= 1
        told.course = Course(start=SECOND)
        await told.world.pass_time(MINUTE)
        assert told.states() == ["provisioned"]

    play(story)


def test_a_deployment_moves_requests_at_once() -> None:
    """Both sets are there meanwhile; then the requests go to the new one, and the old one goes."""

    async def story(told: Told) -> None:
        await told.create(least=2)
        old = {one.id for one in told.instances()}
        before = told.proxy.serving
        told.proxy.offer(5)
        await told.call("StartDeployment", ServiceArn=told.arn)
        await told.world.pass_time(SECOND)
        assert len(told.instances()) == 4, "provisioned instances are doubled"
        assert told.proxy.serving == before
        await told.settled("RUNNING")
        await told.world.pass_time(SECOND)
        assert told.proxy.serving != before
        assert not old & {one.id for one in told.instances()}
        assert len(told.world.plane.store[UNITS].by("owner", OWNER)) == 2

    play(story)


def test_a_deployment_that_fails_leaves_what_serves() -> None:
    """Instances that exit: the service goes on with the old ones."""

    async def story(told: Told) -> None:
        await told.create()
        before, old = told.proxy.serving, told.instances()
        told.course = Course(start=SECOND, run=10 * MILLISECOND, exit_code=3)
        await told.call("StartDeployment", ServiceArn=told.arn)
        await told.settled("RUNNING")
        await told.world.pass_time(SECOND)
        assert (told.proxy.serving, [one.id for one in told.instances()]) == (before, [one.id for one in old])
        operations = (await told.call("ListOperations", ServiceArn=told.arn))["OperationSummaryList"]
        assert operations[0]["Status"] == "ROLLBACK_SUCCEEDED"

    play(story)


def test_five_minutes_to_become_healthy() -> None:
    """A service whose instance never answers its checks fails to be created, and nothing is left of it."""

    async def story(told: Told) -> None:
        told.proxy.never_healthy = True
        await told.create(status="CREATE_FAILED")
        assert told.world.elapsed >= 5 * MINUTE
        await told.world.pass_time(SECOND)
        assert told.instances() == []
        assert told.world.plane.store[UNITS].by("owner", OWNER) == []

    play(story)


def test_pause_and_resume() -> None:
    """Paused nothing runs and nothing is forwarded; resumed it serves again."""

    async def story(told: Told) -> None:
        await told.create()
        await told.call("PauseService", ServiceArn=told.arn)
        await told.settled("PAUSED")
        assert (told.instances(), told.proxy.serving) == ([], "")
        await told.call("ResumeService", ServiceArn=told.arn)
        await told.settled("RUNNING")
        assert told.states() == ["provisioned"]
        await told.call("DeleteService", ServiceArn=told.arn)
        await told.settled("DELETED")
        assert (told.instances(), told.proxy.pools) == ([], {})

    play(story)


def test_what_is_to_be_paid() -> None:
    """Memory while it is provisioned, CPU while it is active, a minute at least."""

    async def story(told: Told) -> None:
        await told.create()
        scaler = told.world.plane.calls.part(Scaler)
        await told.world.pass_time(5 * MINUTE)
        idle = scaler.bill(told.arn, told.world.clock.now())
        assert idle.active < 10 * SECOND, "while it started"
        told.proxy.offer(1)
        await told.world.pass_time(SECOND)
        told.proxy.offer(0)
        await told.world.pass_time(5 * MINUTE)
        used = scaler.bill(told.arn, told.world.clock.now())
        assert MINUTE <= used.active - idle.active < 90 * SECOND
        assert used.provisioned - idle.provisioned > 4 * MINUTE
        await told.call("PauseService", ServiceArn=told.arn)
        await told.settled("PAUSED")
        paused = scaler.bill(told.arn, told.world.clock.now())
        await told.world.pass_time(5 * MINUTE)
        assert scaler.bill(told.arn, told.world.clock.now()) == paused

    play(story)
