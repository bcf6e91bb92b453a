"""The process of one environment: which interpreter, which variables, kill it with all it started.

Knows the variables of a Python function (docs/aws/lambda.md); knows nothing of events, nor how a process is
started (function_launcher.py).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from windlass.fleet.messages import UnitSpec
from windlass.node import proc
from windlass.node.function_launcher import Interpreter, Sandbox


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


def variables(spec: UnitSpec, sandbox: Sandbox, api: str, endpoint: str) -> dict[str, str]:
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
