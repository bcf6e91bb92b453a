"""Processes that a plane starts and that live on without it: agents and proxies.

No shell, no polling: such a process says that it is up through a pipe. It has a session of its own, so that
neither the end of the plane nor a Ctrl-C at its terminal reaches it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

START_WITHIN_S = 30.0
READY = b"ready\n"
"""What it writes to the descriptor that its option --ready-fd names."""


@dataclass(slots=True)
class Starting:
    """A process that was started and has not said yet that it is up."""

    popen: subprocess.Popen[bytes]
    ready: int
    """Descriptor on which it will say so."""
    taken: bool = False
    """Somebody waits for it; until then whoever began it has to end it."""

    def abandon(self) -> None:
        """End it: nobody came for it."""
        os.close(self.ready)
        self.popen.kill()
        self.popen.wait()

    async def up(self) -> int | None:
        """Its pid, when it is up; None: it ended, or said nothing for too long, and is no more."""
        self.taken = True
        said = b""
        try:
            said = await _read(self.ready)
        finally:
            if said != READY:
                self.popen.kill()
                self.popen.wait()
        if said != READY:
            return None
        self.popen.returncode = 0  # it is not ours to wait for: whoever watches it reaps it
        return self.popen.pid


def begin(module: str, words: Sequence[str], output: Path) -> Starting:
    """Start `python -P -m module words… --ready-fd N`. What it prints is appended to `output`. Needs no loop.

    -P: modules are not looked for in the working directory, where a user's own `h2.py` may be.
    """
    ready, told = os.pipe()
    try:
        with output.open("ab") as log:
            popen = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *words, "--ready-fd", str(told)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[told],
            )
    except BaseException:
        os.close(ready)
        raise
    finally:
        os.close(told)
    return Starting(popen, ready)


def say_ready(descriptor: int) -> None:
    """What such a process calls when it is up; -1: nobody waits for it."""
    if descriptor >= 0:
        with suppress(OSError):
            os.write(descriptor, READY)
        os.close(descriptor)


async def _read(descriptor: int) -> bytes:
    """What the process says, at most START_WITHIN_S later; empty when it ended or said nothing."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        async with asyncio.timeout(START_WITHIN_S):
            await readable.wait()
        return os.read(descriptor, 64)
    except TimeoutError:
        return b""
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
