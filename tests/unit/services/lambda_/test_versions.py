"""Invocations of versions and aliases over a played node: whose environment, under which names."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.build import ACCOUNT, REGION
from tests.lambda_build import ROLE, Lambda, a_lambda, a_zip
from windlass.fleet.model import UNITS
from windlass.kernel.faults import Fault
from windlass.services.lambda_.event_model import ASYNC_EVENTS
from windlass.services.lambda_.model import ALIASES, FUNCTIONS, VERSIONS, Alias, Image, Version

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


async def published(world: Lambda, number: int) -> None:
    """A version of what f is now, that is Active."""
    function = world.row()
    version = Version(
        ACCOUNT, REGION, "f", function.uid, number, function.wanted, 0, f"r{number}", state="Pending"
    )
    with world.plane.store.transact() as tx:
        tx[VERSIONS].put(version)
    await world.until(lambda store: store[VERSIONS].require(version.key).state == "Active")


def aliased(world: Lambda, version: str, *weights: tuple[str, float]) -> None:
    with world.plane.store.transact() as tx:
        tx[ALIASES].put(Alias(ACCOUNT, REGION, "f", world.row().uid, "prod", version, "r", weights=weights))


def test_a_version_keeps_its_environments_when_the_function_changes() -> None:
    """Its pool is apart from $LATEST's: an update there ends only those."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await published(world, 1)
            await world.invoke(1)
            await world.invoke(2, Qualifier="1")
            latest, version = (invoke.unit_id for invoke in world.node.invoked)
            assert latest != version
            await world.do("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
            await world.until(lambda store: store[UNITS].get(latest) is None)
            await world.invoke(3, FunctionName="f:1")
            assert world.node.invoked[-1].unit_id == version
            assert world.node.invoked[-1].function_arn == ARN + ":1"

    asyncio.run(story())


def test_names_of_a_version() -> None:
    """In its environment's variables, its log stream, and the answer."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await published(world, 1)
            aliased(world, "1")
            answer = await world.do("Invoke", FunctionName="f", Qualifier="prod", Payload=b"{}")
            assert answer["ExecutedVersion"] == "1"
            [unit] = world.node.units()
            assert unit.spec.function is not None and unit.spec.function.log is not None
            variables = dict(unit.spec.function.environment)
            assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "1"
            assert unit.spec.function.log.stream.endswith(f"/[1]{unit.id}")
            assert world.node.invoked[0].function_arn == ARN + ":prod"

    asyncio.run(story())


def test_weights_choose_on_every_invocation() -> None:
    """Half and half: both versions run, and nothing else does."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await published(world, 1)
            await published(world, 2)
            aliased(world, "1", ("2", 0.5))
            answers = [await world.do("Invoke", FunctionName="f:prod", Payload=b"{}") for _ in range(40)]
            assert {answer["ExecutedVersion"] for answer in answers} == {"1", "2"}

    asyncio.run(story())


@pytest.mark.parametrize("qualifier", ["2", "01", "nowhere", "9" * 60, "٣"])
def test_qualifiers_that_are_not(qualifier: str) -> None:
    """404 with the qualified ARN."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await published(world, 1)
            with pytest.raises(Fault) as caught:
                await world.invoke(Qualifier=qualifier)
            assert caught.value.code == "ResourceNotFoundException"
            assert caught.value.message == f"Function not found: {ARN}:{qualifier}"

    asyncio.run(story())


def test_events_keep_their_qualifier() -> None:
    """An event of an alias runs what the alias leads to when its turn comes."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await published(world, 1)
            aliased(world, "1")
            await world.do("Invoke", FunctionName="f:prod", InvocationType="Event", Payload=b"{}")
            await world.until(lambda store: not len(store[ASYNC_EVENTS]))
            assert [invoke.function_arn for invoke in world.node.invoked] == [ARN + ":prod"]

    asyncio.run(story())


def test_what_ends_environments_of_a_version() -> None:
    """Its own end, or its function's; the other versions' environments stay in the first case."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()
            await published(world, 1)
            await published(world, 2)
            await world.invoke(1, Qualifier="1")
            await world.invoke(2, Qualifier="2")
            first, second = (invoke.unit_id for invoke in world.node.invoked)
            with world.plane.store.transact() as tx:
                tx[VERSIONS].delete((world.row().uid, 1))
            await world.until(lambda store: store[UNITS].get(first) is None)
            assert world.plane.store[UNITS].require(second).desired == "run"
            aliased(world, "2")
            await world.do("DeleteFunction", FunctionName="f")
            await world.until(lambda store: not world.node.units())
            assert not len(world.plane.store[VERSIONS]) and not len(world.plane.store[ALIASES])

    asyncio.run(story())


def test_configuration_by_qualifier() -> None:
    """A version keeps its settings; an alias shows the version with the alias's ARN."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function(Timeout=5)
            await published(world, 1)
            aliased(world, "1", ("2", 0.9))
            await world.do("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
            for qualifier, arn, version, timeout in (
                ("1", ARN + ":1", "1", 5),
                ("prod", ARN + ":prod", "1", 5),
                ("$LATEST", ARN + ":$LATEST", "$LATEST", 9),
            ):
                shown = await world.do("GetFunctionConfiguration", FunctionName="f", Qualifier=qualifier)
                assert (shown["FunctionArn"], shown["Version"], shown["Timeout"]) == (arn, version, timeout)
            whole = await world.do("GetFunction", FunctionName="f:prod")
            assert whole["Configuration"]["Version"] == "1"
            with pytest.raises(Fault, match="permitted on Lambda functions only"):
                await world.do("UpdateFunctionConfiguration", FunctionName="f:1", Timeout=1)

    asyncio.run(story())


def test_code_storage_has_a_limit() -> None:
    """What does not fit is refused: a function, an update, a version; what is deleted makes room."""

    async def story() -> None:
        size = len(a_zip())
        async with a_lambda(code_storage_gb=2.5 * size / 2**30) as world:
            await world.function()
            await world.do("PublishVersion", FunctionName="f")
            for operation, params in (
                ("CreateFunction", {"FunctionName": "g", "Runtime": "python3.11", "Role": ROLE,
                                    "Handler": "a.b", "Code": {"ZipFile": a_zip()}}),
                ("UpdateFunctionCode", {"FunctionName": "f", "ZipFile": a_zip("x = 1\n" * 999)}),
                ("UpdateFunctionCode", {"FunctionName": "f", "ZipFile": a_zip("x = 1"), "Publish": True}),
            ):  # fmt: skip
                with pytest.raises(Fault, match="Code storage limit exceeded") as caught:
                    await world.do(operation, **params)
                assert caught.value.code == "CodeStorageExceededException"
            await world.do("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
            await world.until(lambda store: not world.row().changing)
            with pytest.raises(Fault, match="Code storage limit exceeded"):
                await world.do("PublishVersion", FunctionName="f")
            await world.do("DeleteFunction", FunctionName="f:1")
            assert (await world.do("PublishVersion", FunctionName="f"))["Version"] == "2"

    asyncio.run(story())


def test_publishing_a_function_of_an_image() -> None:
    """CodeSha256 is the image's digest then; another version is published only for another digest."""

    async def story() -> None:
        async with a_lambda() as world:
            await world.function()

            def runs(digest: str) -> None:
                row = world.row()
                image = Image("app:1", resolved=f"app@sha256:{digest}")
                wanted = replace(row.wanted, code_sha256="", code_size=0, image=image)
                with world.plane.store.transact() as tx:
                    tx[FUNCTIONS].put(replace(row, wanted=wanted, served=wanted))

            for number, digest in (("1", "a" * 64), ("1", "a" * 64), ("2", "b" * 64)):
                runs(digest)
                made = await world.do("PublishVersion", FunctionName="f", CodeSha256=digest)
                assert (made["Version"], made["CodeSha256"]) == (number, digest)

    asyncio.run(story())
