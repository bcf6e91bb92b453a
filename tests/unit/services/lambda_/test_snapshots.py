"""Templates of versions with SnapStart over a played node, in virtual time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.build import NOW
from tests.lambda_build import Lambda, PlayedNode, a_lambda
from tests.unit.services.lambda_.test_events import KeptLog
from windlass.fleet.function_messages import INIT_FAILURE
from windlass.fleet.messages import UnitState
from windlass.fleet.model import UNITS, Unit
from windlass.kernel.clock import HOUR, MINUTE, SECOND, LoopClock
from windlass.kernel.faults import Fault
from windlass.kernel.rows import replace
from windlass.services.lambda_.model import VERSIONS
from windlass.sim.loop import VirtualLoop

Story = Callable[[Lambda], Awaitable[None]]
ON = {"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": "python3.12"}


def play(story: Story, node: PlayedNode | None = None, **options: Any) -> None:
    """In a plane whose clock is the loop's: minutes and hours pass at once."""

    async def run() -> None:
        async with a_lambda(node, clock=LoopClock(loop, NOW), **options) as world:
            await story(world)

    loop = VirtualLoop.make()
    loop.run(run())


async def published(world: Lambda) -> None:
    await world.function(**ON)
    await world.do("PublishVersion", FunctionName="f")
    await world.until(lambda store: state(world) != "Pending")


def state(world: Lambda) -> str:
    return str(world.plane.store[VERSIONS].require((world.row().uid, 1)).state)


def templates(world: Lambda) -> list[str]:
    """Those that are there and are to stay."""
    units = (
        unit for unit in world.node.units() if unit.desired == "run" and unit.state in ("waiting", "running")
    )
    return [unit.id for unit in units if unit.spec.function is not None and unit.spec.function.template]


def other(world: Lambda) -> Unit:
    """The newest environment that is no template."""
    units = (unit for unit in world.node.units() if unit.spec.function is not None)
    return [unit for unit in units if unit.spec.function and not unit.spec.function.template][-1]


def test_environments_of_the_version_are_restored_beside_its_template() -> None:
    """On its node, by its key; those of $LATEST are not."""

    async def story(world: Lambda) -> None:
        await published(world)
        assert state(world) == "Active" and len(templates(world)) == 1
        assert await world.invoke(1, Qualifier="1") == 1
        unit = other(world)
        assert unit.spec.function is not None
        assert (unit.bound_to, unit.spec.function.snapshot) == ("n", f"{world.row().uid}:1")
        assert await world.invoke(1) == 1
        unit = other(world)
        assert unit.spec.function is not None and (unit.bound_to, unit.spec.function.snapshot) == ("", "")
        assert len(templates(world)) == 1

    play(story)


@pytest.mark.parametrize("how", ["lost", "stopped"])
def test_a_template_that_is_gone_is_made_again(how: str) -> None:
    """The version stays Active, and without a template its environments may be anywhere."""

    async def story(world: Lambda) -> None:
        await published(world)
        [first] = templates(world)
        world.node.move(first, how)
        assert state(world) == "Active" and templates(world) == []
        assert await world.invoke(1, Qualifier="1") == 1 and other(world).bound_to == ""
        await world.plane.clock.sleep(2 * SECOND)
        [second] = templates(world)
        assert second != first and state(world) == "Active"

    play(story)


def test_what_cannot_be_initialised_fails_and_is_not_tried_again() -> None:
    async def story(world: Lambda) -> None:
        world.node.starts = False
        await world.function(**ON)
        await world.do("PublishVersion", FunctionName="f")
        await world.plane.clock.sleep(1 * SECOND)
        [unit_id] = templates(world)
        with pytest.raises(Fault, match="Lambda is initializing your function"):
            await world.invoke(1, Qualifier="1")
        with world.plane.store.transact() as tx:
            unit = tx[UNITS].require(unit_id)
            observed = UnitState(unit_id, "stopped", reason=INIT_FAILURE)
            tx[UNITS].put(replace(unit, state="stopped", node_id="n", observed=observed))
        await world.plane.clock.sleep(5 * MINUTE)
        assert state(world) == "Failed" and templates(world) == []

    play(story)


def test_a_template_goes_with_its_version() -> None:
    async def story(world: Lambda) -> None:
        await published(world)
        await world.do("DeleteFunction", FunctionName="f", Qualifier="1")
        await world.plane.clock.sleep(1 * SECOND)
        assert templates(world) == []

    play(story)


def test_an_idle_version_loses_its_snapshot_and_gets_another() -> None:
    """Its invocation is refused until that is there."""

    async def story(world: Lambda) -> None:
        await published(world)
        await world.invoke(1, Qualifier="1")
        await world.plane.clock.sleep(2 * HOUR)
        assert state(world) == "Inactive" and templates(world) == []
        with pytest.raises(Fault) as caught:
            await world.invoke(1, Qualifier="1")
        assert (caught.value.code, caught.value.status) == ("SnapStartNotReadyException", 409)
        await world.until(lambda store: state(world) == "Active")
        assert len(templates(world)) == 1 and await world.invoke(1, Qualifier="1") == 1

    play(story, inactive_after_s=3600)


@pytest.mark.parametrize(("port", "kept"), [(4566, True), (1, False)])
def test_after_a_restart_of_the_plane(port: int, kept: bool) -> None:
    """The template is taken over, unless it knows the plane by another address: then it is replaced."""

    async def run() -> None:
        log, clock = KeptLog(), LoopClock(loop, NOW)
        async with a_lambda(log=log, clock=clock) as world:
            await published(world)
            before = templates(world)
        async with a_lambda(log=log, clock=clock, endpoint=f"http://127.0.0.1:{port}", seed=2) as world:
            await world.plane.clock.sleep(5 * SECOND)
            assert len(templates(world)) == 1 and (templates(world) == before) == kept

    loop = VirtualLoop.make()
    loop.run(run())
