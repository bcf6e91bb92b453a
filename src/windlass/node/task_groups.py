"""The control groups of an agent's tasks and instances: made before their containers, and taken away.

    /windlass-<agent>/<unit>/<container>                   the container's is the OCI runtime's to make
    /windlass-<agent>/instance-<machine>/<unit>/<container>

Called in threads beside the loop. Keeps nothing in memory: what is there is what counts, so that it goes on
where an agent before this one was. What the limits are is task_room.py's. Without root there are no
hierarchies, and nothing is done.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Sequence
from pathlib import Path

from windlass.node.cgroups import NEEDED, Hierarchies
from windlass.node.task_room import Level, Setting, settings

_ENABLED = " ".join(f"+{controller}" for controller in NEEDED)


class TaskGroups:
    """Those of one agent, all inside of its group `top`."""

    def __init__(self, hierarchies: Hierarchies, top: str) -> None:
        self._hierarchies = hierarchies
        self._top = top
        self._lock = threading.Lock()
        """An instance's group must not be taken away between its making and that of a task in it."""

    def group(self, levels: Sequence[Level]) -> str:
        """The innermost group's name: where containers go."""
        return "/".join((self._top, *(level.name for level in levels)))

    def make(self, levels: Sequence[Level]) -> None:
        """Have these groups, each in the one before. Those that are there stay as they are.

        Raises OSError: the limits would not hold.
        """
        with self._lock:
            self._make(self._top, ())
            path = self._top
            for level in levels:
                path = f"{path}/{level.name}"
                self._make(path, settings(level, self._hierarchies.version, self._hierarchies.swap))

    def remove(self, group: str) -> None:
        """Take away a task's group, and its instance's if it was the last one there."""
        if not group.startswith(f"{self._top}/"):
            return
        self._hierarchies.remove(group)
        outer = group.rpartition("/")[0]
        if outer != self._top:
            with self._lock:
                self._hierarchies.remove_empty(outer)

    def _make(self, path: str, limits: Sequence[Setting]) -> None:
        made = [root for root in self._hierarchies.roots if _make_directory(root / path.lstrip("/"))]
        try:
            if self._hierarchies.version == 2 and made:
                self._let_divide(path)
            for limit in limits:
                root = getattr(self._hierarchies, limit.controller)
                if root in made:
                    _write(root / path.lstrip("/") / limit.file, limit.value)
        except OSError:
            self._hierarchies.remove_empty(path)  # the next container shall not run without limits
            raise

    def _let_divide(self, path: str) -> None:
        """Version 2: controllers are handed on to groups below, one level after the other."""
        [root] = self._hierarchies.roots
        for directory in ("", path) if path == self._top else (path,):
            (root / directory.lstrip("/") / "cgroup.subtree_control").write_text(_ENABLED)


def _make_directory(path: Path) -> bool:
    """Whether it was not there before."""
    try:
        path.mkdir(mode=0o755)
    except FileExistsError:
        return False
    return True


def _write(file: Path, value: str) -> None:
    """A quota that is refused is beyond that of a group around the agent itself, which holds anyway."""
    try:
        file.write_text(value)
    except OSError as error:
        if error.errno != errno.EINVAL or file.name != "cpu.cfs_quota_us":
            raise
