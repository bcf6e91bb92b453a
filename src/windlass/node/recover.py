"""After an agent died: end what it left running, and say so.

Known gap: a dead agent's tasks are killed, not adopted, because their exit codes cannot be learnt by a
process that is not their parent (design D7 wants adoption; a later issue gives each task a small keeper).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from windlass.fleet.messages import ContainerState, UnitState
from windlass.kernel.clock import MILLISECOND, SECOND, Clock, Duration, Instant
from windlass.node import proc
from windlass.node.ledger import Record

REASON = "Host agent restarted"
_GONE_WITHIN: Duration = 5 * SECOND
_LOOK: Duration = 10 * MILLISECOND


def stopped(state: UnitState, now: Instant) -> UnitState:
    """The unit as it is once everything of it was killed. Units that had stopped before stay as they were."""
    if state.status == "stopped":
        return state
    return msgspec.structs.replace(
        state,
        status="stopped",
        containers=tuple(_stopped(container, now) for container in state.containers),
        stop_code=state.stop_code,
        reason=state.reason or REASON,
        stopping_at=state.stopping_at or now,
        execution_stopped_at=state.execution_stopped_at or now,
        stopped_at=now,
    )


def _stopped(container: ContainerState, now: Instant) -> ContainerState:
    """It may have ended by itself while nobody watched, so its exit code is not known."""
    if container.status == "stopped":
        return container
    return msgspec.structs.replace(container, status="stopped", reason=REASON, stopped_at=now)


async def kill_leftovers(records: Iterable[Record], clock: Clock) -> int:
    """Kill every process that belongs to these units; returns how many there were.

    They are known by their mark, and main processes also by pid and start time, for a command may have
    cleared its environment. Returns when they are gone, or after five seconds.
    """
    records = list(records)
    units = {record.unit_id for record in records}
    sessions = {pid for record in records for pid, ticks in record.ticks if _same(pid, ticks)}
    killed: set[int] = set()
    deadline = clock.now() + _GONE_WITHIN
    while found := _find(units, sessions):
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        if clock.now() > deadline:
            break
        await clock.sleep_until(clock.now() + _LOOK)  # init is their parent: nobody tells us
    return len(killed)


def _find(units: set[str], sessions: set[int]) -> list[int]:
    found = [pid for pid in proc.everyone() if _belongs(pid, units, sessions)] if units else []
    return [pid for pid in found if pid != os.getpid()]


def _belongs(pid: int, units: set[str], sessions: set[int]) -> bool:
    key = proc.mark(pid)
    if key is not None and key[0] in units:
        return True
    stat = proc.stat(pid) if sessions else None
    return stat is not None and stat.session in sessions and stat.state != "Z"


def _same(pid: int, ticks: int) -> bool:
    stat = proc.stat(pid)
    return stat is not None and stat.start_ticks == ticks
