"""`windlass agent --join URL`: the agent of this machine, for a plane on another one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path


def become_agent(
    data: Path,
    url: str,
    runner: str,
    *,
    activation: str,
    cluster: str,
    name: str,
    authority: Path | None,
    attributes: Sequence[str],
) -> None:
    """Be the agent from here on: what the command line needed does not stay in memory. Does not return."""
    words = ["--data", str(data / "agent"), "--join", url, "--runner", runner]
    given = {"--activation": activation, "--cluster": cluster, "--name": name, "--ca": authority}
    words += [f"{option}={value}" for option, value in given.items() if value]
    words += [f"--attribute={attribute}" for attribute in attributes]
    os.execv(sys.executable, [sys.executable, "-P", "-m", "windlass.node.main", *words])
