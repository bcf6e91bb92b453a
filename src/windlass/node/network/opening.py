"""Which networks this node can make: own ones for tasks, or only the host's. Linux and root decide."""

from __future__ import annotations

import logging
import os
import platform
from pathlib import Path

from windlass.kernel.spawn import Spawn
from windlass.node import user_namespace
from windlass.node.network import names, namespaces, nft
from windlass.node.network.plain import PlainNetworks
from windlass.node.runner import Networks

SPARES = 8
"""Sandboxes that are made ahead for each subnet in use."""

log = logging.getLogger("windlass.agent")


def open_networks(data: Path, spawn: Spawn, mounts: int, *, bridges: bool, spares: int = SPARES) -> Networks:
    """The networks of an agent in `data`. `mounts` is the host's mount namespace; the rest: TaskNetworks."""
    if why := why_not():
        log.warning("tasks share the host's network, those of mode awsvpc with a loopback address: %s", why)
        return PlainNetworks()
    from windlass.node.network.fabric import Fabric
    from windlass.node.network.networks import TaskNetworks

    return TaskNetworks(spawn, Fabric(tag_of(data), data, mounts, spares), bridges=bridges)


def why_not() -> str:
    """Why this process can make no networks; "" when it can."""
    if platform.system() != "Linux":
        return "this is not Linux"
    if os.geteuid() != 0 or user_namespace.is_alone():
        return "that needs root"
    if not nft.is_there():
        return (
            f"{nft.LIBRARY} is missing: apt-get install libnftables1 (Debian), dnf install nftables (Fedora)"
        )
    try:
        os.close(namespaces.make())
        tables = nft.Nft()
    except OSError as error:
        return f"this kernel makes no network namespaces: {error.strerror or error}"
    try:
        tables.run("list tables")
    except OSError as error:  # root of a user namespace only, or no nf_tables
        return f"this process may not change the host's nftables: {error}"
    finally:
        tables.close()
    return ""


def tag_of(data: Path) -> str:
    """What all names of that agent's networks carry; a copied directory has another."""
    stat = data.stat()
    return names.tag(f"{stat.st_dev}:{stat.st_ino}")
