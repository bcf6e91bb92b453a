"""Control groups of environments: which files say what, in version 1 and 2, on directories of a test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.node.cgroups import Hierarchies
from windlass.node.function_groups import FunctionGroups, limits, usable

V1 = ("memory", "cpu", "pids", "freezer")


def hosts(directory: Path) -> dict[int, Hierarchies]:
    for name in (*V1, "unified"):
        (directory / name).mkdir()
    one = {name: directory / name for name in V1}
    two = directory / "unified"
    (two / "cgroup.subtree_control").touch()
    return {
        1: Hierarchies(1, tuple(one.values()), missing=(), **one),
        2: Hierarchies(2, (two,), missing=(), memory=two, cpu=two, pids=two, freezer=two),
    }


def test_limits_of_both_versions() -> None:
    """MemorySize and /tmp together; CPU by memory, 1,769 MB for a vCPU's weight; 1,024 processes."""
    assert limits(128, 512, 1) == [
        ("memory", "memory.limit_in_bytes", str(640 * 2**20)),
        ("cpu", "cpu.shares", "74"),
        ("pids", "pids.max", "1024"),
    ]
    assert limits(10_240, 10_240, 2)[0] == ("memory", "memory.max", str(20 * 2**30))
    assert 1 <= int(limits(128, 512, 2)[1][2]) <= int(limits(10_240, 512, 2)[1][2]) <= 10_000


@pytest.mark.parametrize(
    ("version", "file", "frozen", "thawed"),
    [(1, "freezer.state", "FROZEN", "THAWED"), (2, "cgroup.freeze", "1", "0")],
)
def test_freezing(tmp_path: Path, version: int, file: str, frozen: str, thawed: str) -> None:
    host = hosts(tmp_path)[version]
    groups = FunctionGroups(host, "/windlass-x-functions")
    _sweep(groups, host)
    group = groups.make("e1")
    assert host.freezer is not None
    state = host.freezer / "windlass-x-functions" / "e1" / file
    state.touch()
    group.freeze()
    assert state.read_text()[: len(frozen)] == frozen
    state.write_text("")
    group.thaw()
    assert state.read_text() == thawed


@pytest.mark.parametrize("version", [1, 2])
def test_a_group_comes_and_goes(tmp_path: Path, version: int) -> None:
    """In every hierarchy; its descriptors are for joining it."""
    host = hosts(tmp_path)[version]
    groups = FunctionGroups(host, "/windlass-x-functions")
    _sweep(groups, host)
    group = groups.make("e1")
    made = groups.directories("e1")
    assert len(made) == (4 if version == 1 else 1) and all(path.is_dir() for path in made)
    for path in made:
        (path / "cgroup.procs").touch()
    descriptors = group.open()
    assert len(descriptors) == len(made) and group.is_empty()
    for descriptor in descriptors:
        os.close(descriptor)
    assert not group.remove(), "something is still in it"
    for path in made:
        (path / "cgroup.procs").unlink()
    assert group.remove() and not any(path.exists() for path in made)


def test_what_another_agent_left_does_not_count(tmp_path: Path) -> None:
    """All environments together weigh as much as there are of them: one, whatever was swept away before."""
    host = hosts(tmp_path)[1]
    assert host.cpu is not None
    for root in host.roots:
        for name in ("e1", "e2", "e3"):
            (root / "windlass-x-functions" / name).mkdir(parents=True, exist_ok=True)
    groups = FunctionGroups(host, "/windlass-x-functions")
    groups.sweep()
    shares = host.cpu / "windlass-x-functions" / "cpu.shares"
    groups.make("e1")
    one = int(shares.read_text())
    groups.make("e2")
    assert int(shares.read_text()) == 2 * one


def test_which_hosts_will_do(tmp_path: Path) -> None:
    one, two = hosts(tmp_path).values()
    assert usable(one) and usable(two)
    assert not usable(Hierarchies(1, one.roots, one.memory, (), cpu=one.cpu, pids=one.pids))
    assert not usable(Hierarchies(2, two.roots, two.memory, ("pids",)))


def _sweep(groups: FunctionGroups, host: Hierarchies) -> None:
    """The kernel makes a group's files; here the test does."""
    if host.version == 2:
        (host.roots[0] / "windlass-x-functions").mkdir()
        (host.roots[0] / "windlass-x-functions" / "cgroup.subtree_control").touch()
    groups.sweep()
