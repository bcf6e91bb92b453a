"""The external extensions of one environment: found below /opt/extensions, started, asked to end, killed.

Each is a process of the environment's sandbox with an output of its own. What they say by the Extensions API
is extensions_api.py's. Knows nothing of events but the SHUTDOWN that it hands over.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from windlass.fleet.messages import FunctionSpec
from windlass.node.extensions_api import EXTENSIONS_MAX, ExtensionsApi, Facts, shutdown_event
from windlass.node.function_launcher import Program, Sandbox
from windlass.node.function_lines import exit_status
from windlass.node.function_log import FunctionLog
from windlass.node.function_outcome import SandboxFailed
from windlass.node.function_output import Output
from windlass.node.runner import Seat
from windlass.node.sandbox_process import SandboxProcess

NOT_FOR_EXTENSIONS = frozenset((
    "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
    "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "_HANDLER",
))  # fmt: skip
"""Variables of the runtime that extensions do not get; Lambda developer guide, "Lambda Extensions API"."""


def found(layers: Path | None) -> list[str]:
    """The names of the external extensions in that /opt: every file directly in its extensions directory."""
    directory = None if layers is None else layers / "extensions"
    if directory is None or not directory.is_dir():
        return []
    return sorted(path.name for path in directory.iterdir() if not path.is_dir())


def facts_of(function: FunctionSpec) -> Facts:
    """What extensions are told of it."""
    given = dict(function.environment)
    return Facts(
        name=given.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        version=given.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        handler=function.handler,
        account=function.log.account if function.log else "",
    )


class Extensions:
    """Their processes. `ended` is called with what it means for the environment when one has ended."""

    def __init__(
        self, seat: Seat, log: FunctionLog, api: ExtensionsApi, ended: Callable[[SandboxFailed], None]
    ) -> None:
        self._seat = seat
        self._log = log
        self._api = api
        self._ended = ended
        self._processes: dict[str, SandboxProcess] = {}

    @property
    def running(self) -> bool:
        return any(process.pid for process in self._processes.values())

    async def start(self, names: list[str], sandbox: Sandbox, variables: Mapping[str, str]) -> None:
        """Start these. Raises LaunchFailed for the first that cannot be started."""
        self._api.expect(names)
        environment = {name: text for name, text in variables.items() if name not in NOT_FOR_EXTENSIONS}
        for number, name in enumerate(names):
            if number == EXTENSIONS_MAX:
                self._api.not_launched(name, "TooManyExtensions")
                raise LaunchFailed("ErrTooManyExtensions")
            ended = partial(self._process_ended, name)
            process = SandboxProcess(self._seat, Output(self._log, "extension"), lambda: False, ended)
            self._processes[name] = process
            try:
                program = Program((f"{sandbox.opt}/extensions/{name}",), environment, directory="/")
                await process.start(sandbox, program)
            except OSError as error:
                denied = error.errno == errno.EACCES
                self._api.not_launched(name, "PermissionDenied" if denied else "UnknownError")
                why = f"fork/exec /opt/extensions/{name}: {(error.strerror or str(error)).lower()}"
                raise LaunchFailed(why) from error

    def say_goodbye(self, reason: str, deadline_ms: int) -> None:
        """SHUTDOWN to those that subscribed to it; the others are killed."""
        for extension in self._api.all:
            if extension.external and "SHUTDOWN" not in extension.events:
                self._kill(extension.name)
        self._api.offer("SHUTDOWN", shutdown_event(reason, deadline_ms))

    def kill(self) -> None:
        for name in self._processes:
            self._kill(name)

    def drop(self) -> None:
        """Kill them, and hear no more of them."""
        for process in self._processes.values():
            process.drop()
        self._processes.clear()
        self._api.expect(())

    def drain(self) -> None:
        for process in self._processes.values():
            process.drain()

    def _kill(self, name: str) -> None:
        if name in self._processes:
            self._processes[name].kill()

    def _process_ended(self, name: str, code: int) -> None:
        states = {extension.name: extension.state for extension in self._api.all}
        said = states.get(name, "")
        error_type = f"Extension.{said}" if said in ("InitError", "ExitError") else "Extension.Crash"
        self._ended(SandboxFailed(error_type, exit_status(code)))


class LaunchFailed(Exception):
    """An extension could not be started; the message is that of AWS's agent."""
