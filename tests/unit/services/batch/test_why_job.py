"""Why a job is where it is: one sentence for every situation of its life."""

from __future__ import annotations

from typing import Any

import pytest

from tests.batch_rows import JOB_ID, a_job
from tests.build import NOW
from tests.fleet_build import a_unit
from windlass.kernel.clock import MINUTE, SECOND
from windlass.services.batch.model import Attempt, Retry, Run, Stop
from windlass.services.batch.reasons import Held
from windlass.services.batch.why_job import Awaited, JobFacts, Line, short, why

LATER = NOW + 75 * SECOND
OTHER = "a1b2c3d4-0f2a-4f8c-9d7b-2f1f0a5c1f11"
FULL = Held("", "1 of 4 vCPUs of environment ce are free; the job wants 2")
EVER = Held("MISCONFIGURATION:MAX - words", "environment ce has at most 4 vCPUs; the job wants 8")
EXITED = "Essential container in task exited"


def told(status: str, reason: str = "", **facts: Any) -> tuple[str, str]:
    job = a_job(**{name: facts.pop(name) for name in ("retry", "size", "stopped_at") if name in facts})
    found = why(JobFacts(job, status, reason, **facts), LATER)  # type: ignore[arg-type]
    return found.code, found.sentence


def ran(*codes: int, reason: str = "", since: int = NOW, **members: Any) -> Run:
    """Attempts of ten seconds that ended with these exit codes."""
    ends = [Attempt("arn", "stream", since, since + 10 * SECOND, code, reason, EXITED) for code in codes]
    return Run(
        environment="ce",
        started_at=since,
        stopped_at=since + 10 * SECOND if ends else 0,
        attempts=tuple(ends),
        **members,
    )


