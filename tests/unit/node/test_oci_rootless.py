"""What a container's configuration becomes without root."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.fleet.messages import ContainerSpec
from windlass.node.command import CannotStart
from windlass.node.images.config import ImageConfig
from windlass.node.oci_rootless import adapt
from windlass.node.oci_spec import Limits, Places, runtime_config
from windlass.node.oci_users import User

PLACES = Places("/root", "/group", {})


def config(user: User) -> dict[str, Any]:
    spec = ContainerSpec("c", command=("true",), memory_mib=64, cpu_units=10)
    return runtime_config("u", spec, ImageConfig(), user, {}, PLACES, Limits(rootless=True))


def test_what_is_left_out() -> None:
    """Everything of cgroups, other groups, and what another network would be needed for; nothing else."""
    before = config(User(0, 0, (4, 5), "/root"))
    after = adapt(before)
    assert set(before["linux"]) - set(after["linux"]) == {"cgroupsPath", "resources", "devices"}
    assert [found["type"] for found in after["linux"]["namespaces"]] == ["pid", "ipc", "uts", "mount"]
    assert after["process"] == {**before["process"], "user": {"uid": 0, "gid": 0}}
    mounts = {mount["destination"]: mount for mount in after["mounts"]}
    assert "/sys/fs/cgroup" not in mounts
    assert (mounts["/sys"]["type"], "ro" in mounts["/sys"]["options"]) == ("bind", True)
    assert "gid=5" not in mounts["/dev/pts"]["options"]
    assert after["linux"]["seccomp"] == before["linux"]["seccomp"]


@pytest.mark.parametrize("user", [User(1, 0, (), "/"), User(0, 1, (), "/")])
def test_other_users(user: User) -> None:
    with pytest.raises(CannotStart, match="needs a node with root rights"):
        adapt(config(user))
