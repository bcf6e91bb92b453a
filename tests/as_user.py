"""Runs a program as a user without rights, though Python may lie where only root can go.

`python tests/as_user.py PROGRAM ARGUMENT…`, by root. In a mount namespace of its own, each directory on the
way that is closed to others is covered with an open one in which only what is needed is there. The process
stays the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from windlass.node.mounts import enter_own_namespace

UID = 54_321
"""Nobody's on any ordinary machine."""
PREFIX = (sys.executable, str(Path(__file__).resolve()))
"""Before a command, to run it so."""


def main(words: list[str]) -> None:
    enter_own_namespace()
    repository = Path(__file__).resolve().parents[1]
    for needed in (Path(sys.executable).resolve().parents[1], Path(sys.prefix), repository):
        closed = [parent for parent in needed.parents if not parent.stat().st_mode & 0o001]
        for parent in reversed(closed):
            _open(parent, parent / needed.relative_to(parent).parts[0])
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
    os.environ["HOME"] = "/"
    os.execvp(words[0], words)


def _open(closed: Path, inside: Path) -> None:
    aside = Path(tempfile.mkdtemp())
    _mount("--bind", str(inside), str(aside))
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(closed))
    inside.mkdir()
    _mount("--bind", str(aside), str(inside))
    subprocess.run(["umount", "--lazy", str(aside)], check=True)
    aside.rmdir()


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