@pytest.mark.parametrize(
    ("status", "facts", "code", "says"),
    [
        ("SUBMITTED", {}, "DEPENDENCIES", "It has just been submitted"),
        ("PENDING", {}, "DEPENDENCIES", "Nothing that it depends on is left"),
        (
            "PENDING",
            {"awaited": [Awaited(OTHER, "split", "RUNNING")]},
            "DEPENDENCIES",
            "It waits for job a1b2c3d4 (split), which is RUNNING.",
        ),
        (
            "PENDING",
            {"awaited": [Awaited(OTHER, "frames", "PENDING", 500, 480)]},
            "DEPENDENCIES",
            "job a1b2c3d4 (frames), an array of which 480 of 500 children have yet to end.",
        ),
        (
            "PENDING",
            {"awaited": [Awaited(OTHER, name, "RUNNABLE") for name in "abcde"]},
            "DEPENDENCIES",
            "(c), which is RUNNABLE and 2 more.",
        ),
        ("PENDING", {"awaited": [Awaited(OTHER, "", None)]}, "DEPENDENCIES", "which is not kept any more"),
        ("RUNNABLE", {}, "LINE", "It has just become RUNNABLE"),
        (
            "RUNNABLE",
            {"line": Line("q", 1, JOB_ID, FULL)},
            "LINE",
            "It is first in line of queue q: 1 of 4 vCPUs of environment ce are free; the job wants 2.",
        ),
        (
            "RUNNABLE",
            {"line": Line("q", 1, JOB_ID, EVER)},
            "MISCONFIGURATION:MAX",
            "and cannot start until something is changed: environment ce has at most 4 vCPUs",
        ),
        ("RUNNABLE", {"line": Line("q", 1, JOB_ID, None)}, "LINE", "and will be looked at in a moment."),
        (
            "RUNNABLE",
            {"line": Line("q", 3, OTHER, FULL)},
            "LINE",
            "It is 3rd in line of queue q behind job a1b2c3d4, which waits: 1 of 4 vCPUs",
        ),
        (
            "RUNNABLE",
            {"line": Line("q", 2, OTHER, FULL, share="blue", turn="red")},
            "LINE",
            "It is 2nd in line of queue q for share blue; it is share red's turn, whose first job waits: 1",
        ),
        (
            "RUNNABLE",
            {"line": Line("q", 1, JOB_ID, FULL, before=1), "index": 4, "size": 9},
            "LINE",
            "1 child of its array goes before it; the array is first in line",
        ),
        (
            "RUNNABLE",
            {"line": Line("q", 1, JOB_ID, FULL), "run": ran(7), "retry": Retry(3)},
            "LINE",
            "Its attempt 1 ended (exit code 7); for the next one it is first in line",
        ),
        (
            "STARTING",
            {"unit": a_unit("u", why="no node is connected"), "run": Run(environment="ce")},
            "NODE",
            "It waits for a place: no node is connected (attempt 1, placed in environment ce).",
        ),
        (
            "STARTING",
            {"unit": a_unit("u", state="starting", node_id="n1"), "run": Run(environment="ce")},
            "CONTAINERS",
            "Node n1 is starting its containers (attempt 1, placed in environment ce).",
        ),
        ("RUNNING", {"run": ran()}, "NOTHING", "It has run for 1 min 15 s in environment ce."),
        (
            "RUNNING",
            {"run": ran(), "deadline": NOW + 2 * MINUTE, "retry": Retry(3)},
            "NOTHING",
            "attempt 1 of 3; its time is over in 45 s.",
        ),
        (
            "RUNNING",
            {"run": ran(), "stop": Stop("terminate", "enough")},
            "STOPPING",
            "and was told to end: enough.",
        ),
        (
            "RUNNING",
            {"run": ran(), "unit": a_unit("u", node_id="n1"), "node_connected": False},
            "NODE",
            "but its node n1 is not connected.",
        ),
        ("SUCCEEDED", {"run": ran(0)}, "NOTHING", "It succeeded after 10 s."),
        (
            "SUCCEEDED",
            {"run": ran(7, 0), "retry": Retry(3)},
            "NOTHING",
            "It succeeded after 10 s in attempt 2 of 3: 1 ended with exit code 7.",
        ),
        (
            "FAILED",
            {"run": ran(1), "reason": EXITED},
            "FAILED",
            f"It failed after 10 s: {EXITED} (exit code 1).",
        ),
        (
            "FAILED",
            {"run": ran(7, 9), "reason": EXITED, "retry": Retry(2)},
            "FAILED",
            f"{EXITED}, and its 2 attempts are used up (exit codes 7 and 9).",
        ),
        (
            "FAILED",
            {"run": ran(9, reason="OutOfMemoryError"), "reason": EXITED, "retry": Retry(5)},
            "FAILED",
            "and its retry strategy tries no more (exit code 9, OutOfMemoryError).",
        ),
        (
            "FAILED",
            {"reason": "Dependent Job failed", "awaited": [Awaited(OTHER, "split", "FAILED")]},
            "FAILED",
            "It failed: Dependent Job failed: job a1b2c3d4 (split), which has failed; it was never tried.",
        ),
    ],
)
def test_every_state_has_its_sentence(status: str, facts: dict[str, Any], code: str, says: str) -> None:
    found, sentence = told(status, **facts)
    assert found == code
    assert says in sentence
    assert sentence[0] == sentence[0].upper() and sentence.endswith(".") and ".." not in sentence


@pytest.mark.parametrize(
    ("status", "facts", "says"),
    [
        (
            "PENDING",
            {"summary": {"RUNNABLE": 3, "RUNNING": 1}, "line": Line("q", 2, OTHER, FULL)},
            "Of its 4 children 3 are RUNNABLE and 1 is RUNNING; those that are RUNNABLE are 2nd in line",
        ),
        (
            "PENDING",
            {"summary": {"PENDING": 4}, "awaited": [Awaited(OTHER, "a", "PENDING", 4, 2, "N_TO_N")]},
            "4 are PENDING; each waits for the child of the same number of job a1b2c3d4 (a), of which 2 of 4",
        ),
        ("PENDING", {"awaited": [Awaited(OTHER, "a", "RUNNING")]}, "It waits for job a1b2c3d4 (a)"),
        ("PENDING", {"summary": {"RUNNING": 4}, "stop": Stop("cancel", "no")}, "it was told to end: no."),
        ("SUCCEEDED", {"stopped_at": LATER}, "All of its 4 children succeeded after 1 min 15 s."),
        (
            "FAILED",
            {"reason": "Array Child Job failed", "summary": {"FAILED": 3}, "failed": (0, 2)},
            "It failed: Array Child Job failed; 3 of 4 children failed (0, 2, …).",
        ),
    ],
)
def test_an_array_speaks_of_its_children(status: str, facts: dict[str, Any], says: str) -> None:
    assert says in told(status, size=4, **facts)[1]


def test_ids_are_shortened() -> None:
    assert short(f"{JOB_ID}:12") == "6f4dbe5a:12"
