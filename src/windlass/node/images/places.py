"""Where a plane's data directory has the images of its own node, and what there says which are in use."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from windlass.node import user_namespace
from windlass.node.images.store import ImageStore

AGENT = "agent"
"""The embedded agent's directory, below the plane's."""
IN_USE = "image"
"""In each container's bundle: a file with the id of its image."""


def open_store(data: Path) -> ImageStore:
    """The images of the node that is embedded in the plane with that data directory."""
    return store_of_agent(data.absolute() / AGENT)


def open_to_change(data: Path) -> ImageStore:
    """The same, to be changed: as root, or (once a process) as root of a user namespace. Raises OSError."""
    if os.geteuid() != 0:
        user_namespace.enter()
    return open_store(data)


def store_of_agent(agent: Path) -> ImageStore:
    """The images of the agent with that data directory."""
    return ImageStore(agent / "images", partial(_in_use, agent))


def _in_use(agent: Path) -> Iterable[str]:
    """Ids of the images that containers run from, or that Docker is being given: their layers must stay."""
    patterns = (f"oci/units/*/*/{IN_USE}", f"docker/load/*/{IN_USE}")
    return {path.read_text() for pattern in patterns for path in agent.glob(pattern)}
