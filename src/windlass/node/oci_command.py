"""Runs the OCI runtime's own commands (create, start, delete) and tells how they ended. Decides nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

from windlass.node.oci_host import OciHost
from windlass.node.runner import Watch


class OciCommand:
    """`state` is the runtime's directory, `watch` is Children.watch. Lives on one loop."""

    def __init__(self, host: OciHost, state: Path, watch: Watch) -> None:
        self._words = (*host.command, "--root", str(state))
        self._watch = watch

    def run(self, *words: str, output: int = subprocess.DEVNULL) -> asyncio.Future[int]:
        """Run one; its exit code to be. A container that it creates has that output, too. Raises OSError."""
        ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        popen = subprocess.Popen(
            [*self._words, *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": os.defpath},
            start_new_session=True,
        )
        popen.returncode = 0  # the agent reaps it
        self._watch(popen.pid, lambda code: None if ended.cancelled() else ended.set_result(code))
        return ended
