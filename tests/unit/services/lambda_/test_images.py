"""Functions of images: what may be asked, how it is shown, and their images on their way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.lambda_build import PlayedNode, a_lambda, a_zip
from windlass.fleet.function_messages import FetchImage, ImageFetched
from windlass.kernel.faults import Fault, Retry
from windlass.services.lambda_.images import (
    code_location,
    configured,
    created,
    described,
    is_image,
    reconfigured,
    resolved,
    with_code,
)
from windlass.services.lambda_.model import Image

ASKED: dict[str, Any] = {"PackageType": "Image", "Role": "r", "Code": {"ImageUri": "app:1"}}


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"PackageType": "Image", "Code": {}}, "Please provide ImageUri when creating"),
        ({"Code": {"ImageUri": "app"}}, "Please don't provide ImageUri when creating"),
        ({**ASKED, "Runtime": "python3.12"}, "Runtime, Handler and Layers are not for"),
        ({**ASKED, "Layers": ["x"]}, "Runtime, Handler and Layers are not for"),
    ],
)
def test_what_is_refused(params: dict[str, Any], problem: str) -> None:
    with pytest.raises(Fault) as caught:
        is_image(params)
    assert caught.value.message.startswith(problem)


def test_settings_of_an_image() -> None:
    """Each member of ImageConfig replaces the whole value; a new URI has to be resolved again."""
    assert is_image(ASKED) and not is_image({"Code": {"ZipFile": b""}})
    settings = created({**ASKED, "ImageConfig": {"Command": ["a", "b"], "WorkingDirectory": "/w"}})
    assert settings.image == Image("app:1", command=("a", "b"), working_directory="/w")
    changed = reconfigured(settings, {"ImageConfig": {"Command": ["c"], "EntryPoint": ["e"]}})
    assert changed.image == Image("app:1", ("e",), ("c",), "/w")
    assert reconfigured(settings, {}) is settings
    known = configured(Image("app:1", resolved="app@sha256:ab"), {})
    assert known.resolved == "app@sha256:ab"
    updated = with_code(settings, {"ImageUri": "app:2"})
    assert updated is not None and updated.image is not None
    assert (updated.image.uri, updated.image.resolved) == ("app:2", "")


def test_how_images_are_shown() -> None:
    """The digest in hex; what is the image's own is not repeated."""
    image = Image("app:1", command=("a",), resolved="app@sha256:ab")
    assert described(image) == {
        "PackageType": "Image",
        "CodeSha256": "ab",
        "ImageConfigResponse": {"ImageConfig": {"Command": ["a"]}},
    }
    assert described(Image("app:1")) == {"PackageType": "Image", "CodeSha256": ""}
    assert code_location(image)["ResolvedImageUri"] == "app@sha256:ab"
    assert "ResolvedImageUri" not in code_location(Image("app:1"))


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("app", "app@sha256:1"),
        ("app:v1", "app@sha256:1"),
        ("host:5000/a/app", "host:5000/a/app@sha256:1"),
        ("host:5000/a/app:v1", "host:5000/a/app@sha256:1"),
        ("app@sha256:0", "app@sha256:1"),
    ],
)
def test_a_tag_gives_way_to_a_digest(uri: str, expected: str) -> None:
    assert resolved(uri, "sha256:1") == expected


class Fetching(PlayedNode):
    """A node that answers what the test says, in that order."""

    def __init__(self, *answers: str | Exception) -> None:
        super().__init__()
        self.answers = list(answers)

    def connected(self) -> list[str]:
        return ["n"]

    async def fetch_image(self, node_id: str, fetch: FetchImage) -> ImageFetched:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        found, _, error = answer.partition("!")
        return ImageFetched(fetch.request_id, found, error)


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
