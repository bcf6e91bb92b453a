"""What the backlog demo says of tasks that did not end well."""

from __future__ import annotations

from typing import Any

import pytest

from windlass.cli.demos.backlog import problems

NOT_FOUND = "CannotStartContainerError: no such program"
ENDED, FAILED = (
    ("EssentialContainerExited", "Essential container in task exited"),
    ("TaskFailedToStart", "Failed"),
)


@pytest.mark.parametrize(
    ("second", "end", "told"),
    [
        ({"exitCode": 0}, ENDED, None),
        ({}, ENDED, None),
        ({"exitCode": 1}, ENDED, "exit code 1, no reason of its own; the task stopped: Essential"),
        ({"reason": NOT_FOUND}, ENDED, f"exit code None, {NOT_FOUND}; the task stopped: Essential"),
        ({}, FAILED, "exit code None, no reason of its own; the task stopped: Failed"),
    ],
)
def test_a_container_that_did_not_exit_with_0_is_told_with_its_reasons(
    second: dict[str, Any], end: tuple[str, str], told: str | None
) -> None:
    """One that was never started is fine, if its task had ended by another container, as on AWS."""
    containers = [{"name": "w-0", "exitCode": 0}, {"name": "w-1", **second}]
    task = {"taskArn": "arn:…/1f", "stopCode": end[0], "stoppedReason": end[1], "containers": containers}
    found = problems({"m"}, [["m", "1.0", "w", "d"]], [task], 2)
    assert len(found) == (2 if told else 0)
    assert not told or found[1].startswith(f"w-1 of task 1f: {told}")
