"""Health check commands inside of containers, by the OCI runtime's `exec`.

The command has its container's user, environment, directory, capabilities and limits: they are read from
config.json. The runtime waits for the command and ends with its exit code. It is never killed itself: what it
started would stay behind as a zombie of the container's pid namespace, which then could not end.
Knows bundles; what results mean is health.py's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from windlass.node import proc
from windlass.node.command import CannotStart
from windlass.node.oci_bundle import Bundle

LOOK_S = 0.05
"""Seconds until it is looked again for the command of a runtime that has not started it yet."""


def launch(
    runtime: Sequence[str], state: Path, bundle: Bundle, command: Sequence[str]
) -> subprocess.Popen[bytes]:
    """Run the command in the container. Raises CannotStart, OSError, ValueError."""
    if any("\0" in word for word in command):
        raise CannotStart("a NUL character in the health check")
    config = msgspec.json.decode((bundle.directory / "config.json").read_bytes())
    file = bundle.directory / "check.json"
    file.write_bytes(msgspec.json.encode({**config["process"], "args": list(command)}))
    return subprocess.Popen(
        [*runtime, "--root", str(state), "exec", "--process", str(file), bundle.id],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.defpath},
        start_new_session=True,
    )


def kill(loop: asyncio.AbstractEventLoop, pid: int) -> None:
    """Kill the command that the runtime of that pid waits for, as soon as there is one."""
    for child in proc.children_of(pid):
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    runtime = proc.stat(pid)
    if runtime is not None and runtime.parent == os.getpid() and runtime.state != "Z":
        loop.call_later(LOOK_S, kill, loop, pid)
