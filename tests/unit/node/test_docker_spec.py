"""From a container's specification to what Docker is asked to create."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.messages import ContainerSpec, Device, LogTarget, Mount, Tmpfs, Ulimit
from windlass.node.docker_spec import (
    Home,
    bind,
    create_body,
    host_config,
    instant,
    outcome,
    stamp,
    volumes,
    volumes_expected,
)
from windlass.node.faults import CannotCreate

HOME = Home("host:1:2", "/data/agent")


def body(spec: ContainerSpec, **defaults: str) -> dict[str, Any]:
    return create_body("u1", spec, "busybox:1", defaults, HOME)


@pytest.mark.parametrize(
    ("spec", "has"),
    [
        (ContainerSpec("c"), {"Image": "busybox:1"}),
        (ContainerSpec("c", command=("x",)), {"Cmd": ["x"]}),
        (ContainerSpec("c", entry_point=("y",)), {"Entrypoint": ["y"]}),
        (ContainerSpec("c", user="app:7"), {"User": "app:7"}),
        (ContainerSpec("c", working_directory="/w"), {"WorkingDir": "/w"}),
    ],
)
def test_what_is_said_and_what_is_left_to_the_image(spec: ContainerSpec, has: dict[str, Any]) -> None:
    """Docker takes from the image what is not said, so nothing may be said that was not asked for."""
    found = body(spec)
    said = {"Image", "Env", "Labels", "HostConfig"} | set(has)
    assert found.keys() == said
    assert {key: found[key] for key in has} == has


def test_environment_and_labels() -> None:
    """The definition's variables win over ours; our labels win over the definition's."""
    spec = ContainerSpec(
        "main", environment=(("A", "own"),), labels=(("windlass.unit", "x"), ("team", "red"))
    )
    found = body(spec, A="ours", B="ours")
    assert sorted(found["Env"]) == ["A=own", "B=ours"]
    assert found["Labels"] == {
        "team": "red",
        "windlass.home": "host:1:2",
        "windlass.data": "/data/agent",
        "windlass.unit": "u1",
        "windlass.container": "main",
    }


def test_limits() -> None:
    """Hard memory with no swap but what is asked for; at least 2 shares; limits, sizes, devices, sysctls."""
    spec = ContainerSpec(
        "c",
        memory_mib=64,
        cpu_units=0,
        ulimits=(Ulimit("nofile", 10, -1),),
        shared_memory_mib=8,
        tmpfs=(Tmpfs("/run", 8, ("mode=700",)),),
        sysctls=(("net.core.somaxconn", "7"),),
        devices=(Device("/dev/null", "/dev/x", "r"),),
    )
    found = host_config("u1", spec)
    assert (found["Memory"], found["MemorySwap"], found["CpuShares"]) == (2**26, 2**26, 2)
    assert found["Ulimits"] == [{"Name": "nofile", "Soft": 10, "Hard": -1}]
    assert found["ShmSize"] == 2**23
    assert found["Tmpfs"] == {"/run": "size=8m,mode=700"}
    assert found["Sysctls"] == {"net.core.somaxconn": "7"}
    assert found["Devices"] == [
        {"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}
    ]
    assert host_config("u1", ContainerSpec("c", memory_mib=64, swap_mib=64))["MemorySwap"] == 2**27
    assert host_config("u1", ContainerSpec("c", memory_mib=64, swap_mib=-1))["MemorySwap"] == -1
    assert "Memory" not in host_config("u1", ContainerSpec("c"))


def test_what_keeps_ends_learnable() -> None:
    """Nothing removes a container, or starts it again, but we; output is kept until it was read."""
    found = host_config("u1", ContainerSpec("c", log=LogTarget("1", "r", "g", "s")))
    assert found["AutoRemove"] is False
    assert found["RestartPolicy"] == {"Name": "no"}
    assert found["LogConfig"] == {"Type": "json-file", "Config": {}}
    assert host_config("u1", ContainerSpec("c"))["LogConfig"]["Type"] == "none"


@pytest.mark.parametrize(
    ("mount", "found"),
    [
        (Mount("host", "/srv/x", "/a/b", True), "/srv/x:/a/b:ro"),
        (Mount("task", "data", "/a"), "windlass.u1.data:/a"),
        (Mount("node", "shared", "/a"), "shared:/a"),
    ],
)
def test_mounts(mount: Mount, found: str) -> None:
    assert bind("u1", mount) == found


@pytest.mark.parametrize(
    "mount",
    [
        Mount("host", "/x", "/"),
        Mount("host", "/x", "a"),
        Mount("host", "/x", "/a/../b"),
        Mount("host", "x", "/a"),
        Mount("host", "/x:/etc", "/a"),
        Mount("task", "x", "/a:rw"),
        Mount("other", "efsVolumeConfiguration", "/a"),
    ],
)
def test_mounts_that_cannot_be(mount: Mount) -> None:
    with pytest.raises(CannotCreate):
        body(ContainerSpec("c", mounts=(mount,)))


def test_volumes() -> None:
    """The task's own are made by us; those of the node must be there, unless Docker may make them."""
    mounts = (Mount("task", "b", "/1"), Mount("task", "a", "/2"), Mount("task", "a", "/3"))
    mounts += (Mount("node", "there", "/4", provision=False), Mount("node", "made", "/5"))
    spec = ContainerSpec("c", mounts=mounts)
    assert volumes("u1", spec) == ["windlass.u1.a", "windlass.u1.b"]
    assert volumes_expected(spec) == ["there"]


@given(
    st.text(max_size=5), st.text(max_size=5), st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)))
)
def test_any_text(word: str, path: str, environment: list[tuple[str, str]]) -> None:
    """Whatever a definition says becomes JSON without a NUL, or is refused with ECS's word for it."""
    spec = ContainerSpec(
        "c", command=(word,), environment=tuple(environment), mounts=(Mount("host", f"/{path}", f"/m{path}"),)
    )
    try:
        found = body(spec)
    except CannotCreate as error:
        assert str(error).startswith("CannotCreateContainerError: ")
        return
    assert "\\u0000" not in json.dumps(found)
    source, target = found["HostConfig"]["Binds"][0].split(":")
    assert (source, target) == (f"/{path}", f"/m{path}")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2020-09-13T12:26:40.123456789Z", 1_600_000_000_123_456_789),
        ("2020-09-13T12:26:40.5Z", 1_600_000_000_500_000_000),
        ("2020-09-13T12:26:40Z", 1_600_000_000_000_000_000),
        ("0001-01-01T00:00:00Z", 0),
        ("", 0),
        ("yesterday", 0),
    ],
)
def test_instants(text: str, at: int) -> None:
    assert instant(text) == at


@given(st.integers(0, 2**61))
def test_stamps_keep_every_nanosecond(at: int) -> None:
    """A log is read on from the very line where it was left."""
    whole, _, fraction = stamp(at).partition(".")
    assert int(whole) * 1_000_000_000 + int(fraction) == at


@pytest.mark.parametrize(
    ("status", "runs"),
    [("created", False), ("running", True), ("paused", True), ("exited", False), ("dead", False)],
)
def test_outcomes(status: str, runs: bool) -> None:
    assert outcome({"State": {"Status": status, "ExitCode": 3, "OOMKilled": True}}).runs == runs
    found = outcome({"State": {"ExitCode": 3}, "Config": {"StopSignal": "SIGINT"}})
    assert (found.exit_code, found.stop_signal) == (3, "SIGINT")
