"""How runtimes are started: command lines, variables, and what cannot be started."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from windlass.fleet.messages import FunctionSpec, UnitSpec
from windlass.node.function_interpreters import Runtime
from windlass.node.function_launcher import Interpreter, Place, Program
from windlass.node.function_packages import Files
from windlass.node.function_programs import NoProgram, program, start_fault
from windlass.node.function_spawn import SpawnSandbox

PYTHON = Runtime("python3.12", "python", "/usr/bin/python3.12", "3.12.1")
NODEJS = Runtime("nodejs22.x", "nodejs", "/usr/bin/node", "20.1.0")
PROVIDED = Runtime("provided.al2023", "provided")


def a_program(runtime: Runtime, task: Path, opt: Path | None = None, **environment: str) -> Program:
    function = FunctionSpec(
        "0" * 64, "", "app.handler", runtime.name, 128, 3, 10, environment=tuple(environment.items())
    )
    sandbox = SpawnSandbox(Place("u1", task, opt))
    spec = UnitSpec("u1", "function", function=function)
    return program(spec, runtime, Files(task, opt), sandbox, api="127.0.0.1:9", endpoint="http://here")


def test_variables(tmp_path: Path) -> None:
    """The mark stands in front; the function's own come over defaults, never over what the runtime needs."""
    given = {"TZ": "Europe/Paris", "_HANDLER": "evil", "WINDLASS_UNIT_ID": "evil"}
    found = a_program(PYTHON, tmp_path, **given).environment
    assert next(iter(found.items())) == ("WINDLASS_UNIT_ID", "u1")
    assert (found["_HANDLER"], found["TZ"], found["AWS_ENDPOINT_URL"]) == (
        "app.handler",
        "Europe/Paris",
        "http://here",
    )
    assert found["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9" and found["PWD"] == str(tmp_path)
    assert found["LD_LIBRARY_PATH"] == f"{tmp_path}:{tmp_path}/lib"
    assert found["PATH"] == os.environ["PATH"]
    assert not {"PYTHONPATH", "NODE_PATH"} & found.keys()


def test_layers_are_on_the_paths(tmp_path: Path) -> None:
    """Each family's own folders; what the function sets for Python comes behind them."""
    task, opt = tmp_path / "task", tmp_path / "opt"
    python = a_program(PYTHON, task, opt, PYTHONPATH="/more").environment
    assert python["PYTHONPATH"] == f"{opt}/python/lib/python3.12/site-packages:{opt}/python:/more"
    assert python["PATH"].endswith(f":{opt}/bin")
    assert python["LD_LIBRARY_PATH"] == f"{task}:{task}/lib:{opt}/lib"
    nodejs = a_program(NODEJS, task, opt).environment
    assert nodejs["NODE_PATH"] == f"{opt}/nodejs/node22/node_modules:{opt}/nodejs/node_modules:{task}"


def test_command_lines(tmp_path: Path) -> None:
    """Python is the launcher's to start; Node.js is told of the function's memory."""
    assert a_program(PYTHON, tmp_path).python == Interpreter("/usr/bin/python3.12", "3.12.1")
    argv = a_program(NODEJS, tmp_path).argv
    assert argv[:3] == ("/usr/bin/node", "--max-semi-space-size=6", "--max-old-space-size=116")
    assert Path(argv[3]).name == "function_bootstrap.mjs" and Path(argv[3]).is_file()


def test_a_wrapper_starts_the_runtime(tmp_path: Path) -> None:
    """AWS_LAMBDA_EXEC_WRAPPER is found in the layers; a custom runtime has no use for it."""
    (tmp_path / "bootstrap").write_text("#!/bin/sh")
    (tmp_path / "bootstrap").chmod(0o755)
    opt = tmp_path / "opt"
    for runtime, last in ((NODEJS, ".mjs"), (PYTHON, "")):
        found = a_program(runtime, tmp_path, opt, AWS_LAMBDA_EXEC_WRAPPER="/opt/wrap")
        assert found.python is None and found.argv[:3] == ("/usr/bin/env", f"{opt}/wrap", runtime.path)
        assert any(argument.endswith(last) for argument in found.argv)
    found = a_program(PROVIDED, tmp_path, opt, AWS_LAMBDA_EXEC_WRAPPER="/opt/wrap")
    assert found.argv == (f"{tmp_path}/bootstrap",)


def test_where_a_bootstrap_is_found(tmp_path: Path) -> None:
    """In the package, else in a layer; without execute bits, or nowhere: AWS's words."""
    task, opt = tmp_path / "task", tmp_path / "opt"
    task.mkdir()
    opt.mkdir()
    with pytest.raises(NoProgram) as missing:
        a_program(PROVIDED, task, opt)
    assert str(missing.value) == "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    (opt / "bootstrap").write_text("#!/bin/sh")
    with pytest.raises(NoProgram) as forbidden:
        a_program(PROVIDED, task, opt)
    assert str(forbidden.value) == "fork/exec /opt/bootstrap: permission denied"
    (opt / "bootstrap").chmod(0o755)
    assert a_program(PROVIDED, task, opt).argv == (f"{opt}/bootstrap",)
    (task / "bootstrap").symlink_to("../opt/bootstrap")
    assert a_program(PROVIDED, task, opt).argv == (f"{task}/bootstrap",)


def test_a_machine_without_node(tmp_path: Path) -> None:
    """Says what to install."""
    with pytest.raises(NoProgram, match=r"nodejs22\.x .* the package is called nodejs"):
        a_program(Runtime("nodejs22.x", "nodejs"), tmp_path)


def test_what_the_system_would_not_execute(tmp_path: Path) -> None:
    """As AWS's agent says it, with AWS's paths."""
    sandbox = SpawnSandbox(Place("u1", tmp_path))
    error = OSError(errno.ENOEXEC, "Exec format error")
    fault = start_fault((f"{tmp_path}/bootstrap",), sandbox, error)
    assert str(fault) == "fork/exec /var/task/bootstrap: exec format error"
    assert str(start_fault((), sandbox, OSError("no room"))) == "no room"
