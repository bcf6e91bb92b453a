"""Services under the rates of seed 003, in virtual time: what they share, and what limits one alone."""

from __future__ import annotations

from dataclasses import replace

from tests.sim.launch_rate import SERVICES
from tests.sim.test_fairness import QUIET, create_service, prepare
from windlass.aws.quotas import Profile, load_profile
from windlass.kernel.clock import SECOND, Instant
from windlass.services.ecs.model import TASKS
from windlass.services.service_quotas import SERVICE as SERVICE_QUOTAS
from windlass.sim.world import EPOCH, World

SEED_003 = load_profile("aws-2022")


def created(world: World) -> dict[str, list[Instant]]:
    """Service → when its tasks were created, since the beginning."""
    found: dict[str, list[Instant]] = {}
    for task in sorted(world.plane.store[TASKS].all(), key=lambda task: task.created_at):
        found.setdefault(task.service, []).append(task.created_at - EPOCH)
    return found


def play(
    services: dict[str, int], lasts_s: int, profile: Profile = SEED_003, **quotas: float
) -> dict[str, list[Instant]]:
    """Services with so many tasks each, and what was created of them; `quotas` are raised first, by code."""
    told: list[dict[str, list[Instant]]] = []

    async def story(world: World) -> None:
        world.add_node("n1")
        await prepare(world, QUIET)
        for code, value in quotas.items():
            asked = {"ServiceCode": "fargate", "QuotaCode": code.replace("_", "-"), "DesiredValue": value}
            await world.call_as(QUIET, "service-quotas", "RequestServiceQuotaIncrease", **asked)
        for name, count in services.items():
            await create_service(world, QUIET, name, count)
        await world.pass_time(lasts_s * SECOND + SECOND // 2)  # between two rounds
        told.append(created(world))
        if profile is not SEED_003:
            [said] = (await world.call_as(QUIET, "ecs", "DescribeServices", services=list(services)))[
                "services"
            ]
            assert any("limit on the number of tasks" in event["message"] for event in said["events"])

    World((*SERVICES, SERVICE_QUOTAS), profile, 5).run(story)
    return told[0]


def test_one_service_of_a_thousand_tasks_takes_two_minutes() -> None:
    """84 at once, then a cycle's worth every ten seconds: all are created after 110 s."""
    [times] = play({"web": 1_000}, 130).values()
    assert len(times) == 1_000
    assert times[-1] == 110 * SECOND
    assert sorted({at // SECOND for at in times}) == list(range(0, 120, 10))


def test_four_services_share_twenty_tasks_a_second() -> None:
    """The burst, then the refill for all of them together.

    None is ahead by more than what was in the bucket.
    """
    times = play({f"s{number}": 240 for number in range(4)}, 40)
    every = sorted(at for service in times.values() for at in service)
    for second in range(40):
        assert sum(at <= second * SECOND for at in every) <= 100 + 20 * second
    assert len(every) >= 0.97 * (100 + 20 * 39)
    late = [sum(at > 15 * SECOND for at in service) for service in times.values()]
    assert max(late) - min(late) <= 0.2 * max(late)


def test_a_raised_rate_serves_them_all() -> None:
    """Service Quotas raises the refill to 100 a second: the deployment rates are all that is left."""
    times = play({f"s{number}": 240 for number in range(4)}, 30, W_fargate_on_demand_per_second=100)
    assert all(len(service) == 240 for service in times.values())


def test_tasks_at_once_limit_a_service_and_it_says_so() -> None:
    """Of 80 wanted tasks the 50 are started that the account may have."""
    few = replace(SEED_003, quotas={**SEED_003.quotas, "fargate.on_demand.tasks": 50})
    [times] = play({"web": 80}, 60, few).values()
    assert len(times) == 50
