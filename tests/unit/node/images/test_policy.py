"""Whether a registry is asked, what it wants to be told, and what the agent's options say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from windlass.kernel.clock import SECOND
from windlass.node.images import challenge, logins, settings
from windlass.node.images.faults import BadImage
from windlass.node.images.policy import choose
from windlass.node.images.reference import DOCKER_HUB, Remote, is_loopback, remote
from windlass.node.images.settings import Behavior


@pytest.mark.parametrize(
    ("behavior", "here", "pinned", "imported", "choice"),
    [
        ("default", False, False, False, "pull"),
        ("default", True, False, False, "pull or cached"),
        ("default", True, True, False, "cached"),
        ("default", True, False, True, "cached"),
        ("always", True, False, False, "pull"),
        ("always", True, True, False, "cached"),
        ("always", True, False, True, "cached"),
        ("once", True, False, False, "cached"),
        ("once", False, False, False, "pull"),
        ("prefer-cached", True, False, False, "cached"),
        ("prefer-cached", False, True, False, "pull"),
    ],
)
def test_when_a_registry_is_asked(
    behavior: Behavior, here: bool, pinned: bool, imported: bool, choice: str
) -> None:
    assert choose(behavior, here=here, pinned=pinned, imported=imported) == choice


@pytest.mark.parametrize(
    ("reference", "where"),
    [
        ("python:3", Remote(DOCKER_HUB, "library/python", "3")),
        ("docker.io/python", Remote(DOCKER_HUB, "library/python", "latest")),
        ("team/app:1", Remote(DOCKER_HUB, "team/app", "1")),
        ("localhost/app:1", Remote("localhost", "app", "1")),
        ("example.com:5000/a/b", Remote("example.com:5000", "a/b", "latest")),
        (f"ghcr.io/a/b@sha256:{'a' * 64}", Remote("ghcr.io", "a/b", f"sha256:{'a' * 64}")),
    ],
)
def test_who_is_asked(reference: str, where: Remote) -> None:
    assert remote(reference) == where


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["example.com", "localhost.example.com", "127.0.0.1.example.com:80", "10.0.0.1"]
)
def test_not_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("header", "scheme", "members"),
    [
        ('Bearer realm="https://a/t",service="b"', "bearer", {"realm": "https://a/t", "service": "b"}),
        ('Basic realm="a, b=\\"c\\""', "basic", {"realm": 'a, b="c"'}),
        ('Basic realm="x", Bearer realm="y",service=z', "bearer", {"realm": "y", "service": "z"}),
        ("BASIC", "basic", {}),
    ],
)
def test_challenges(header: str, scheme: str, members: dict[str, str]) -> None:
    found = challenge.choose([header])
    assert found is not None
    assert (found.scheme, dict(found.members)) == (scheme, members)


@pytest.mark.parametrize("header", ["", "Negotiate", "===", '"', "Digest a=b"])
def test_challenges_that_nobody_answers(header: str) -> None:
    assert challenge.choose([header]) is None


def test_logins(tmp_path: Path) -> None:
    """A file as Docker writes it, with its own name for its own registry; never shown in a log."""
    file = tmp_path / "config.json"
    auths = {
        "https://index.docker.io/v1/": {"auth": "bWU6c2U6Y3JldA=="},
        "example.com": {"username": "u", "password": "hidden"},
        "helped.example.com": {},
    }
    file.write_text(json.dumps({"auths": auths, "credsStore": "x"}))
    found = logins.read(file)
    assert set(found) == {DOCKER_HUB, "example.com"}
    assert (found[DOCKER_HUB].user, found[DOCKER_HUB].password) == ("me", "se:cret")
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"auths":{"a":{"auth":"%"}}}', '{"auths":{"a":{"auth":"/w=="}}}']
)
def test_no_logins(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(BadImage, match="no registry authentication file"):
        logins.read(tmp_path / "config.json")


def test_settings() -> None:
    """The ECS agent's names, its defaults, and its floor under the interval."""
    assert settings.read({}) == settings.ImageSettings()
    found = settings.read(
        {
            "ECS_IMAGE_PULL_BEHAVIOR": "once",
            "ECS_IMAGE_CLEANUP_INTERVAL": "1h30m",
            "ECS_IMAGE_MINIMUM_CLEANUP_AGE": "90s",
            "ECS_NUM_IMAGES_DELETE_PER_CYCLE": "2",
            "WINDLASS_INSECURE_REGISTRIES": "a:1, b,",
            "WINDLASS_IMAGE_BUDGET_MIB": "3",
        }
    )
    assert (found.behavior, found.cleanup_interval, found.minimum_age) == ("once", 5400 * SECOND, 90 * SECOND)
    assert (found.deletes_per_cycle, found.insecure, found.budget) == (2, {"a:1", "b"}, 3 * 2**20)
    assert settings.read({"ECS_IMAGE_CLEANUP_INTERVAL": "1m"}).cleanup_interval == 1800 * SECOND
    assert not settings.read({"ECS_DISABLE_IMAGE_CLEANUP": "true"}).cleanup
    assert not settings.read({"ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached"}).cleanup


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ECS_IMAGE_PULL_BEHAVIOR", "never"),
        ("ECS_IMAGE_MINIMUM_CLEANUP_AGE", "soon"),
        ("ECS_NUM_IMAGES_DELETE_PER_CYCLE", "0"),
        ("WINDLASS_IMAGE_BUDGET_MIB", "-1"),
    ],
)
def test_settings_that_cannot_be(name: str, value: str) -> None:
    with pytest.raises(settings.BadSetting, match=name):
        settings.read({name: value})
