"""Which directory of this machine a repository is; and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.apprunner.builds import repository, runtimes
from windlass.services.apprunner.builds.recipe import Unfit


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/srv/app", "/srv/app"),
        ("/srv//app/./", "/srv/app"),
        ("file:///srv/app", "/srv/app"),
        ("FILE://localhost/srv/my%20app", "/srv/my app"),
    ],
)
def test_directories_of_this_machine(url: str, path: str) -> None:
    assert repository.directory(url) == path


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/shop/web",
        "git@github.com:shop/web.git",
        "ssh://host/srv/app",
        "ext::sh -c touch% /tmp/x",
        "file://host/srv/app",
        "file:///srv/app?x=1",
        "file:///srv/%2e%2e/etc",
        "file://[",
        "srv/app",
        "--upload-pack=touch /tmp/x",
        "",
        "/",
        "/srv/../etc",
        "/srv/a\0b",
        "/srv/a\nb",
        "/srv/\ud800",
        "/" + "x" * 5_000,
    ],
)
def test_what_is_not_read(url: str) -> None:
    with pytest.raises(Unfit):
        repository.directory(url)


def test_hosts_of_code_are_refused_with_what_to_do() -> None:
    with pytest.raises(Unfit, match=r"from this machine only.*Clone 'https://github.com/shop/web'"):
        repository.directory("https://github.com/shop/web")


@pytest.mark.parametrize("name", ["main", "feature/new-cart", "v1.2", "a_b", "release#3"])
def test_branches(name: str) -> None:
    assert repository.branch(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-x",
        "--upload-pack=x",
        "a..b",
        "a b",
        "a~1",
        "a^",
        "a:b",
        "x.lock",
        "a//b",
        "a@{1}",
        "/a",
        "a/",
        "a\n",
    ],
)
def test_no_branches(name: str) -> None:
    with pytest.raises(Unfit):
        repository.branch(name)


@pytest.mark.parametrize(
    ("given", "inside"), [("/", ""), ("", ""), ("web", "web"), ("/services/web/", "services/web")]
)
def test_source_directories(given: str, inside: str) -> None:
    assert repository.inside(given) == inside


@given(st.text(max_size=30))
def test_none_leaves_the_repository(text: str) -> None:
    """Whatever it is: refused, or below the root."""
    try:
        inside = repository.inside(text)
    except Unfit:
        return
    assert not inside.startswith("/") and ".." not in inside.split("/")


@pytest.mark.parametrize(
    ("runtime", "version", "asked"),
    [
        ("python3", "", "python3"),
        ("python3", "3.9.16", "python3.9"),
        ("python311", "", "python3.11"),
        ("python38", "3.8", "python3.8"),
        ("nodejs18", "", "nodejs18.x"),
        ("nodejs16", "16.20.1", "nodejs16.x"),
    ],
)
def test_runtimes(runtime: str, version: str, asked: str) -> None:
    assert runtimes.wanted(runtime, version).asked == asked


@pytest.mark.parametrize(
    "runtime", ["go1", "corretto11", "dotnet6", "php81", "ruby31", "python2", "python", "nodejs", ""]
)
def test_runtimes_that_are_not_there(runtime: str) -> None:
    with pytest.raises(Unfit, match="has no managed runtime"):
        runtimes.wanted(runtime)
    with pytest.raises(Unfit, match="is no version"):
        runtimes.wanted("python3", "3.x; rm -rf /")
