"""The cgroup hierarchies of this host: which version, where, and what a container's group has seen.

Version 1, version 2, and both at once ("hybrid", systemd's compatibility mode), where the unified hierarchy
has no controllers. crun refuses hybrid hosts; without the unified mount, which an agent takes away in a mount
namespace of its own, such a host looks like version 1 and works.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

PREFIX = "windlass-"
NEEDED = ("memory", "cpu", "pids")
"""Controllers without which limits would silently not hold."""
CPU_SHARES_EACH = 1024
"""What a process with the usual niceness weighs in cgroup version 1."""
CPU_SHARES_MAX = 262_144


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Where cgroups are. In all `roots` a container gets a group; `unified` is a hybrid's, to be hidden."""

    version: int
    roots: tuple[Path, ...]
    memory: Path | None
    missing: tuple[str, ...]
    unified: Path | None = None
    cpu: Path | None = None
    pids: Path | None = None
    freezer: Path | None = None

    @property
    def swap(self) -> bool:
        """Whether swap can be limited."""
        return self.version == 2 or (
            self.memory is not None and (self.memory / "memory.memsw.limit_in_bytes").exists()
        )

    def oom_kills(self, group: str) -> int:
        """How often the kernel killed in that group because its memory was used up."""
        if self.memory is None:
            return 0
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        try:
            text = (self.memory / group.lstrip("/") / name).read_text()
        except OSError:
            return 0
        counts = dict(line.split(maxsplit=1) for line in text.splitlines() if " " in line)
        return int(counts.get("oom_kill", "0"))

    def weigh(self, group: str, containers: int) -> None:
        """Let the group as a whole count for as much CPU as so many ordinary processes.

        In version 1 every process outside of all groups weighs as much as a group does: without this, a
        hundred containers would get what one of them gets. (In version 2 there are none outside.)
        """
        if self.version == 1 and self.cpu is not None:
            shares = min(max(1, containers) * CPU_SHARES_EACH, CPU_SHARES_MAX)
            with suppress(OSError):
                (self.cpu / group.lstrip("/") / "cpu.shares").write_text(str(shares))

    def set_frozen(self, group: str, frozen: bool) -> None:
        """Let nothing in that group run, or let it again. Raises OSError, also without such a hierarchy."""
        if self.freezer is None:
            raise OSError("this host has no freezer among its cgroups")
        path = self.freezer / group.lstrip("/")
        if self.version == 2:
            (path / "cgroup.freeze").write_text("1" if frozen else "0")
        else:
            (path / "freezer.state").write_text("FROZEN" if frozen else "THAWED")

    def kill(self, group: str) -> int:
        """SIGKILL to all in the group and below; returns how many there were."""
        pids = {pid for root in self.roots for pid in _members(root / group.lstrip("/"))}
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if self.version == 1 and self.freezer is not None:  # what is frozen does not even die
            for path, _, _ in os.walk(self.freezer / group.lstrip("/")):
                with suppress(OSError):
                    Path(path, "freezer.state").write_text("THAWED")
        return len(pids)

    def remove(self, group: str, but: Collection[str] = ()) -> None:
        """Remove the empty group and those below it, everywhere. What is busy stays, and these groups do."""
        for root in self.roots:
            kept = {str(root / name.lstrip("/")) for name in but}
            found: list[str] = []
            for path, below, _ in os.walk(root / group.lstrip("/")):
                below[:] = [name for name in below if f"{path}/{name}" not in kept]
                found.append(path)
            for path in reversed(found):
                with suppress(OSError):
                    os.rmdir(path)  # noqa: PTH106

    def remove_empty(self, group: str) -> None:
        """Remove that group where nothing is in it, neither processes nor groups."""
        for root in self.roots:
            with suppress(OSError):
                (root / group.lstrip("/")).rmdir()


def hierarchies(mountinfo: str, controllers_of_unified: str = "") -> Hierarchies:
    """Read /proc/self/mountinfo (proc(5)) and, for version 2, the root's cgroup.controllers."""
    found: dict[Path, set[str]] = {}
    unified: Path | None = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        path = Path(before.split(" ")[4])
        if kind == "cgroup2":
            unified = path
        elif kind == "cgroup":
            found[path] = set(options.split(","))
    if not found and unified is not None:
        there = set(controllers_of_unified.split())
        missing = tuple(c for c in NEEDED if c not in there)
        return Hierarchies(2, (unified,), unified, missing, cpu=unified, pids=unified, freezer=unified)
    there = set().union(*found.values())
    where = {name: path for path, names in found.items() for name in names}
    missing = tuple(c for c in NEEDED if c not in there)
    named = {name: where.get(name) for name in ("cpu", "pids", "freezer")}
    return Hierarchies(1, tuple(sorted(found)), where.get("memory"), missing, unified, **named)


def read_hierarchies() -> Hierarchies:
    """Those of this process's mount namespace."""
    mountinfo = Path("/proc/self/mountinfo").read_text()
    found = hierarchies(mountinfo)
    if found.version == 1:
        return found
    controllers = (found.roots[0] / "cgroup.controllers").read_text()
    return hierarchies(mountinfo, controllers)


def thaw(pid: int, found: Hierarchies) -> None:
    """Let that process run if its group is frozen (version 1): it does not even die before."""
    if found.version == 2 or found.freezer is None:
        return
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers == "freezer" and group.startswith(f"/{PREFIX}"):
                (found.freezer / group.lstrip("/") / "freezer.state").write_text("THAWED")


def parent_group(data: Path) -> str:
    """The cgroup of all containers of that directory's agent; a copied directory has another."""
    stat = data.stat()
    return f"/{PREFIX}{sha256(f'{stat.st_dev}:{stat.st_ino}'.encode()).hexdigest()[:12]}"


def function_group(data: Path) -> str:
    """The cgroup of all function environments of that directory's agent: a neighbour of its containers'."""
    return f"{parent_group(data)}-functions"


def abandoned(hierarchies: Hierarchies, living: Collection[str]) -> list[str]:
    """Agents' groups that are not of these and have nobody in them."""
    names = {f"/{path.name}" for root in hierarchies.roots for path in root.glob(f"{PREFIX}*")}
    return sorted(
        name
        for name in names - set(living)
        if not any(True for root in hierarchies.roots for _ in _members(root / name.lstrip("/")))
    )


def _members(directory: Path) -> Iterator[int]:
    for path, _, _ in os.walk(directory):
        with suppress(OSError):
            yield from map(int, Path(path, "cgroup.procs").read_text().split())
