"""What a job, or a child of an array, waits for, or how it ended, in one sentence. Pure.

Decides from rows that others have read (seeing.py); changes nothing. AWS shows a status, and a statusReason
for what blocks a queue; the sentences are ours. Why the first job of a queue does not start is scheduler.py's
finding, told in the words of reasons.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from windlass.fleet import reasons as fleet_reasons
from windlass.fleet.model import Unit
from windlass.fleet.reasons import NOTHING, Reason, span
from windlass.kernel.clock import Instant
from windlass.services.batch import reasons
from windlass.services.batch.model import ENDED, Attempt, DependencyType, Job, JobStatus, Run, Stop

TOLD_MAX = 3
"""Of several dependencies, or failed children, so many are named."""
SHORT = 8
"""Digits of an id in a sentence: enough for every command."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """How a job stands that another waits for. `status` is None when it is forgotten."""

    id: str
    name: str
    status: JobStatus | None
    size: int = 0
    left: int = 0
    """Children of an array that have not ended."""
    type: DependencyType = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Where a job stands in line, and why the first one does not start."""

    queue: str
    place: int
    """Counted from 1, within its share if the queue has shares."""
    first: str
    """Id of the job in the first place."""
    held: reasons.Held | None
    """Why that one, or the first of the share whose turn it is, does not start; None: not known yet."""
    share: str = ""
    turn: str = ""
    """The share whose turn it is, if that is another."""
    before: int = 0
    """Of a child: how many of its own array go before it."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job, a child of an array (then `job` is the array) or an array, and what it depends on."""

    job: Job
    status: JobStatus
    reason: str
    """statusReason."""
    run: Run = field(default_factory=Run)
    index: int | None = None
    stop: Stop | None = None
    deadline: Instant = 0
    awaited: Sequence[Awaited] = ()
    line: Line | None = None
    unit: Unit | None = None
    node_connected: bool = True
    summary: Mapping[str, int] = field(default_factory=dict)
    """Of an array: how many children have which status."""
    failed: Sequence[int] = ()
    """Of an array: the first children that failed."""

    @property
    def is_array(self) -> bool:
        return bool(self.job.size) and self.index is None


def why(facts: JobFacts, now: Instant) -> Reason:
    """The one thing that keeps it from the next step of its life."""
    if facts.is_array:
        return _array(facts, now)
    match facts.status:
        case "SUBMITTED":
            return Reason("DEPENDENCIES", "It has just been submitted; whether it may run is not known yet.")
        case "PENDING":
            return _pending(facts)
        case "RUNNABLE":
            return _runnable(facts)
        case "STARTING":
            return _starting(facts)
        case "RUNNING":
            return _running(facts, now)
        case "SUCCEEDED":
            return Reason(NOTHING, f"It succeeded{_lasted(facts.run)}{_tries(facts)}.")
    return Reason("FAILED", f"It failed{_lasted(facts.run)}: {_failure(facts)}{_tries(facts)}.")


def _array(facts: JobFacts, now: Instant) -> Reason:
    job, counts = facts.job, facts.summary
    took = f" after {span(job.stopped_at - job.created_at)}" if job.stopped_at else ""
    if facts.status == "SUCCEEDED":
        return Reason(NOTHING, f"All of its {job.size} children succeeded{took}.")
    if facts.status == "FAILED":
        failed = ", ".join(map(str, facts.failed))
        more = ", …" if counts.get("FAILED", 0) > len(facts.failed) else ""
        return Reason(
            "FAILED",
            f"It failed{took}: {_failure(facts)}; {counts.get('FAILED', 0)} of {job.size} children failed "
            f"({failed}{more}).",
        )
    if any(not one.type for one in facts.awaited) or facts.status == "SUBMITTED":
        return _pending(facts)
    shown = [f"{count} {'is' if count == 1 else 'are'} {status}" for status, count in counts.items() if count]
    story = f"Of its {job.size} children {_listed(shown)}"
    if facts.stop is not None:
        return Reason("STOPPING", f"{story}; it was told to end: {facts.stop.reason}.")
    if facts.line is None:
        waits = f"; each waits for {_awaited(facts.awaited)}" if facts.awaited else ""
        return Reason("CHILDREN", f"{story}{waits}.")
    return Reason(_line_code(facts.line), f"{story}; those that are RUNNABLE are {_line(facts.line)}.")


def _pending(facts: JobFacts) -> Reason:
    if not facts.awaited:
        return Reason("DEPENDENCIES", "Nothing that it depends on is left to wait for; it is about to go on.")
    return Reason("DEPENDENCIES", f"It waits for {_awaited(facts.awaited)}.")


def _awaited(awaited: Sequence[Awaited]) -> str:
    told = [_stands(one) for one in awaited[:TOLD_MAX]]
    left = len(awaited) - TOLD_MAX
    return _listed([*told, f"{left} more"] if left > 0 else told, "; ")


def _stands(one: Awaited) -> str:
    what = f"job {short(one.id)} ({one.name})"
    if one.type == "N_TO_N" and one.size:
        return f"the child of the same number of {what}, of which {one.left} of {one.size} have yet to end"
    if one.status is None:
        return f"job {short(one.id)}, which is not kept any more"
    if one.size and one.status not in ENDED:
        return f"{what}, an array of which {one.left} of {one.size} children have yet to end"
    return f"{what}, which {_BECAME.get(one.status, f'is {one.status}')}"


