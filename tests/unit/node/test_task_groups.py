"""Groups of tasks and instances, in directories that stand for cgroup file systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.node.cgroups import Hierarchies
from windlass.node.task_groups import TaskGroups
from windlass.node.task_room import Level

INSTANCE = Level("instance-i-1", 1024, 128)
TASK = Level("u1", 512, 64)


def version_1(tmp_path: Path) -> Hierarchies:
    roots = tuple(tmp_path / name for name in ("cpu", "memory", "pids"))
    for root in roots:
        root.mkdir()
    return Hierarchies(1, roots, roots[1], (), cpu=roots[0])


def written(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}


def test_version_1(tmp_path: Path) -> None:
    """A directory in each hierarchy; limits in those of their controllers, once."""
    groups = TaskGroups(version_1(tmp_path), "/w")
    groups.make((INSTANCE, TASK))
    assert groups.group((INSTANCE, TASK)) == "/w/instance-i-1/u1"
    assert (tmp_path / "pids/w/instance-i-1/u1").is_dir()
    before = written(tmp_path)
    assert before["cpu/w/instance-i-1/cpu.cfs_quota_us"] == "100000"
    assert before["cpu/w/instance-i-1/u1/cpu.cfs_quota_us"] == "50000"
    assert before["memory/w/instance-i-1/u1/memory.limit_in_bytes"] == str(64 * 2**20)
    assert "pids/w" not in {str(Path(name).parent) for name in before}
    groups.make((INSTANCE, Level("u1", 1024)))
    assert written(tmp_path) == before


def test_version_2(tmp_path: Path) -> None:
    """Every level hands its controllers on to the next."""
    groups = TaskGroups(Hierarchies(2, (tmp_path,), tmp_path, (), cpu=tmp_path), "/w")
    groups.make((TASK,))
    found = written(tmp_path)
    for place in ("", "w/", "w/u1/"):
        assert found[f"{place}cgroup.subtree_control"] == "+memory +cpu +pids"
    assert (found["w/u1/cpu.max"], found["w/u1/memory.max"]) == ("50000 100000", str(64 * 2**20))


def test_no_cgroups(tmp_path: Path) -> None:
    """Without root there is nothing to make."""
    groups = TaskGroups(Hierarchies(1, (), None, ()), "/w")
    groups.make((INSTANCE, TASK))
    groups.remove(groups.group((INSTANCE, TASK)))
    assert written(tmp_path) == {}


def test_an_instances_group_goes_with_its_last_task(tmp_path: Path) -> None:
    hierarchies = Hierarchies(1, (tmp_path,), None, ())
    groups = TaskGroups(hierarchies, "/w")
    other = Level("u2")
    groups.make((INSTANCE, TASK))
    groups.make((INSTANCE, other))
    groups.remove("/w/instance-i-1/u1")
    assert (tmp_path / "w/instance-i-1/u2").is_dir()
    groups.remove("/w/instance-i-1/u2")
    assert list((tmp_path / "w").iterdir()) == []
    groups.remove("/w")  # of a container that is in no task's group
    assert (tmp_path / "w").is_dir()


def test_a_group_without_limits_is_none(tmp_path: Path) -> None:
    """What cannot be limited is taken away again, so that no other container runs in it."""
    (tmp_path / "cgroup.subtree_control").mkdir()
    groups = TaskGroups(Hierarchies(2, (tmp_path,), tmp_path, (), cpu=tmp_path), "/w")
    for _ in range(2):
        with pytest.raises(IsADirectoryError):
            groups.make((TASK,))
        assert not (tmp_path / "w").exists()
