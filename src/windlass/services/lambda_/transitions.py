"""The states of functions and versions: their table, and the rows after a move. Pure.

A function is Pending until what it needs is there (`Readiness`), Failed when that cannot be had; an update of
it leaves it Active meanwhile and serves the old settings. One that nobody invokes for long may lose what was
made for it: Inactive, until an invocation has it made again. Source: Lambda developer guide, "Lambda function
states"; what is said as a reason is unverified where docs/aws/lambda.md does not quote it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias, cast

from windlass.kernel.clock import Instant
from windlass.kernel.machine import Moves, move
from windlass.services.lambda_.model import Function, State, Version

STATE_MOVES: Moves = {
    ("Pending", "ready"): "Active",
    ("Pending", "unable"): "Failed",
    ("Pending", "unable again"): "Inactive",
    ("Active", "ready"): "Active",
    ("Active", "idle"): "Inactive",
    ("Inactive", "invoked"): "Pending",
    ("Inactive", "ready"): "Active",
}
""" "unable again": what it once had could not be made again; "ready" while Active ends an update."""
Row: TypeAlias = Function | Version


@dataclass(frozen=True, slots=True)
class Reason:
    """StateReason with its code, or LastUpdateStatusReason with its; empty when there is nothing to say."""

    code: str = ""
    text: str = ""


CREATING = Reason("Creating", "The function is being created.")
"""AWS says so in updates too; recorded in late 2025."""
IDLE = Reason("Idle", "The function has been idle for a long time.")
RESTORING = Reason("Restoring", "The function is being restored.")


@dataclass(frozen=True, slots=True)
class Ready:
    """All that the settings need is there."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not yet: look again at that instant, or when told to."""

    until: Instant | None


@dataclass(frozen=True, slots=True)
class Unable:
    """It cannot be had: State Failed, or LastUpdateStatus Failed, with that reason."""

    reason: Reason


Readiness: TypeAlias = Ready | Wait | Unable


def together(parts: list[Readiness]) -> Readiness:
    """What several needs say together: unable if one is, else wait for all of them.

    [Ready, Wait(5), Wait(9)] → Wait(9); a wait without an end lasts until somebody says so.
    """
    unable = next((part for part in parts if isinstance(part, Unable)), None)
    if unable is not None:
        return unable
    waits = [part.until for part in parts if isinstance(part, Wait)]
    if not waits:
        return Ready()
    return Wait(None if None in waits else max(cast("list[Instant]", waits)))


def ready(row: Row, revision_id: str) -> Row:
    """What it waited for is there: a function serves what is wanted from now on."""
    state = _state(row, "ready")
    row = replace(row, revision_id=revision_id, state=state, state_code="", state_reason="")
    if isinstance(row, Function) and (row.served is None or row.update_status == "InProgress"):
        return replace(
            row,
            served=row.wanted,
            served_generation=row.generation,
            update_status="Successful",
            update_code="",
            update_reason="",
        )
    return row


def unable(row: Row, reason: Reason, revision_id: str) -> Row:
    """It cannot be had. A function that was updated goes on serving what it served."""
    row = replace(row, revision_id=revision_id)
    if isinstance(row, Function) and row.update_status == "InProgress":
        return replace(row, update_status="Failed", update_code=reason.code, update_reason=reason.text)
    state = _state(row, "unable again" if was_made(row) else "unable")
    return replace(row, state=state, state_code=reason.code, state_reason=reason.text)


def idle(row: Row, revision_id: str) -> Row:
    """Nobody has invoked it for long: what was made for it is taken back."""
    state = _state(row, "idle")
    return replace(row, state=state, state_code=IDLE.code, state_reason=IDLE.text, revision_id=revision_id)


def invoked(row: Row, now: Instant, revision_id: str) -> Row:
    """An Inactive one is wanted again: make what it needs."""
    return replace(
        row,
        state=_state(row, "invoked"),
        state_code=RESTORING.code,
        state_reason=RESTORING.text,
        pending_at=now,
        revision_id=revision_id,
    )


def was_made(row: Row) -> bool:
    """Whether it was Active before, so that it can be restored."""
    return row.state_code == RESTORING.code


def _state(row: Row, event: str) -> State:
    return cast(State, move(STATE_MOVES, row.state, event, row))
