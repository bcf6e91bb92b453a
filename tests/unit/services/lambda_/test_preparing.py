"""What nodes get ready for ahead of environments: images, which functions wait for, and packages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.lambda_build import PlayedNode, a_lambda, a_zip
from windlass.fleet.function_messages import Prepare, Prepared
from windlass.kernel.faults import Fault, Retry

ASKED: dict[str, Any] = {"PackageType": "Image", "Role": "r", "Code": {"ImageUri": "app:1"}}


class Fetching(PlayedNode):
    """A node that answers what the test says, in that order."""

    def __init__(self, *answers: str | Exception) -> None:
        super().__init__()
        self.answers = list(answers)

    async def prepare(self, node_id: str, question: Prepare) -> Prepared:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        found, _, error = answer.partition("!")
        return Prepared(question.request_id, found, error)


def test_a_function_waits_for_its_image() -> None:
    """Pending until the node has it, over a broken session; its environments run what the tag meant then."""

    async def story() -> None:
        async with a_lambda(Fetching(Retry("broke"), "sha256:ab")) as world:
            params = {**ASKED, "Role": "arn:aws:iam::123456789012:role/r", "FunctionName": "f"}
            made = await world.do("CreateFunction", **params, Publish=False)
            assert (made["State"], made["CodeSha256"]) == ("Pending", "")
            await world.until(lambda store: world.row().state == "Active")
            await world.invoke({})
            function = world.node.units()[0].spec.function
            assert function is not None and function.image is not None
            assert function.image.reference == "app@sha256:ab"
            names = dict(function.environment)
            assert "AWS_EXECUTION_ENV" not in names and names["AWS_LAMBDA_FUNCTION_NAME"] == "f"

    asyncio.run(story())


def test_an_image_that_cannot_be_had() -> None:
    """A new function is Failed with the node's reason; an update fails and the old image serves."""

    async def story() -> None:
        async with a_lambda(Fetching("!no such image", "sha256:ab", "!gone")) as world:
            params = {**ASKED, "Role": "arn:aws:iam::123456789012:role/r"}
            await world.do("CreateFunction", **params, FunctionName="bad")
            await world.until(lambda store: world.row("bad").state == "Failed")
            shown = await world.do("GetFunctionConfiguration", FunctionName="bad")
            assert (shown["StateReasonCode"], shown["StateReason"]) == ("InvalidImage", "no such image")
            await world.do("CreateFunction", **params, FunctionName="f")
            await world.until(lambda store: world.row().state == "Active")
            await world.do("UpdateFunctionCode", FunctionName="f", ImageUri="app:2")
            await world.until(lambda store: world.row().update_status == "Failed")
            assert world.row().served.image.uri == "app:1"
            with pytest.raises(Fault, match="Please provide ImageUri when updating"):
                await world.do("UpdateFunctionCode", FunctionName="f", ZipFile=a_zip())

    asyncio.run(story())


def test_packages_are_prepared() -> None:
    """Nodes hear of the packages as soon as there is a function, once for each code; notices are kept."""

    asked: list[Prepare] = []

    class Noticing(PlayedNode):
        async def prepare(self, node_id: str, question: Prepare) -> Prepared:
            asked.append(question)
            return Prepared(question.request_id, notice="python3.14 is not installed")

    async def story() -> None:
        async with a_lambda(Noticing()) as world:
            await world.function(Runtime="python3.14")
            await world.do("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
            await world.until(lambda store: world.row().update_status == "Successful")
            await world.do("UpdateFunctionCode", FunctionName="f", ZipFile=a_zip("x = 1"))
            await world.until(lambda store: world.row().served.code_sha256 == world.row().wanted.code_sha256)
            told = [(one.runtime, one.packages[0].sha256) for one in asked]
            assert len(told) == 2 and told[1] == ("python3.14", world.row().wanted.code_sha256)
            entries = [
                entry.why for entry in world.plane.journal.newest(100) if entry.what == "another runtime"
            ]
            assert entries == ["python3.14 is not installed"] * 2

    asyncio.run(story())
