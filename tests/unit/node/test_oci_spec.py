"""From a container's specification and its image to config.json."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.messages import ContainerSpec, Mount, Tmpfs, Ulimit
from windlass.node.command import CannotStart
from windlass.node.images.config import ImageConfig, parse
from windlass.node.images.faults import BadImage
from windlass.node.oci_capabilities import ALL, DEFAULT, granted
from windlass.node.oci_spec import (
    Limits,
    Places,
    arguments,
    environment,
    mounts,
    resources,
    runtime_config,
    working_directory,
)
from windlass.node.oci_users import User, look_up

ROOT = User(0, 0, (), "/root")
PLACES = Places("/b/rootfs", "/w/c", {"data": "/units/u/volumes/data"}, {"/etc/hosts": "/etc/hosts"})
IMAGE = ImageConfig(entry_point=("e",), command=("c",))
PASSWD = "root:x:0:0:root:/root:/bin/sh\nbroken\napp:x:7:8::/srv:/bin/sh\n9:x:20:21::/nine:/bin/sh\n"
GROUP = "root:x:0:\nwheel:x:10:root,app\nstaff:x:50:app\n"


def config(spec: ContainerSpec, image: ImageConfig = IMAGE, user: User = ROOT) -> dict[str, Any]:
    return runtime_config("u", spec, image, user, {}, PLACES, Limits())


@pytest.mark.parametrize(
    ("entry_point", "command", "image", "words"),
    [
        ((), (), IMAGE, ("e", "c")),
        ((), ("x",), IMAGE, ("e", "x")),
        (("y",), (), IMAGE, ("y",)),
        (("y",), ("x",), IMAGE, ("y", "x")),
        ((), (), ImageConfig(command=("c", "d")), ("c", "d")),
        ((), ("x",), ImageConfig(), ("x",)),
    ],
)
def test_entry_point_and_command(
    entry_point: tuple[str, ...], command: tuple[str, ...], image: ImageConfig, words: tuple[str, ...]
) -> None:
    """As `docker run --entrypoint` combines them."""
    assert arguments(ContainerSpec("c", entry_point=entry_point, command=command), image) == words


def test_no_command() -> None:
    with pytest.raises(CannotStart, match="no command specified"):
        arguments(ContainerSpec("c"), ImageConfig())
    with pytest.raises(CannotStart, match="NUL"):
        arguments(ContainerSpec("c", command=("a\0b",)), ImageConfig())


def test_environment() -> None:
    """The definition wins over us, we over the image; the marks stand in front."""
    image = ImageConfig(environment=(("A", "image"), ("B", "image"), ("C", "image"), ("PATH", "/image")))
    spec = ContainerSpec("main", environment=(("A", "own"),))
    found = environment("u1", spec, image, User(7, 8, (), "/srv"), {"A": "ours", "B": "ours"})
    assert found[:2] == ["WINDLASS_UNIT_ID=u1", "WINDLASS_CONTAINER=main"]
    assert sorted(found[2:]) == ["A=own", "B=ours", "C=image", "HOME=/srv", "PATH=/image"]


@pytest.mark.parametrize(
    ("own", "image", "found"),
    [("", "", "/"), ("", "/srv", "/srv"), ("/a", "/srv", "/a"), ("", "app", "/app")],
)
def test_working_directory(own: str, image: str, found: str) -> None:
    spec = ContainerSpec("c", working_directory=own)
    assert working_directory(spec, ImageConfig(working_directory=image)) == found


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ("", User(0, 0, (10,), "/root")),
        ("app", User(7, 8, (10, 50), "/srv")),
        ("7", User(7, 8, (10, 50), "/srv")),
        ("app:staff", User(7, 50, (), "/srv")),
        ("app:99", User(7, 99, (), "/srv")),
        ("1234", User(1234, 0, (), "/")),
        ("1234:5678", User(1234, 5678, (), "/")),
    ],
)
def test_users(user: str, found: User) -> None:
    """By the image's own files; numbers need not be there."""
    assert look_up(user, PASSWD, GROUP) == found


@pytest.mark.parametrize(
    ("user", "says"),
    [
        ("nobody", "find user nobody"),
        ("app:none", "find group none"),
        ("9999999999", "find user"),
        ("²", "find user"),
    ],
)
def test_unknown_users(user: str, says: str) -> None:
    with pytest.raises(CannotStart, match=says):
        look_up(user, PASSWD, GROUP)


@given(st.text("0129²a:\n", max_size=12), st.text("0129²a:\n\0"), st.text("0129²a,:\n"))
def test_any_user_in_any_file(user: str, passwd: str, group: str) -> None:
    """Images are written by others: whatever stands there, there is an id or a reason."""
    try:
        found = look_up(user, passwd, group)
    except CannotStart:
        return
    assert found.uid >= 0


