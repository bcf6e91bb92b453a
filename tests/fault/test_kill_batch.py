"""SIGKILL of the plane in the midst of a big array: every child runs, once, and the counters add up.

`--batch-children 10000` is the long run; the one of every day is shorter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests import batch_build as build
from tests.fault.waiting import until
from tests.process import PlaneProcess

ACCOUNT = "123456789012"
ENDS_WITHIN_S = 600
Make = Callable[..., PlaneProcess]


def test_an_array_ends_though_its_plane_is_killed(
    own_plane: Make, tmp_path: Path, batch_children: int
) -> None:
    """1. Each child appends its index to a file. 2. Killed thrice on the way. 3. All are there, once."""
    plane = own_plane()
    batch = plane.client("batch", ACCOUNT)
    build.an_environment(batch, plane.client("ec2", ACCOUNT))
    build.a_queue(batch)
    ran = tmp_path / "ran"
    ran.touch()
    build.a_definition(batch, "sh", "-c", f'echo "$AWS_BATCH_JOB_ARRAY_INDEX" >> {ran}')
    asked = {"jobName": "a", "jobQueue": "q", "jobDefinition": "job"}
    array = batch.submit_job(**asked, arrayProperties={"size": batch_children})["jobId"]
    for tenths in (1, 5, 9):
        least = batch_children * tenths // 10
        until(lambda least=least: len(lines(ran)) >= least, f"{least} children have run", ENDS_WITHIN_S)
        plane.kill()
        plane.start()
        batch = plane.client("batch", ACCOUNT)
    ended = ("SUCCEEDED", "FAILED")
    until(lambda: build.described(batch, array)["status"] in ended, "the array has ended", ENDS_WITHIN_S)
    job = build.described(batch, array)
    assert job["status"] == "SUCCEEDED"
    assert +Counter(job["arrayProperties"]["statusSummary"]) == {"SUCCEEDED": batch_children}
    assert Counter(lines(ran)) == Counter(map(str, range(batch_children)))
    pages = batch.get_paginator("list_jobs").paginate(arrayJobId=array, jobStatus="SUCCEEDED")
    listed = [child["arrayProperties"]["index"] for page in pages for child in page["jobSummaryList"]]
    assert listed == list(range(batch_children))
    last = build.described(batch, f"{array}:{batch_children - 1}")
    assert [attempt["container"]["exitCode"] for attempt in last["attempts"]] == [0]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
