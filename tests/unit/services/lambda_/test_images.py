"""Functions of images: what may be asked, and how it is shown."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.kernel.faults import Fault
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
