"""Cold starts in virtual time: the same record as on a real plane, from the profile's delays."""

from __future__ import annotations

from tests.lambda_build import a_zip
from windlass.aws.quotas import Profile
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.services import iam, lambda_
from windlass.services.lambda_.cold_starts import PHASES, ColdStarts
from windlass.services.lambda_.model import FUNCTIONS
from windlass.sim.world import ACCOUNT, REGION, World

DELAYS = {
    "lambda.code": 0.06,
    "lambda.sandbox": 0.1,
    "lambda.runtime": 0.05,
    "lambda.init": 0.02,
    "lambda.restore": 0.03,
}


def test_a_cold_start_is_recorded_as_the_profile_says() -> None:
    """The first event waits for all of it; the second is warm and takes no time at all."""
    world = World((iam.SERVICE, lambda_.SERVICE), Profile("test", delays=DELAYS), 1)

    async def story(world: World) -> None:
        world.add_node("n1")
        await world.call(
            "lambda",
            "CreateFunction",
            FunctionName="f",
            Runtime="python3.12",
            Handler="app.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/r",
            Code={"ZipFile": a_zip()},
        )
        await world.pass_time(SECOND)
        for waited in (230 * MILLISECOND, 0):
            began = world.clock.now()
            answer = await world.call("lambda", "Invoke", FunctionName="f", Payload=b"[1]")
            assert answer["Payload"] == b"[1]"
            assert world.clock.now() - began == waited
        function = world.plane.store[FUNCTIONS].require((ACCOUNT, REGION, "f"))
        [start] = world.plane.calls.part(ColdStarts).of(function)
        told = dict(zip(PHASES, start.phases, strict=True))
        assert {name: took / SECOND for name, took in told.items() if took} == {
            "code": 0.06,
            "sandbox": 0.1,
            "runtime": 0.05,
            "init": 0.02,
        }

    world.run(story)


def test_a_version_with_snap_start_initialises_once() -> None:
    """It is Pending as long as that takes; each environment is then restored, at its own cost."""
    world = World((iam.SERVICE, lambda_.SERVICE), Profile("test", delays=DELAYS), 1)

    async def story(world: World) -> None:
        world.add_node("n1")
        published = await world.call(
            "lambda",
            "CreateFunction",
            FunctionName="f",
            Runtime="python3.12",
            Handler="app.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/r",
            Code={"ZipFile": a_zip()},
            SnapStart={"ApplyOn": "PublishedVersions"},
            Publish=True,
        )
        version = {"FunctionName": "f", "Qualifier": published["Version"]}
        began = world.clock.now()
        while (await world.call("lambda", "GetFunction", **version))["Configuration"]["State"] == "Pending":
            await world.pass_time(MILLISECOND)
        assert 230 * MILLISECOND <= world.clock.now() - began < 240 * MILLISECOND
        began = world.clock.now()
        await world.call("lambda", "Invoke", **version)
        assert world.clock.now() - began == 190 * MILLISECOND
        function = world.plane.store[FUNCTIONS].require((ACCOUNT, REGION, "f"))
        [start] = world.plane.calls.part(ColdStarts).of(function)
        told = dict(zip(PHASES, start.phases, strict=True))
        assert {name: took / SECOND for name, took in told.items() if took} == {
            "code": 0.06,
            "sandbox": 0.1,
            "restore": 0.03,
        }

    world.run(story)
