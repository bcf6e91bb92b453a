"""Requests to an ECS service behind a load balancer, in virtual time: nobody is lost who need not be."""

from __future__ import annotations

from tests.sim.load_balanced import Shop, play
from windlass.kernel.clock import MINUTE, SECOND, Instant
from windlass.proxy.probe import Answered, Found
from windlass.sim.arrivals import Phase, steady
from windlass.sim.course import Course
from windlass.sim.requests import offer


def test_a_roll_out_under_load_loses_no_request() -> None:
    """Twice, of eight tasks, with more than 20,000 requests: old tasks leave after they have drained."""

    async def story(shop: Shop) -> None:
        await shop.open(8)
        load = shop.world.begin("load", offer(shop.world, [steady(200, for_s=110)], shop.send(), chance="a"))
        for image in ("two", "three"):
            await shop.world.pass_time(10 * SECOND)
            await shop.update(taskDefinition=await shop.define(image, Course(start=5 * SECOND, stop=SECOND)))
            await shop.settled(8)
        report = await load
        assert len(report.outcomes) > 20_000
        assert report.statuses == {200: len(report.outcomes)}
        assert len(shop.proxy.sites.served()) == 24

    play(story)


def test_with_all_targets_unhealthy_requests_still_reach_them() -> None:
    """Fail open: the checks fail, the application answers, so do its clients get their answers."""

    async def story(shop: Shop) -> None:
        await shop.open(3)
        await shop.update(healthCheckGracePeriodSeconds=3600)
        shop.proxy.sites.health = lambda unit_id, now: Answered(500)
        report = await offer(shop.world, [steady(20, for_s=60)], shop.send())
        assert await shop.states() == ["unhealthy"] * 3
        assert report.statuses == {200: 1200}

    play(story)


def test_targets_that_flap_cost_no_request() -> None:
    """One of four fails its checks every other half minute; it runs on, within its grace period."""

    async def story(shop: Shop) -> None:
        await shop.open(4)
        await shop.update(healthCheckGracePeriodSeconds=3600)
        flapping = min(shop.proxy.sites.served())

        def health(unit_id: str, now: Instant) -> Found:
            bad = unit_id == flapping and now // (30 * SECOND) % 2
            return Answered(503 if bad else 200)

        shop.proxy.sites.health = health
        before = shop.proxy.sites.served()
        report = await offer(shop.world, [steady(40, for_s=120)], shop.send())
        assert report.lost == 0
        got = {unit: count - before[unit] for unit, count in shop.proxy.sites.served().items()}
        others = [count for unit, count in got.items() if unit != flapping]
        assert 0.3 * min(others) < got[flapping] < 0.7 * min(others)

    play(story)


def test_a_task_that_dies_is_missed_for_a_moment() -> None:
    """Requests in it are lost, those that come to its address until its target leaves too; then none."""

    async def story(shop: Shop) -> None:
        await shop.open(4)
        tasks = (await shop.world.call("ecs", "ListTasks"))["taskArns"]
        load = shop.world.begin("load", offer(shop.world, [Phase(120, 50, 50)], shop.send()))
        await shop.world.pass_time(30 * SECOND)
        await shop.world.call("ecs", "StopTask", task=tasks[0])
        await shop.settled(4)
        settled = shop.world.clock.now()
        report = await load
        assert report.lost < 50
        assert all(one.status == 200 for one in report.outcomes if one.arrived > settled)
        assert shop.world.elapsed < 10 * MINUTE

    play(story)
