"""Which program of the machine runs a runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.node.function_interpreters import Runtime, find


def a_command(directory: Path, name: str, *lines: str) -> str:
    path = directory / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one directory of the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["echo /opt/python3.4; echo 3.4.9"], ("/opt/python3.4", "3.4.9")),
        (["echo /opt/python3.5; echo 3.5.0"], None),
        (["echo not installed >&2; exit 127"], None),
        (["echo one; echo two; echo three"], None),
    ],
)
def test_the_exact_python_or_our_own(only: Path, lines: list[str], found: tuple[str, str] | None) -> None:
    """A python3.4 on the PATH that works and is one; a shim that fails or lies is passed over."""
    a_command(only, "python3.4", *lines)
    runtime, own = find("python3.4"), find("python3.5")
    assert (runtime.path, runtime.version) == (found or (own.path, own.version))
    assert bool(runtime.notice) == (found is None)


def test_our_own_version_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Same minor version: no process is started, nothing is to be noted."""
    monkeypatch.setenv("PATH", "")
    own = find("python2.7")
    assert own.notice == f"Windlass: python2.7 is not installed, running under python{own.version}"
    same = find("python" + own.version.rpartition(".")[0])
    assert (same.path, same.notice, same.shown) == (own.path, "", f"python:{own.version}")


def test_the_exact_node_or_the_one_there_is(only: Path) -> None:
    """node20 before node; what is no Node.js at all is passed over; without any the path is empty."""
    assert find("nodejs20.x") == Runtime("nodejs20.x", "nodejs")
    a_command(only, "node", "echo nonsense")
    assert find("nodejs20.x").path == ""
    other = a_command(only, "nodejs", "echo v18.19.1")
    found = find("nodejs20.x")
    assert (found.path, found.version) == (other, "18.19.1")
    assert found.notice == "Windlass: nodejs20.x is not installed, running under nodejs18.19.1"
    exact = a_command(only, "node20", "echo v20.1.2")
    assert find("nodejs20.x") == Runtime("nodejs20.x", "nodejs", exact, "20.1.2")
    assert (find("nodejs20.x").notice, find("nodejs20.x").shown) == ("", "nodejs:20.1.2")


def test_a_custom_runtime_brings_its_own() -> None:
    assert find("provided.al2023") == Runtime("provided.al2023", "provided")
    assert (find("provided.al2023").shown, find("provided.al2").notice) == ("provided:al2023", "")
