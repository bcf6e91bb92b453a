"""Which interpreter runs a function, and what it finds in its environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.fleet.messages import FunctionSpec, UnitSpec
from windlass.node.function_launcher import Interpreter, Place
from windlass.node.function_process import find_interpreter, own_interpreter, variables
from windlass.node.function_spawn import SpawnSandbox


def a_command(directory: Path, name: str, *lines: str) -> None:
    path = directory / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["echo /opt/python3.4; echo 3.4.9"], Interpreter("/opt/python3.4", "3.4.9")),
        (["echo /opt/python3.5; echo 3.5.0"], None),
        (["echo not installed >&2; exit 127"], None),
        (["echo one; echo two; echo three"], None),
    ],
)
def test_the_exact_version_or_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], found: Interpreter | None
) -> None:
    """A python3.4 on the PATH that works and is one; a shim that fails or lies is passed over."""
    a_command(tmp_path, "python3.4", *lines)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert find_interpreter("python3.4") == (found or own_interpreter())


def test_our_own_version_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Same minor version: no process is started."""
    monkeypatch.setenv("PATH", "")
    own = own_interpreter()
    assert find_interpreter("python" + own.version.rpartition(".")[0]) == own


def test_variables(tmp_path: Path) -> None:
    """The mark stands in front; the function's own come over defaults, never over what the runtime needs."""
    given = (("TZ", "Europe/Paris"), ("_HANDLER", "evil"), ("WINDLASS_UNIT_ID", "evil"))
    function = FunctionSpec("0" * 64, "", "app.handler", "python3.11", 128, 3, 10, environment=given)
    sandbox = SpawnSandbox(Place("u1", tmp_path))
    found = variables(UnitSpec("u1", "function", function=function), sandbox, "127.0.0.1:9", "http://here")
    assert next(iter(found.items())) == ("WINDLASS_UNIT_ID", "u1")
    assert (found["_HANDLER"], found["TZ"], found["AWS_ENDPOINT_URL"]) == (
        "app.handler",
        "Europe/Paris",
        "http://here",
    )
    assert found["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9" and found["PWD"] == str(tmp_path)
