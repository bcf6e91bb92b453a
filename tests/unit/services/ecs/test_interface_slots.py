"""How many awsvpc tasks an instance type takes."""

from __future__ import annotations

import pytest

from windlass.services.ecs.interface_slots import can_trunk, slots


@pytest.mark.parametrize(
    ("instance_type", "plain", "trunked"),
    [
        ("c5.large", 2, 10),
        ("m6i.xlarge", 3, 20),
        ("r7g.2xlarge", 3, 40),
        ("c5.9xlarge", 7, 60),
        ("m5.24xlarge", 14, 120),
        ("t3.micro", 1, 1),
        ("t4g.large", 2, 2),
        ("m4.large", None, None),
        ("t3.48xlarge", None, None),
        ("g5.xlarge", None, None),
        ("huge", None, None),
        ("", None, None),
    ],
)
def test_slots(instance_type: str, plain: int | None, trunked: int | None) -> None:
    assert (slots(instance_type, trunk=False), slots(instance_type, trunk=True)) == (plain, trunked)
    assert can_trunk(instance_type) == (plain != trunked)
