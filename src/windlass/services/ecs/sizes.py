"""CPU and memory of a task as text. Pure. Text forms are those of the ECS API reference,

RegisterTaskDefinition.
"""

from __future__ import annotations

import re
from decimal import Decimal

from windlass.aws.fargate_sizes import UNITS_PER_VCPU

_CPU = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(vcpu)?\s*", re.IGNORECASE | re.ASCII)
_MEMORY = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(gb)?\s*", re.IGNORECASE | re.ASCII)

MIB_PER_GB = 1_024
TASK_CPU_MIN = 128
TASK_CPU_MAX = 196_608
"""CPU units of a task outside Fargate; RegisterTaskDefinition, cpu."""


def cpu_units(text: str) -> int | None:
    """CPU units in a task's cpu text; None when it is none.

    >>> [cpu_units(text) for text in ("1024", "1 vCPU", ".5 vcpu", "much")]
    [1024, 1024, 512, None]
    """
    return _whole(_CPU.fullmatch(text), UNITS_PER_VCPU)


def memory_mib(text: str) -> int | None:
    """MiB in a task's memory text; None when it is none.

    >>> [memory_mib(text) for text in ("2048", "2GB", "0.5 gb", "")]
    [2048, 2048, 512, None]
    """
    return _whole(_MEMORY.fullmatch(text), MIB_PER_GB)


def _whole(found: re.Match[str] | None, scale: int) -> int | None:
    if found is None:
        return None
    amount = Decimal(found[1]) * (scale if found[2] else 1)
    return int(amount) if amount == amount.to_integral_value() else None
