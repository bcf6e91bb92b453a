"""What a host must have for the oci runner; it says in one line what it lacks. Needs root and crun."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.node import oci_host
from windlass.node.cgroups import Hierarchies
from windlass.node.faults import NotCapable

V2 = Path("/sys/fs/cgroup")


def test_a_cgroup_controller_that_is_missing() -> None:
    """Limits would silently not hold: the agent refuses to start, and names all that is missing."""
    groups = Hierarchies(2, (V2,), V2, ("memory", "pids"))
    with pytest.raises(NotCapable, match="needs the cgroup controllers memory, pids"):
        oci_host.check(groups=groups)


def test_no_runtime(tmp_path: Path) -> None:
    """The package to install is named."""
    with pytest.raises(NotCapable, match="needs crun or runc: apt-get install crun"):
        oci_host.check(str(tmp_path))
