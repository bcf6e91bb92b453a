"""Which cgroup hierarchies a host has, by what its mount table says."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.node.cgroups import Hierarchies, hierarchies

V1 = """\
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
"""
UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
V2 = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n"


def test_version_1() -> None:
    found = hierarchies(V1)
    assert (found.version, len(found.roots), found.missing, found.unified) == (1, 3, (), None)
    assert (found.memory, found.cpu) == (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup/cpu,cpuacct"))


def test_hybrid() -> None:
    """The unified mount beside version 1 has to be hidden from the runtime."""
    found = hierarchies(V1 + UNIFIED)
    assert (found.version, found.unified) == (1, Path("/sys/fs/cgroup/unified"))


def test_version_2() -> None:
    found = hierarchies(V2, "cpuset cpu io memory pids")
    assert (found.version, found.roots, found.missing) == (2, (Path("/sys/fs/cgroup"),), ())
    assert found.memory == found.cpu == found.roots[0]
    assert hierarchies(V2, "cpu io").missing == ("memory", "pids")


def test_nothing() -> None:
    assert hierarchies("").missing == ("memory", "cpu", "pids")


def test_oom_kills(tmp_path: Path) -> None:
    """Both versions count them, under different names."""
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    (tmp_path / "g" / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    for version, count in ((1, 2), (2, 1)):
        found = Hierarchies(version, (tmp_path,), tmp_path, ())
        assert (found.oom_kills("/g"), found.oom_kills("/gone")) == (count, 0)


def test_what_is_kept_is_not_removed(tmp_path: Path) -> None:
    """Neither a container's group that the next agent asks about, nor what is in it or around it."""
    for name in ("w/u1/c1/inner", "w/u1/c2", "w/instance-i/u2/c1", "w/instance-j/u3"):
        (tmp_path / name).mkdir(parents=True)
    found = Hierarchies(1, (tmp_path,), tmp_path, ())
    found.remove("/w", but=("/w/u1/c1", "/w/u9/c1"))
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"w", "w/u1", "w/u1/c1", "w/u1/c1/inner"}
    found.remove_empty("/w/u1")
    assert (tmp_path / "w/u1").is_dir()
    found.remove("/w")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("version", "file", "frozen", "thawed"),
    [(1, "freezer.state", "FROZEN", "THAWED"), (2, "cgroup.freeze", "1", "0")],
)
def test_freezing(tmp_path: Path, version: int, file: str, frozen: str, thawed: str) -> None:
    """A group by its name; killing what may be frozen lets it die (version 1)."""
    found = Hierarchies(version, (tmp_path,), tmp_path, (), freezer=tmp_path)
    (tmp_path / "g" / "inner").mkdir(parents=True)
    found.set_frozen("/g/inner", True)
    state = tmp_path / "g" / "inner" / file
    assert state.read_text() == frozen
    found.set_frozen("/g/inner", False)
    assert state.read_text() == thawed
    found.set_frozen("/g/inner", True)
    assert found.kill("/g") == 0
    assert state.read_text() == (thawed if version == 1 else frozen)
    with pytest.raises(OSError, match="no freezer"):
        Hierarchies(version, (), None, ()).set_frozen("/g", True)
