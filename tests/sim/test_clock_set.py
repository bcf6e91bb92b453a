"""Somebody sets the clock of the plane's host: how long things are is told by time that goes on as ever."""

from __future__ import annotations

import pytest

from tests.sim.load_balanced import Shop, play
from tests.sim.test_app_runner_requests import SERVICES as APP_RUNNER
from tests.sim.test_app_runner_requests import service
from windlass.aws.quotas import Profile, load_profile
from windlass.fleet.model import NODES
from windlass.kernel.clock import MINUTE, SECOND, Duration
from windlass.proxy.probe import Answered
from windlass.sim.host_clock import HostClock
from windlass.sim.world import World

EITHER_WAY = pytest.mark.parametrize("jump", [10 * MINUTE, -10 * MINUTE])


def set_clock(world: World, ahead: Duration) -> None:
    assert isinstance(world.host_clock, HostClock)
    world.host_clock.ahead = ahead


def test_a_node_is_not_lost_by_a_clock_that_is_set_forward() -> None:
    """It is waited for as long as ever: five minutes."""

    async def story(world: World) -> None:
        world.add_node("n1")
        await world.pass_time(SECOND)
        world.disconnect("n1")
        await world.pass_time(MINUTE)
        set_clock(world, 10 * MINUTE)
        await world.pass_time(3 * MINUTE)
        assert not world.plane.store[NODES].require("n1").lost
        await world.pass_time(2 * MINUTE)
        assert world.plane.store[NODES].require("n1").lost

    World((), Profile("test"), 1, faulty=True).run(story)


@EITHER_WAY
def test_targets_are_probed_whatever_the_clock_says(jump: Duration) -> None:
    """What they become is found, and told, within the checks' own time."""

    async def story(shop: Shop) -> None:
        await shop.open(2)
        await shop.update(healthCheckGracePeriodSeconds=3600)
        set_clock(shop.world, jump)
        shop.proxy.sites.health = lambda unit_id, now: Answered(500)
        await shop.world.pass_time(20 * SECOND)
        assert await shop.states() == ["unhealthy"] * 2
        shop.proxy.sites.health = lambda unit_id, now: Answered(200)
        await shop.world.pass_time(20 * SECOND)
        assert await shop.states() == ["healthy"] * 2

    play(story, faulty=True)


@EITHER_WAY
def test_a_target_that_was_registered_before_the_jump_becomes_healthy(jump: Duration) -> None:
    """By the clock its probes are of before that; they are of this registration all the same."""

    async def story(shop: Shop) -> None:
        await shop.open(1)
        shop.proxy.sites.health = lambda unit_id, now: Answered(500)
        await shop.update(desiredCount=2, healthCheckGracePeriodSeconds=3600)
        while "initial" not in await shop.states():
            await shop.world.pass_time(SECOND)
        set_clock(shop.world, jump)
        shop.proxy.sites.health = lambda unit_id, now: Answered(200)
        await shop.world.pass_time(20 * SECOND)
        assert await shop.states() == ["healthy"] * 2

    play(story, faulty=True)


@EITHER_WAY
def test_requests_wait_as_long_as_ever(jump: Duration) -> None:
    """For an instance of App Runner: none is refused, or late, before its time, and all are answered."""

    async def story(world: World) -> None:
        proxy, host = await service(world, concurrency=1, most=1)
        first = world.begin("first", proxy.request(host, "/", 3 * SECOND))
        await world.pass_time(SECOND)
        waits = world.begin("waits", proxy.request(host, "/", SECOND))
        await world.pass_time(SECOND)
        set_clock(world, jump)
        await world.pass_time(30 * SECOND)
        assert [(await first).status, (await waits).status] == [200, 200]
        assert (await waits).waited == 2 * SECOND

    World(APP_RUNNER, load_profile("local"), 1, faulty=True).run(story)
