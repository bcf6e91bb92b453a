"""Requests to a Lambda function in virtual time: each that finds nobody idle starts an environment."""

from __future__ import annotations

import msgspec

from tests.lambda_build import a_zip
from windlass.aws.quotas import Profile
from windlass.fleet.messages import UnitSpec
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.services import iam, lambda_
from windlass.sim.arrivals import silence, steady
from windlass.sim.course import Course
from windlass.sim.outcomes import Report
from windlass.sim.requests import offer, to_function
from windlass.sim.world import ACCOUNT, World

COLD = {"lambda.sandbox": 0.4, "lambda.init": 0.5}


def served(*, reserved: int | None) -> tuple[Report, Report, int]:
    """A calm load, then a burst of many times that, and the environments that there are afterwards."""
    found: list[tuple[Report, Report, int]] = []
    world = World((iam.SERVICE, lambda_.SERVICE), Profile("test", delays=COLD), 1)

    def course(spec: UnitSpec) -> Course:
        return msgspec.structs.replace(world.course(spec), event=100 * MILLISECOND)

    async def story(world: World) -> None:
        node = world.add_node("n1", course=course)
        await world.call(
            "lambda",
            "CreateFunction",
            FunctionName="f",
            Runtime="python3.12",
            Handler="app.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/r",
            Code={"ZipFile": a_zip()},
        )
        if reserved is not None:
            await world.call(
                "lambda",
                "PutFunctionConcurrency",
                FunctionName="f",
                ReservedConcurrentExecutions=reserved,
            )
        await world.pass_time(SECOND)
        calm = await offer(world, [steady(8, for_s=10)], to_function(world, "f"))
        burst = await offer(world, [steady(300, for_s=2), silence(2)], to_function(world, "f"))
        found.append((calm, burst, len(node.states)))

    world.run(story)
    return found[0]


def test_a_burst_starts_an_environment_for_each_that_waits() -> None:
    """All are answered; the first of the burst wait for a cold start, nobody for another's event."""
    calm, burst, environments = served(reserved=None)
    assert (calm.lost, calm.latency(50), calm.latency(100)) == (0, 0.1, 1.0)
    assert (burst.lost, burst.latency(50), burst.latency(100)) == (0, 0.1, 1.0)
    slow = [one for one in burst.outcomes if one.took > 100 * MILLISECOND]
    assert 0 < len(slow) < environments
    assert all(one.arrived < burst.outcomes[0].arrived + 2 * SECOND for one in slow)


def test_reserved_concurrency_refuses_what_is_above_it() -> None:
    """429 at once, while as many as are reserved are served."""
    _, burst, environments = served(reserved=5)
    assert {*burst.statuses} == {200, 429}
    assert environments == 5
    assert all(not one.took for one in burst.outcomes if one.status == 429)
