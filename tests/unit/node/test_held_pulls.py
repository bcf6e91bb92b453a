"""What a unit remembers of its pulls."""

from __future__ import annotations

from tests.unit.node.fake_plane import a_want
from windlass.fleet.messages import ContainerSpec
from windlass.node import held as moves


def test_first_pull_and_last() -> None:
    """The task's pull begins with its first and ends with its last; an image that was here is no pull."""
    held = moves.fresh(a_want("u1", ContainerSpec("a"), ContainerSpec("b")).spec)
    held = moves.pulled(held, "a", "sha256:1", 5)
    assert (held.state.pull_started_at, held.state.pull_stopped_at) == (0, 0)
    assert held.container("a").image_digest == "sha256:1"
    for at, name in ((10, "a"), (20, "b")):
        held = moves.pulling(held, at)
        held = moves.pulled(held, name, "", at + 5)
    assert (held.state.pull_started_at, held.state.pull_stopped_at) == (10, 25)
