"""What a container's configuration becomes where there is no root, but one user and no cgroups. Pure.

Takes the configuration that oci_spec.py made and leaves out what such a user may not have: limits of
cgroups, a /sys of its own, other users. What would silently be something else is refused.
"""

from __future__ import annotations

from typing import Any

from windlass.node.command import CannotStart

_SYS = {
    "destination": "/sys",
    "type": "bind",
    "source": "/sys",
    "options": ["rbind", "nosuid", "noexec", "nodev", "ro"],
}
"""The host's, as a /sys of its own needs a network of its own."""


def adapt(config: dict[str, Any]) -> dict[str, Any]:
    """Raises CannotStart for containers of other users than root, and for devices."""
    process, linux = config["process"], config["linux"]
    user = process["user"]
    if user["uid"] or user["gid"]:
        raise CannotStart(
            f"user {user['uid']}:{user['gid']} needs a node with root rights; on this one there is only 0:0"
        )
    if linux["devices"]:
        raise CannotStart("devices need a node with root rights")
    kept = {
        name: value for name, value in linux.items() if name not in ("cgroupsPath", "resources", "devices")
    }
    kept["namespaces"] = [found for found in kept["namespaces"] if found["type"] != "cgroup"]
    return {
        **config,
        "process": {**process, "user": {"uid": 0, "gid": 0}},
        "mounts": [_mount(mount) for mount in config["mounts"] if mount["type"] != "cgroup"],
        "linux": kept,
    }


def _mount(mount: dict[str, Any]) -> dict[str, Any]:
    match mount["type"]:
        case "sysfs":
            return _SYS
        case "devpts":  # its group tty does not exist
            return {**mount, "options": [option for option in mount["options"] if option != "gid=5"]}
        case _:
            return mount
