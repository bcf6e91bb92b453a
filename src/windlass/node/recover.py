"""After an agent died: go on with the tasks that it left, end what cannot go on, and say so.

A task's containers have keepers (keeper.py), which know what became of them. Function environments do not:
their Runtime API was in the agent, so that they are killed, and the plane starts others.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from windlass.fleet.messages import ContainerState, UnitState
from windlass.kernel.clock import MILLISECOND, SECOND, Clock, Duration, Instant
from windlass.node import proc
from windlass.node.agent import Agent
from windlass.node.ledger import FileLedger, Record
from windlass.node.runner import Runner

REASON = "Host agent restarted"
_GONE_WITHIN: Duration = 5 * SECOND
_LOOK: Duration = 10 * MILLISECOND

log = logging.getLogger("windlass.agent")


async def recover(agent: Agent, runner: Runner, ledger: FileLedger, clock: Clock, at_home: bool) -> None:
    """Settle what an agent before this one left. Before the first session.

    In a copied directory (not `at_home`) nothing is ours to touch: the processes are another agent's.
    """
    records = ledger.records()
    running = [r for r in records if r.state is not None and r.state.status != "stopped"]
    adopted = [r for r in running if at_home and r.spec is not None and r.spec.kind == "task"]
    going_on = {record.unit_id for record in adopted}
    lost = [record for record in running if record.unit_id not in going_on]
    killed = await kill_leftovers(lost, clock) if at_home else 0
    await runner.recall(going_on)
    states = [
        stopped(r.state, clock.now()) for r in records if r.state is not None and r.unit_id not in going_on
    ]
    ledger.note(states)
    for record in adopted:
        if record.spec is not None and record.state is not None:
            agent.adopt(record.spec, record.state, record.progress)
    agent.recover(states)
    agent.logs.settle()
    if running:
        log.warning(
            "an agent before this one left %d units: %d go on, %d were ended (%d processes killed)",
            len(running), len(adopted), len(lost), killed,
        )  # fmt: skip


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
            log.warning("%d processes of an agent before this one are killed and still there", len(found))
            break
        await clock.sleep(_LOOK)  # init is their parent: nobody tells us
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
