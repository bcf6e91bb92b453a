"""The control groups of execution environments: what each may use, and all in it frozen or killed at once.

    /windlass-<agent>-functions/<number>

Version 1 has one such directory in each of the hierarchies memory, cpu, pids and freezer; version 2 one.
Settings as values are `limits`; the rest are a few short writes each, done on the loop. Nothing is kept in
memory: what is left by an agent before this one is found, killed and removed by `sweep`.
Known gap: the kernel's limit is MemorySize and EphemeralStorage together, because /tmp is memory; MemorySize
itself is looked after by sandbox_process.py, a few times a second.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from windlass.node.cgroups import Hierarchies
from windlass.node.task_room import CPU_SHARES_MIN, CPU_UNITS_PER_VCPU, MEBIBYTE, weight

PROCESSES_MAX = 1024
"""Processes and threads of an environment; Lambda quotas, "Processes/threads"."""
MEMORY_MIB_PER_VCPU = 1_769
"""Lambda developer guide, "Configure Lambda function memory"."""


def limits(memory_mib: int, ephemeral_mib: int, version: int) -> list[tuple[str, str, str]]:
    """(controller, file, value) to be written into a new environment's group.

    >>> limits(1769, 512, 1)[:2]
    [('memory', 'memory.limit_in_bytes', '2391801856'), ('cpu', 'cpu.shares', '1024')]
    """
    memory = str((memory_mib + ephemeral_mib) * MEBIBYTE)
    shares = max(CPU_SHARES_MIN, memory_mib * CPU_UNITS_PER_VCPU // MEMORY_MIB_PER_VCPU)
    if version == 1:
        return [
            ("memory", "memory.limit_in_bytes", memory),
            ("cpu", "cpu.shares", str(shares)),
            ("pids", "pids.max", str(PROCESSES_MAX)),
        ]
    return [
        ("memory", "memory.max", memory),
        ("cpu", "cpu.weight", str(weight(shares))),
        ("pids", "pids.max", str(PROCESSES_MAX)),
    ]


class FunctionGroups:
    """Those of one agent, all in its group `top` (cgroups.function_group)."""

    def __init__(self, hierarchies: Hierarchies, top: str) -> None:
        self._hierarchies = hierarchies
        self._top = top.lstrip("/")
        self._living = 0

    def sweep(self) -> None:
        """Kill and remove what an agent before this one left; then have the group that all are in."""
        for name in {path.name for root in self._roots() for path in self._all(root).glob("*/")}:
            group = Group(self, name)
            group.kill()
            group.take_away()
        for root in self._roots():
            self._all(root).mkdir(parents=True, exist_ok=True)
        if self._hierarchies.version == 2:
            [root] = self._roots()
            for path in (root, self._all(root)):
                (path / "cgroup.subtree_control").write_text("+memory +cpu +pids")

    def make(self, name: str) -> Group:
        """A new environment's group, without limits yet. Raises OSError."""
        for root in self._roots():
            (self._all(root) / name).mkdir(exist_ok=True)
        self._weigh(1)
        return Group(self, name)

    def close(self) -> None:
        """Remove the group of all."""
        self._hierarchies.remove_empty(self._top)

    def directory(self, controller: str, name: str) -> Path:
        """The group of that environment in that controller's hierarchy."""
        return self._all(self._root(controller)) / name

    def set_frozen(self, name: str, frozen: bool) -> None:
        """See Hierarchies.set_frozen."""
        self._hierarchies.set_frozen(f"{self._top}/{name}", frozen)

    def directories(self, name: str) -> list[Path]:
        return [self._all(root) / name for root in self._roots()]

    @property
    def version(self) -> int:
        return self._hierarchies.version

    def removed(self) -> None:
        """One of them is gone."""
        self._weigh(-1)

    def _weigh(self, more: int) -> None:
        """All environments together count as much as so many ordinary sessions; see Hierarchies.weigh."""
        self._living += more
        self._hierarchies.weigh(self._top, self._living)

    def _root(self, controller: str) -> Path:
        root: Path | None = getattr(self._hierarchies, controller)
        assert root is not None, "asked for `usable` before"
        return root

    def _roots(self) -> list[Path]:
        names = ("memory", "cpu", "pids", "freezer") if self.version == 1 else ("memory",)
        return list(dict.fromkeys(self._root(name) for name in names))

    def _all(self, root: Path) -> Path:
        return root / self._top


class Group:
    """One environment's."""

    def __init__(self, groups: FunctionGroups, name: str) -> None:
        self._groups = groups
        self._name = name

    def limit(self, memory_mib: int, ephemeral_mib: int) -> None:
        """What all in it may use together. Raises OSError: the limits would not hold."""
        for controller, file, value in limits(memory_mib, ephemeral_mib, self._groups.version):
            _write(self._groups.directory(controller, self._name) / file, value)

    def open(self) -> list[int]:
        """Descriptors: who writes "0" to all of them is in the group, with all that it starts."""
        paths = (path / "cgroup.procs" for path in self._groups.directories(self._name))
        return [os.open(path, os.O_WRONLY | os.O_CLOEXEC) for path in paths]

    def take_in(self, pid: int) -> None:
        """Move that process into it. Raises OSError; may take long, so not on the loop."""
        for path in self._groups.directories(self._name):
            _write(path / "cgroup.procs", str(pid))

    def memory_mib(self) -> int:
        """What all in it use now, rounded up; files in /tmp and the kernel's own do not count."""
        key = "total_rss " if self._groups.version == 1 else "anon "
        try:
            text = (self._groups.directory("memory", self._name) / "memory.stat").read_text()
        except OSError:
            return 0
        _, found, rest = ("\n" + text).partition("\n" + key)
        return -(-int(rest.split(None, 1)[0]) // MEBIBYTE) if found else 0

    def freeze(self) -> None:
        """Let nothing in it run until `thaw`. Raises OSError."""
        self._groups.set_frozen(self._name, True)

    def thaw(self) -> None:
        """Raises OSError."""
        self._groups.set_frozen(self._name, False)

    def kill(self) -> None:
        """SIGKILL to all in it. Frozen meanwhile, nothing in it can fork away from that."""
        with suppress(OSError):
            self.freeze()
            procs = self._groups.directory("freezer", self._name) / "cgroup.procs"
            for pid in map(int, procs.read_text().split()):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        with suppress(OSError):
            self.thaw()

    def is_empty(self) -> bool:
        """Whether no process is in it, not even a dead one that nobody has reaped."""
        path = self._groups.directory("pids", self._name) / "cgroup.procs"
        try:
            return not path.read_text()
        except OSError:
            return True

    def remove(self) -> bool:
        """Whether it is gone now; not while something in it still dies. To be called until it is."""
        gone = self.take_away()
        if gone:
            self._groups.removed()
        return gone

    def take_away(self) -> bool:
        """The same of one that was never counted: another agent made it."""
        for path in self._groups.directories(self._name):
            with suppress(FileNotFoundError):
                try:
                    path.rmdir()
                except OSError:
                    return False
        return True


def usable(hierarchies: Hierarchies) -> bool:
    """Whether all controllers are there that environments need."""
    if hierarchies.missing:
        return False
    return hierarchies.version == 2 or None not in (
        hierarchies.memory,
        hierarchies.cpu,
        hierarchies.pids,
        hierarchies.freezer,
    )


def _write(file: Path, value: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, value.encode())
    finally:
        os.close(descriptor)
