"""What a service says of a task that no instance took."""

from __future__ import annotations

import pytest

from windlass.services.ecs import placement, unplaced

ARN = "arn:aws:ecs:eu-west-1:123456789012:container-instance/default/"
UNABLE = "was unable to place a task because no container instance met all of its requirements."


@pytest.mark.parametrize(
    ("reasons", "text", "code"),
    [
        ([], "Reason: No Container Instances were found in your cluster", "RESOURCE"),
        (
            ["RESOURCE:CPU"],
            "The closest matching (container-instance i0) has insufficient CPU units available",
            "RESOURCE:CPU",
        ),
        (
            ["AGENT", "RESOURCE:MEMORY"],
            "The closest matching (container-instance i1) has insufficient memory available",
            "RESOURCE:MEMORY",
        ),
        (
            [placement.NOT_MATCHED, "RESOURCE:PORTS", "RESOURCE:PORTS"],
            "The closest matching (container-instance i1) is already using a port required by your task",
            "RESOURCE:PORTS",
        ),
        (
            [placement.NOT_MATCHED, "AGENT"],
            "The closest matching (container-instance i0) is missing an attribute required by your task",
            "ATTRIBUTE",
        ),
        (["AGENT"], 'The closest matching (container-instance i0) encountered error "AGENT"', "AGENT"),
    ],
)
def test_the_closest_match_is_named(reasons: list[str], text: str, code: str) -> None:
    failures = [{"arn": f"{ARN}i{number}", "reason": reason} for number, reason in enumerate(reasons)]
    assert unplaced.closest(failures) == (f"{UNABLE} {text}", code)


def test_every_reason_has_words() -> None:
    """Whatever placement refuses with is said in words, but a missing agent, which AWS quotes."""
    constraints = (placement.NOT_DISTINCT, placement.NOT_MATCHED, placement.NOT_THERE)
    for reason in (*placement.REASON.values(), *constraints):
        text = unplaced.closest([{"arn": f"{ARN}i0", "reason": reason}]).text
        assert "encountered error" not in text
