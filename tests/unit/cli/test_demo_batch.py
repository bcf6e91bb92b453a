"""What the batch demo makes of what happened: each promise is kept, or it says which was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from windlass.aws.quotas import load_profile
from windlass.cli.demos.batch import (
    TIMED_OUT,
    TIMEOUT_S,
    Sample,
    Show,
    cap,
    most_at_once,
    overtaken,
    profile,
    timed_out,
)


def a_job(began: int = 0, ended: int = 1_000, created: int = 0, **members: Any) -> dict[str, Any]:
    """One attempt that succeeded; times in milliseconds."""
    attempt = {"startedAt": began, "stoppedAt": ended, "container": {"exitCode": 0}}
    times = {"createdAt": created, "startedAt": began, "stoppedAt": ended}
    return {"jobName": "j", "status": "SUCCEEDED", "attempts": [attempt], **times, **members}


def a_show(
    frames: list[dict[str, Any]], previews: list[dict[str, Any]] | None = None, used: float = 2.0, **jobs: Any
) -> Show:
    """Ten seconds in which frames waited and so many vCPUs were in use."""
    samples = [Sample(float(at), 5, used, at * used) for at in range(11)]
    return Show({"split": a_job(), **jobs}, frames, previews or [], samples)


@pytest.mark.parametrize(
    ("spans", "most"),
    [
        ([], 0),
        ([(0, 4), (2, 6), (4, 8)], 2),
        ([(0, 10), (1, 2), (2, 3), (9, 12)], 2),
        ([(0, 10), (1, 9), (2, 8)], 3),
    ],
)
def test_attempts_that_overlap(spans: list[tuple[int, int]], most: int) -> None:
    assert most_at_once(spans) == most


def test_the_cap_is_kept_and_used() -> None:
    kept = cap(a_show([a_job(2_000 + n, 3_000) for n in range(8)]))
    assert kept.problems == []
    assert kept.notes == "at most 2 of 2 in use, 100.0% while frames waited"


def test_too_much_at_once_is_told_from_the_attempts_themselves() -> None:
    assert cap(a_show([a_job(2_000, 3_000) for _ in range(9)])).problems == ["2.25 vCPUs were in use"]


def test_a_cap_that_is_not_used_is_told() -> None:
    assert cap(a_show([], used=1.5)).problems == ["only 75.0% of the cap was in use while frames waited"]


def test_previews_overtake_what_waits() -> None:
    """Four of five frames that had not started when they came started after them; of one it is too few."""
    frames = [a_job(began) for began in (100, 300, 500, 600, 700, 800)]
    assert overtaken(a_show(frames, [a_job(400, created=200)])).problems == []
    late = overtaken(a_show(frames, [a_job(750, created=200)]))
    assert late.problems == ["only 1 of the 5 frames that waited were overtaken"]


def test_what_hangs_is_stopped_once() -> None:
    lasted = TIMEOUT_S * 1_000
    stopped = a_job(0, lasted, status="FAILED", statusReason=TIMED_OUT)
    assert timed_out(a_show([], hang=stopped)).problems == []
    again = {**stopped, "attempts": stopped["attempts"] * 2}
    assert timed_out(a_show([], hang=again)).problems == ["it was FAILED after 2 attempts"]


def test_its_profile_is_the_local_one_but_for_timeouts(tmp_path: Path) -> None:
    made, local = load_profile(str(profile(tmp_path))), load_profile("local")
    assert made.quotas == {**local.quotas, "batch.timeout_min_s": TIMEOUT_S}
    assert (made.delays, made.switches, made.buckets) == (local.delays, local.switches, local.buckets)
