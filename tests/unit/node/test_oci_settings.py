"""Init, privileged containers, devices, sysctls and swap: what they become in config.json."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.fleet.messages import ContainerSpec, Device
from windlass.node.command import CannotStart
from windlass.node.images.config import ImageConfig
from windlass.node.oci_capabilities import ALL, DEFAULT, granted, of_mask
from windlass.node.oci_spec import HostDevice, Limits, Places, runtime_config
from windlass.node.oci_users import User

ROOT = User(0, 0, (), "/root")
FUSE = HostDevice(Device("/dev/fuse", "/dev/f", "rw"), "c", 10, 229, 0o666, 0, 5)


def config(spec: ContainerSpec, limits: Limits | None = None, devices: tuple[HostDevice, ...] = ()) -> Any:
    places = Places("/b/rootfs", "/w/c", {}, devices=devices)
    return runtime_config("u", spec, ImageConfig(command=("c",)), ROOT, {}, places, limits or Limits())


def test_init() -> None:
    """The init is the first process, at Docker's place; a node without one says what to install."""
    spec = ContainerSpec("c", command=("sleep", "1"), init=True)
    made = config(spec, Limits(init="/usr/bin/tini-static"))
    assert made["process"]["args"] == ["/sbin/docker-init", "--", "sleep", "1"]
    [bind] = [m for m in made["mounts"] if m["destination"] == "/sbin/docker-init"]
    assert (bind["source"], "ro" in bind["options"]) == ("/usr/bin/tini-static", True)
    with pytest.raises(CannotStart, match="apt-get install tini"):
        config(spec)


def test_privileged() -> None:
    """All capabilities and devices, no seccomp, nothing masked, /sys to be written."""
    made = config(ContainerSpec("c", privileged=True))
    assert made["process"]["capabilities"]["effective"] == sorted(ALL)
    assert not {"seccomp", "maskedPaths", "readonlyPaths"} & set(made["linux"])
    assert made["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert not [m for m in made["mounts"] if "ro" in m["options"]]
    guarded = config(ContainerSpec("c"))["linux"]
    assert {"seccomp", "maskedPaths", "readonlyPaths"} <= set(guarded)


def test_devices() -> None:
    """A device is made in the container and allowed, with the access that it has in the definition."""
    made = config(ContainerSpec("c"), devices=(FUSE,))["linux"]
    assert made["devices"] == [
        {"path": "/dev/f", "type": "c", "major": 10, "minor": 229, "fileMode": 0o666, "uid": 0, "gid": 5}
    ]
    assert made["resources"]["devices"] == [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"},
    ]


@pytest.mark.parametrize("name", ["net.core.somaxconn", "kernel.panic", "vm.swappiness", "fs.file-max"])
def test_sysctls_of_the_node(name: str) -> None:
    """Only what a container has for itself can be set; the rest would be the node's."""
    assert config(ContainerSpec("c", sysctls=(("fs.mqueue.msg_max", "5"),)))["linux"]["sysctl"] == {
        "fs.mqueue.msg_max": "5"
    }
    with pytest.raises(CannotStart, match=name):
        config(ContainerSpec("c", sysctls=((name, "1"),)))


@pytest.mark.parametrize(
    ("swap_mib", "swap", "memory"),
    [
        (0, True, {"limit": 2**20, "swap": 2**20}),
        (3, True, {"limit": 2**20, "swap": 4 * 2**20}),
        (-1, True, {"limit": 2**20, "swap": -1}),
        (3, False, {"limit": 2**20}),
    ],
)
def test_swap(swap_mib: int, swap: bool, memory: dict[str, int]) -> None:
    """maxSwap comes on top of memory, where the host accounts swap."""
    made = config(ContainerSpec("c", memory_mib=1, swap_mib=swap_mib, swappiness=7), Limits(swap=swap))
    assert made["linux"]["resources"]["memory"] == {**memory, "swappiness": 7}


def test_a_node_that_lacks_capabilities() -> None:
    """ALL is what the node has; one that it lacks cannot be had by name."""
    has = of_mask("Name:\tx\nCapBnd:\t000001fffeffffff\n")
    assert has == ALL - {"CAP_SYS_RESOURCE"}
    assert granted(("ALL",), (), has) == has
    with pytest.raises(CannotStart, match="lacks the capability CAP_SYS_RESOURCE"):
        granted(("SYS_RESOURCE",), (), has)
    assert granted((), (), of_mask("CapBnd:\t0000000000000001\n")) == {"CAP_CHOWN"}
    assert of_mask("") == ALL
    assert DEFAULT < ALL
