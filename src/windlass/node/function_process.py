"""The process of one environment: which interpreter, which variables, start it, kill it with all it started.

Knows the runtime's command line and the variables of a Python function (docs/aws/lambda.md); knows nothing
of events. The interpreter runs without `site` (-S): the packages of the plane's own interpreter, boto3
among them, come last on the path, and start-up files of virtual environments are not read.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from windlass.fleet.messages import UnitSpec
from windlass.node import proc

OPEN_FILES_MAX = 1024
"""File descriptors of an environment; Lambda quotas, "File descriptors"."""

_START = (
    "import sys; sys.path[0] = sys.argv[1]; import function_bootstrap as runtime; "
    "del sys.path[0], sys.argv[1]; runtime.main(sys.argv[1:])"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python to run functions with; `version` is what it says of itself, "3.11.7"."""

    path: str
    version: str


def own_interpreter() -> Interpreter:
    return Interpreter(sys.executable, ".".join(str(part) for part in sys.version_info[:3]))


def find_interpreter(runtime: str) -> Interpreter:
    """The interpreter for "python3.12": exactly that one if it is on the PATH and works, else our own.

    Blocks: runs the candidate once. Call it in an executor and keep the answer.
    """
    own, wanted = own_interpreter(), runtime.removeprefix("python") + "."
    if own.version.startswith(wanted):
        return own
    path = shutil.which(runtime)
    if path is None:
        return own
    question = "import platform, sys; print(sys.executable, platform.python_version(), sep='\\n')"
    try:
        asked = subprocess.run([path, "-c", question], capture_output=True, text=True, timeout=10)
        executable, version = asked.stdout.split()
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return own
    return Interpreter(executable, version) if version.startswith(wanted) else own


def libraries() -> list[str]:
    """Directories with packages that every function finds: where boto3 is installed."""
    found = importlib.util.find_spec("boto3")
    return [] if found is None or found.origin is None else [str(Path(found.origin).parent.parent)]


def variables(spec: UnitSpec, root: Path, api: str, endpoint: str) -> dict[str, str]:
    """Everything the process finds in its environment. Nothing of the agent's own is handed on but PATH."""
    function = spec.function
    assert function is not None
    given = dict(function.environment)
    fixed = {
        "AWS_LAMBDA_RUNTIME_API": api,
        "LAMBDA_TASK_ROOT": str(root),
        "LAMBDA_RUNTIME_DIR": str(Path(__file__).parent),
        "PWD": str(root),
        "_HANDLER": function.handler,
    }
    defaults = {
        "AWS_ENDPOINT_URL": endpoint,
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "en_US.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "TZ": ":UTC",
        "SHLVL": "0",
    }
    marks = {proc.UNIT_MARK: spec.unit_id, proc.CONTAINER_MARK: "function"}
    present = {name: value for name, value in defaults.items() if value}
    return {**marks, **present, **given, **fixed, **marks}


def launch(interpreter: Interpreter, root: Path, environment: Mapping[str, str]) -> tuple[int, int]:
    """Start the runtime in its own session: (pid, read end of its output). Raises OSError."""
    source = str(Path(__file__).parent)
    command = [interpreter.path, "-S", "-c", _START, source, *libraries()]
    reader, writer = os.pipe2(os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
    try:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            start_new_session=True,
        )
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    process.returncode = 0  # the agent reaps it (Seat.watch); subprocess must never wait for it
    limit(process.pid)
    return process.pid, reader


def limit(pid: int) -> None:
    """Set the quotas on a running process, where the system can; it has hardly started."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (OPEN_FILES_MAX, OPEN_FILES_MAX))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def kill_group(pid: int) -> None:
    """SIGKILL to the process and all that stayed in its group; also when the leader is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_marked(unit_ids: Collection[str]) -> int:
    """Kill those children of ours that these units left in other sessions; returns how many.

    The agent adopts orphans. What they leave is adopted only once they are dead: call again until 0.
    """
    killed = 0
    for pid in proc.children():
        found = proc.mark(pid)
        if found is not None and found[0] in unit_ids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed += 1
    return killed


def memory_mib(pid: int, field: str = "VmHWM") -> int:
    """Resident memory in MiB, rounded up: "VmHWM" the most so far, "VmRSS" now. 0 where /proc has none."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    _, found, rest = text.partition(field + ":")
    return -(-int(rest.split(None, 1)[0]) // 1024) if found else 0