_BECAME: Mapping[JobStatus, str] = {"SUCCEEDED": "has succeeded", "FAILED": "has failed"}


def _runnable(facts: JobFacts) -> Reason:
    if facts.line is None:
        return Reason("LINE", "It has just become RUNNABLE, and will be looked at in a moment.")
    again = ""
    if facts.run.attempts:
        ended = facts.run.attempts[-1]
        again = f"its attempt {len(facts.run.attempts)} ended ({_end(ended)}); for the next one "
    before = facts.line.before
    if not before:
        story = f"{again}it is {_line(facts.line)}."
    else:
        children = "child of its array goes" if before == 1 else "children of its array go"
        story = f"{again}{before} {children} before it; the array is {_line(facts.line)}."
    return Reason(_line_code(facts.line), story[0].upper() + story[1:])


def _line_code(line: Line) -> str:
    """AWS's reason where it has one."""
    return line.held.reason.partition(" - ")[0] if line.held is not None and line.held.reason else "LINE"


def _line(line: Line) -> str:
    name = f"line of queue {line.queue}" + (f" for share {line.share}" if line.share else "")
    if line.turn:
        place = reasons.ordinal(line.place) if line.place > 1 else "first"
        waits = f", whose first job waits: {line.held.sentence}" if line.held is not None else ""
        return f"{place} in {name}; it is share {line.turn}'s turn{waits}"
    if line.place > 1:
        held = line.held if line.held is not None and line.held.sentence else None
        return reasons.behind(line.place, short(line.first), held, name)
    if line.held is None:
        return f"first in {name}, and will be looked at in a moment"
    ever = ", and cannot start until something is changed" if line.held.for_ever else ""
    return f"first in {name}{ever}: {line.held.sentence}"


def _starting(facts: JobFacts) -> Reason:
    attempt = f"attempt {len(facts.run.attempts) + 1}, placed in environment {facts.run.environment}"
    found = fleet_reasons.on_the_way(facts.unit, facts.node_connected)
    if found is not None:
        return Reason(found.code, f"{found.sentence.rstrip('.')} ({attempt}).", found.until)
    assert facts.unit is not None
    return Reason("CONTAINERS", f"Node {facts.unit.node_id} is starting its containers ({attempt}).")


def _running(facts: JobFacts, now: Instant) -> Reason:
    ran = f"It has run for {span(now - facts.run.started_at)} in environment {facts.run.environment}"
    number = len(facts.run.attempts) + 1
    attempt = f", attempt {number} of {facts.job.retry.attempts}" if facts.job.retry.attempts > 1 else ""
    if facts.stop is not None:
        return Reason("STOPPING", f"{ran}{attempt}, and was told to end: {facts.stop.reason}.")
    if facts.unit is not None and not facts.node_connected:
        return Reason("NODE", f"{ran}{attempt}, but its node {facts.unit.node_id} is not connected.")
    if facts.deadline:
        left = span(facts.deadline - now)
        return Reason(NOTHING, f"{ran}{attempt}; its time is over in {left}.", facts.deadline)
    return Reason(NOTHING, f"{ran}{attempt}.")


def _failure(facts: JobFacts) -> str:
    """Its reason, and which dependency it was."""
    reason = facts.reason.rstrip(".") or "no reason was given"
    failed = [one for one in facts.awaited if one.status == "FAILED"]
    return f"{reason}: {_awaited(failed)}" if failed else reason


def _tries(facts: JobFacts) -> str:
    """What became of its attempts, as far as that is worth a word."""
    attempts, allowed = facts.run.attempts, facts.job.retry.attempts
    if not attempts:
        return "" if facts.status == "SUCCEEDED" else "; it was never tried"
    if facts.status == "SUCCEEDED":
        earlier = [f"{number} ended with {_end(one)}" for number, one in enumerate(attempts[:-1], 1)]
        return f" in attempt {len(attempts)} of {allowed}: {_listed(earlier)}" if earlier else ""
    ends = _ends(attempts)
    if facts.stop is not None or allowed == 1:
        return f" ({ends})"
    if len(attempts) >= allowed:
        return f", and its {allowed} attempts are used up ({ends})"
    return f", and its retry strategy tries no more ({ends})"


def _ends(attempts: Sequence[Attempt]) -> str:
    """How all of them ended.

    Two that exited with 7 and 9 → "exit codes 7 and 9".
    """
    if len(attempts) > 1 and all(one.exit_code is not None and not one.reason for one in attempts):
        return f"exit codes {_listed([str(one.exit_code) for one in attempts])}"
    return "; ".join(_end(one) for one in attempts)


def _end(attempt: Attempt) -> str:
    code = f"exit code {attempt.exit_code}" if attempt.exit_code is not None else ""
    return ", ".join(part for part in (code, attempt.reason) if part) or attempt.status_reason


def _lasted(run: Run) -> str:
    if not run.started_at or not run.stopped_at:
        return ""
    return f" after {span(run.stopped_at - run.started_at)}"


def _listed(parts: Sequence[str], between: str = ", ") -> str:
    """Parts with commas and a last "and".

    >>> _listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([between.join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def short(job_id: str) -> str:
    """An id with its first digits only, and the index of a child.

    >>> short("0f9f7d7c-1f4e-4c3a-9f0e-1c9f1a2b3c4d:7")
    '0f9f7d7c:7'
    """
    parent, colon, index = job_id.partition(":")
    return f"{parent[:SHORT]}{colon}{index}"
