"""How many awsvpc tasks a container instance takes: each needs a network interface of the machine. Pure.

A machine has so many interfaces, one of which is its own (EC2 User Guide, available IP per ENI); with ENI
trunking (account setting awsvpcTrunking when it is registered) it takes more tasks (ECS Developer Guide,
container-instance-eni). Both by size, from memory but for c5.large (docs/aws/ecs.md). Types that are not
listed, machines without a type and the embedded node are without limit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TRUNK = "ecs.awsvpc-trunk-id"
"""The attribute of an instance that has a trunk: the id of that interface."""
_TYPE = re.compile(r"([a-z]+)([0-9]+)([a-z-]*)\.([0-9a-z-]+)", re.ASCII)
_BY_SIZE: Mapping[str, tuple[int, int]] = {
    "large": (2, 10),
    "xlarge": (3, 20),
    "2xlarge": (3, 40),
    "4xlarge": (7, 60),
    "8xlarge": (7, 60),
    "9xlarge": (7, 60),
    "12xlarge": (7, 60),
    "16xlarge": (14, 120),
    "18xlarge": (14, 120),
    "24xlarge": (14, 120),
    "metal": (14, 120),
}
"""Size → tasks without and with a trunk, of families c, m and r from the fifth generation."""
_BURSTABLE: Mapping[str, int] = {
    "nano": 1,
    "micro": 1,
    "small": 2,
    "medium": 2,
    "large": 2,
    "xlarge": 3,
    "2xlarge": 3,
}
"""Size → tasks of family t, which has no trunks."""


def slots(instance_type: str, trunk: bool) -> int | None:
    """Tasks with an interface of their own; None without limit.

    >>> slots("c5.large", trunk=False), slots("c5.large", trunk=True), slots("t3.micro", trunk=True)
    (2, 10, 1)
    """
    read = _TYPE.fullmatch(instance_type)
    if read is None:
        return None
    family, generation, _, size = read.groups()
    if family == "t":
        return _BURSTABLE.get(size)
    found = _BY_SIZE.get(size) if family in ("c", "m", "r") and int(generation) >= 5 else None
    return None if found is None else found[trunk]


def can_trunk(instance_type: str) -> bool:
    """Whether a trunk gives it more."""
    return slots(instance_type, trunk=True) != slots(instance_type, trunk=False)
