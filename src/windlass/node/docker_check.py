"""Health check commands inside of Docker's containers, by its `exec`.

Docker has no way to end an `exec`: what takes too long is killed by its pid, on a daemon of this machine; on
another machine it goes on until the container ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress

from windlass.fleet.messages import HealthCheck
from windlass.node.docker_api import Engine
from windlass.node.health_command import TIMED_OUT

_ENDS_WITHIN_S = 5.0
_LOOK_S = 0.02


async def run_check(engine: Engine, container_id: str, check: HealthCheck) -> int:
    """The command's exit code, TIMED_OUT when it took too long. Raises DaemonGone, Refused, TimeoutError."""
    body = {"Cmd": list(check.command), "AttachStdout": True, "AttachStderr": True}
    made = await engine.call("POST", f"/containers/{container_id}/exec", body=body)
    run = str(made["Id"])
    try:
        async with asyncio.timeout(check.timeout_s):
            async with engine.stream("POST", f"/exec/{run}/start", body={"Detach": False}) as output:
                async for _ in output:
                    pass
    except TimeoutError:
        await _kill(engine, run)
        return TIMED_OUT
    return await _exit_code(engine, run)


async def _exit_code(engine: Engine, run: str) -> int:
    """Its output may end a moment before it does; whoever closes its output and goes on takes too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_ENDS_WITHIN_S):
            while (found := await engine.call("GET", f"/exec/{run}/json"))["Running"]:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)  # nobody tells when an exec ends
            return int(found["ExitCode"] or 0)
    await _kill(engine, run)
    return TIMED_OUT


async def _kill(engine: Engine, run: str) -> None:
    found = await engine.call("GET", f"/exec/{run}/json")
    if found["Running"] and found.get("Pid") and engine.address.is_local:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(int(found["Pid"]), signal.SIGKILL)
