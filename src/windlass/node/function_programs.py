"""How a function's runtime is started: its command line, and all that it finds in its environment.

Knows the variables that AWS sets (docs/aws/lambda.md), where layers put what, and where a custom runtime's
`bootstrap` may be. Paths are those that the sandbox shows; messages name them as AWS does, /var/task and
/opt. Knows nothing of events, nor how a process is started (function_launcher.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from windlass.fleet.messages import FunctionSpec, UnitSpec
from windlass.node import proc
from windlass.node.function_interpreters import Runtime
from windlass.node.function_launcher import Interpreter, Program, Sandbox
from windlass.node.function_packages import Files
from windlass.node.function_spawn import python_command

NODEJS_BOOTSTRAP = "function_bootstrap.mjs"
WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
"""A script that starts the runtime; Lambda developer guide, "Modifying the runtime environment"."""
INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"
_SEMI_SPACE_SHARE, _OLD_SPACE_SHARE = 20, 10
"""Of a function's memory, 1/20 for V8's young objects and all but 1/10 for its old ones: it collects before

it is killed. The shares are AWS's (unverified).
"""


class NoProgram(Exception):
    """The runtime cannot be started; the message is AWS's where it has one."""

    def __init__(self, why: str, error_type: str = INVALID_ENTRYPOINT) -> None:
        super().__init__(why)
        self.error_type = error_type


def program(
    spec: UnitSpec, runtime: Runtime, files: Files, sandbox: Sandbox, *, api: str, endpoint: str
) -> Program:
    """What to start in that sandbox. `files` are the same files where this process sees them.

    Raises NoProgram.
    """
    function = spec.function
    assert function is not None
    environment = variables(spec, runtime, sandbox, api, endpoint)
    argv, python = _command(function, runtime, files, sandbox)
    wrapper = dict(function.environment).get(WRAPPER, "")
    if not wrapper or runtime.family in ("provided", "image"):
        return Program(tuple(argv), environment, python=python)
    if python is not None:
        argv = python_command(python, sandbox.runtime_root)
    return Program(("/usr/bin/env", _shown_in(sandbox, wrapper), *argv), environment)


def _command(
    function: FunctionSpec, runtime: Runtime, files: Files, sandbox: Sandbox
) -> tuple[list[str], Interpreter | None]:
    """The command line, or the Python that needs none."""
    if runtime.family == "python":
        return [], Interpreter(runtime.path, runtime.version)
    if runtime.family == "image":
        return [], None
    if runtime.family == "provided":
        return [_bootstrap(files, sandbox)], None
    if not runtime.path:
        raise NoProgram(runtime.notice)
    flags = [
        f"--max-semi-space-size={max(1, function.memory_mib // _SEMI_SPACE_SHARE)}",
        f"--max-old-space-size={function.memory_mib - function.memory_mib // _OLD_SPACE_SHARE}",
    ]
    return [runtime.path, *flags, f"{sandbox.runtime_root}/{NODEJS_BOOTSTRAP}"], None


def _bootstrap(files: Files, sandbox: Sandbox) -> str:
    """The custom runtime: of the package, else of a layer."""
    for real, shown, named in (
        (files.task, sandbox.task_root, "/var/task"),
        (files.layers, sandbox.opt, "/opt"),
    ):
        if real is None or not (real / "bootstrap").is_file():
            continue
        if not (real / "bootstrap").stat().st_mode & 0o111:
            raise NoProgram(f"fork/exec {named}/bootstrap: permission denied")
        return f"{shown}/bootstrap"
    raise NoProgram("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")


def start_fault(argv: tuple[str, ...], sandbox: Sandbox, error: OSError) -> NoProgram:
    """A program that the system would not execute, in the words of AWS's agent."""
    if not argv or not error.strerror:
        return NoProgram(str(error))
    named = argv[0]
    for shown, as_aws in ((sandbox.task_root, "/var/task"), (sandbox.opt, "/opt")):
        if shown and named.startswith(f"{shown}/"):
            named = as_aws + named.removeprefix(shown)
    return NoProgram(f"fork/exec {named}: {error.strerror.lower()}")


def variables(spec: UnitSpec, runtime: Runtime, sandbox: Sandbox, api: str, endpoint: str) -> dict[str, str]:
    """Everything the process finds in its environment. Nothing of the agent's own is handed on but PATH."""
    function = spec.function
    assert function is not None
    given = dict(function.environment)
    fixed = {
        "AWS_LAMBDA_RUNTIME_API": api,
        "LAMBDA_TASK_ROOT": sandbox.task_root,
        "LAMBDA_RUNTIME_DIR": sandbox.runtime_root,
        "PWD": sandbox.task_root,
        "_HANDLER": function.handler,
        **_python_path(function, runtime, sandbox, given),
    }
    paths = {
        "PATH": _joined(os.environ.get("PATH", os.defpath), _in(sandbox.opt, "bin")),
        "LD_LIBRARY_PATH": _joined(sandbox.task_root, f"{sandbox.task_root}/lib", _in(sandbox.opt, "lib")),
        "NODE_PATH": _node_path(runtime, sandbox),
    }
    defaults = {
        "AWS_ENDPOINT_URL": endpoint,
        **({} if runtime.family == "image" else paths),
        "LANG": "en_US.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "TZ": ":UTC",
        "SHLVL": "0",
    }
    marks = {proc.UNIT_MARK: spec.unit_id, proc.CONTAINER_MARK: "function"}
    present = {name: value for name, value in defaults.items() if value}
    return {**marks, **present, **given, **fixed, **marks}


def _python_path(
    function: FunctionSpec, runtime: Runtime, sandbox: Sandbox, given: Mapping[str, str]
) -> dict[str, str]:
    """Layers, then what the function asks for itself, then the standard library, as on AWS."""
    if runtime.family != "python" or not sandbox.opt:
        return {}
    layers = (f"{sandbox.opt}/python/lib/{function.runtime}/site-packages", f"{sandbox.opt}/python")
    return {"PYTHONPATH": _joined(*layers, given.get("PYTHONPATH", ""))}


def _node_path(runtime: Runtime, sandbox: Sandbox) -> str:
    if runtime.family != "nodejs":
        return ""
    major = runtime.name.removeprefix("nodejs").removesuffix(".x")
    layers = (_in(sandbox.opt, f"nodejs/node{major}/node_modules"), _in(sandbox.opt, "nodejs/node_modules"))
    return _joined(*layers, sandbox.task_root)


def _in(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else ""


def _joined(*paths: str) -> str:
    return os.pathsep.join(path for path in paths if path)


def _shown_in(sandbox: Sandbox, path: str) -> str:
    """Where the sandbox shows a path that was given as on AWS."""
    for as_aws, shown in (("/opt", sandbox.opt), ("/var/task", sandbox.task_root)):
        if path.startswith(f"{as_aws}/") and shown:
            return str(Path(shown, path.removeprefix(f"{as_aws}/")))
    return path