@pytest.mark.parametrize(
    ("add", "drop", "has"),
    [
        ((), (), DEFAULT),
        (("SYS_PTRACE",), (), DEFAULT | {"CAP_SYS_PTRACE"}),
        ((), ("NET_RAW",), DEFAULT - {"CAP_NET_RAW"}),
        (("CHOWN",), ("ALL",), frozenset({"CAP_CHOWN"})),
        (("ALL",), ("SYS_ADMIN",), ALL - {"CAP_SYS_ADMIN"}),
    ],
)
def test_capabilities(add: tuple[str, ...], drop: tuple[str, ...], has: frozenset[str]) -> None:
    assert granted(add, drop) == has


def test_only_root_has_capabilities() -> None:
    """Another user has them in reach (set-id programs), not in hand."""
    held = config(ContainerSpec("c"), user=User(7, 8, (9,), "/"))["process"]
    assert (held["capabilities"]["effective"], held["user"]["additionalGids"]) == ([], [9])
    assert held["capabilities"]["bounding"] == sorted(DEFAULT)
    with pytest.raises(CannotStart, match="invalid capability: CAP_FLY"):
        granted(("FLY",), ())


def test_limits() -> None:
    """Hard memory with its swap, CPU shares of at least 2, ulimits; -1 is no limit."""
    spec = ContainerSpec("c", memory_mib=64, cpu_units=256, ulimits=(Ulimit("nofile", 10, -1),))
    found = resources(spec, Limits())
    assert found["memory"] == {"limit": 2**26, "swap": 2**26}
    assert found["cpu"] == {"shares": 256}
    assert resources(spec, Limits(swap=False))["memory"] == {"limit": 2**26}
    assert resources(ContainerSpec("c"), Limits())["cpu"] == {"shares": 2}
    assert config(spec)["process"]["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 2**64 - 1}]


def test_mounts() -> None:
    """Volumes take the place of ours at the same target, and none hides another."""
    spec = ContainerSpec(
        "c",
        mounts=(
            Mount("host", "/srv/x", "/a/b", True),
            Mount("task", "data", "/a"),
            Mount("host", "/my/hosts", "/etc/hosts"),
        ),
        tmpfs=(Tmpfs("/run", 8, ("mode=700",)),),
    )
    found = {mount["destination"]: mount for mount in mounts(spec, PLACES, Limits())}
    order = list(found)
    assert order.index("/a") < order.index("/a/b")
    assert found["/a"]["source"] == "/units/u/volumes/data"
    assert "ro" in found["/a/b"]["options"]
    assert found["/etc/hosts"]["source"] == "/my/hosts"
    assert "size=8m" in found["/run"]["options"]
    assert "size=65536k" in found["/dev/shm"]["options"]


@pytest.mark.parametrize(
    "mount",
    [
        Mount("host", "/x", "/"),
        Mount("host", "/x", "a"),
        Mount("host", "/x", "/a/../b"),
        Mount("host", "x", "/a"),
        Mount("other", "efsVolumeConfiguration", "/a"),
    ],
)
def test_mounts_that_cannot_be(mount: Mount) -> None:
    with pytest.raises(CannotStart):
        mounts(ContainerSpec("c", mounts=(mount,)), PLACES, Limits())


def test_the_whole() -> None:
    """What guards the host is there: namespaces, masked paths, no devices, system calls kept away."""
    found = config(ContainerSpec("c", read_only_root=True))
    json.dumps(found)
    assert found["root"] == {"path": "/b/rootfs", "readonly": True}
    assert {n["type"] for n in found["linux"]["namespaces"]} == {"pid", "ipc", "uts", "mount", "cgroup"}
    assert "/proc/kcore" in found["linux"]["maskedPaths"]
    assert found["linux"]["resources"]["devices"] == [{"allow": False, "access": "rwm"}]
    names = {name for rule in found["linux"]["seccomp"]["syscalls"] for name in rule["names"]}
    assert {"mount", "unshare", "clone", "clone3", "keyctl", "bpf", "init_module"} <= names
    more = config(ContainerSpec("c", capabilities_add=("SYS_ADMIN",)))["linux"]["seccomp"]["syscalls"]
    assert not {"mount", "clone3"} & {name for rule in more for name in rule["names"]}


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b'{"config": 3}', b'{"os": "windows"}', b'{"rootfs": {"diff_ids": ["../x"]}}',
        b'{"rootfs": {"diff_ids": ["sha256:ABC"]}}', b'{"config": {"Env": [1]}}',
    ],
)  # fmt: skip
def test_bad_image_configurations(raw: bytes) -> None:
    with pytest.raises(BadImage):
        parse(raw)


def test_old_image_configurations() -> None:
    """Nulls, and a command that is one string."""
    found = parse(b'{"config": {"Cmd": "echo hi", "Entrypoint": null, "Env": null}}')
    assert found.command == ("/bin/sh", "-c", "echo hi")
