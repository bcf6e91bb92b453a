"""Starts the embedded agent while the plane still imports its own modules: both take a third of a second.

Part of the composition root; imports little, or there would be nothing to gain. What the agent is told to use
(token, socket) is made here, for the plane to find. embedded.py takes over from here.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from windlass.config import Settings, Unusable
from windlass.fleet.frames import SOCKET_PATH_BYTES_MAX
from windlass.kernel import garbage
from windlass.kernel.chance import Chance
from windlass.kernel.detached import Starting
from windlass.node.launch import begin
from windlass.node.tenancy import is_taken

NODE_ID = "embedded"


@contextmanager
def early_agent(settings: Settings) -> Iterator[Starting | None]:
    """An agent that is starting, for a plane with these settings; None: one is there, or none is wanted.

    It ends with the block unless somebody took it over (`Starting.taken`). The block imports the plane.
    """
    garbage.look_seldom()
    try:
        starting = _begin(settings.data, settings.tasks_by) if settings.data and settings.agent else None
    except OSError as error:
        raise Unusable(f"cannot use --data {settings.data}: {error.strerror}") from error
    try:
        yield starting
    finally:
        if starting is not None and not starting.taken:
            starting.abandon()


def _begin(data: Path, runner: str) -> Starting | None:
    data.mkdir(parents=True, exist_ok=True)
    if is_taken(data / "agent"):
        return None
    return begin(
        data / "agent",
        socket=socket_path(data),
        token_file=token_file(data),
        node_id=NODE_ID,
        runner=runner,
    )


def token_file(data: Path) -> Path:
    """The file with the secret that the agent shows; kept, so that one which outlived a plane still fits."""
    path = data / "agent.token"
    if not path.exists() or not path.read_text():
        path.touch(mode=0o600)
        path.write_text(Chance().token())
    return path


def socket_path(data: Path, name: str = "agent.sock", spare: int = 0) -> Path:
    """In the data directory if the kernel takes so long a path, else the same short one each time.

    `spare`: how much longer the paths of others may be that are made of it.
    """
    path = data / name
    if len(os.fsencode(path)) + spare <= SOCKET_PATH_BYTES_MAX:
        return path
    short = Path(tempfile.gettempdir()) / f"windlass-{os.getuid()}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.is_symlink() or short.stat().st_uid != os.getuid():
        raise Unusable(f"{short} belongs to somebody else; use a shorter --data")
    return short / f"{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}{name.removeprefix('agent')}"
