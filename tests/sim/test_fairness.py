"""A noisy account and a quiet one on one plane, in virtual time.

The quiet one is served as if it were alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.sim.launch_rate import SERVICES, WORKER
from windlass.aws.quotas import load_profile
from windlass.kernel.clock import SECOND, Instant
from windlass.services.ecs.model import TASKS
from windlass.sim.course import Course
from windlass.sim.traffic import Answers, ask_for_tasks, subnets_of
from windlass.sim.world import EPOCH, World

NOISY, QUIET = "111111111111", "999999999999"
"""The noisy one comes first wherever something is sorted by account."""
LASTS = 60 * SECOND


@dataclass(slots=True)
class Seen:
    """What became of the quiet account's work, and how loud the noise was."""

    answers: Answers = field(default_factory=Answers)
    tasks: list[tuple[Instant, Instant]] = field(default_factory=list)
    """(created, running) of each task."""
    noise: Answers = field(default_factory=Answers)


async def prepare(world: World, account: str) -> None:
    await world.call_as(account, "ecs", "CreateCluster", clusterName="default")
    await world.call_as(account, "ecs", "RegisterTaskDefinition", **WORKER)


LAUNCH = Course(provision=15 * SECOND, pull=4 * SECOND, start=SECOND)


async def create_service(world: World, account: str, name: str, count: int) -> None:
    subnets = await subnets_of(world, account)
    await world.call_as(
        account,
        "ecs",
        "CreateService",
        serviceName=name,
        taskDefinition="worker",
        desiredCount=count,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
    )


def play(*, noise: bool, seed: int = 3, shuffle: bool = False) -> Seen:
    """A minute: the quiet one asks for 200 tasks and a service of 60; the other for as much as it can get."""
    seen = Seen()

    async def story(world: World) -> None:
        world.add_node("n1", course=lambda spec: LAUNCH)  # not drawn: it would differ by ids
        for account in (NOISY, QUIET):
            await prepare(world, account)
        if noise:
            for number in range(4):
                await create_service(world, NOISY, f"s{number}", 400)
            for number in range(3):
                world.begin(f"noise {number}", ask(world, seen.noise, NOISY, 5_000))
        await create_service(world, QUIET, "web", 60)
        world.begin("quiet", ask(world, seen.answers, QUIET, 200))
        await world.pass_time(LASTS)
        tasks = [task for task in world.plane.store[TASKS].all() if task.account == QUIET]
        seen.tasks = sorted((task.created_at - EPOCH, task.started_at - EPOCH) for task in tasks)

    World(SERVICES, load_profile("aws-2022"), seed, shuffle=shuffle).run(story)
    return seen


def ask(world: World, answers: Answers, account: str, tasks: int) -> Any:
    return ask_for_tasks(world, answers, tasks=tasks, per_call=10, definition="worker", account=account)


def test_a_quiet_account_is_served_as_if_alone() -> None:
    """The same answers, the same tasks at the same instants, beside thousands of calls of another account."""
    alone, beside = play(noise=False), play(noise=True)
    assert alone.answers.accepted_by(EPOCH + LASTS) == 200
    assert len(alone.tasks) == 260
    assert beside.noise.refused.total() > 2_000
    assert beside.answers == alone.answers
    assert beside.tasks == alone.tasks


@pytest.mark.parametrize("seed", range(3))
def test_whatever_runs_first_at_one_instant(seed: int) -> None:
    """Ties broken at random change which of the quiet one's own work comes first, not when it is done."""
    alone, beside = (play(noise=noise, seed=seed, shuffle=True) for noise in (False, True))
    assert len(beside.tasks) == len(alone.tasks) == 260
    assert beside.answers.accepted_by(EPOCH + LASTS) == 200
    last_alone, last_beside = (max(running for _, running in seen.tasks) for seen in (alone, beside))
    assert abs(last_beside - last_alone) <= SECOND
