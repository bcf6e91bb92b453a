"""CPU and memory of a task as text, and the sizes that Fargate sells. Pure.

Text forms and the Fargate table are those of the ECS API reference, RegisterTaskDefinition.
"""

from __future__ import annotations

import re
from decimal import Decimal

_CPU = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(vcpu)?\s*", re.IGNORECASE | re.ASCII)
_MEMORY = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(gb)?\s*", re.IGNORECASE | re.ASCII)

UNITS_PER_VCPU = 1_024
MIB_PER_GB = 1_024
TASK_CPU_MIN = 128
TASK_CPU_MAX = 196_608
"""CPU units of a task outside Fargate; RegisterTaskDefinition, cpu."""

FARGATE_SIZES: dict[int, range | tuple[int, ...]] = {
    256: (512, 1_024, 2_048),
    512: range(1_024, 4_096 + 1, 1_024),
    1_024: range(2_048, 8_192 + 1, 1_024),
    2_048: range(4_096, 16_384 + 1, 1_024),
    4_096: range(8_192, 30_720 + 1, 1_024),
    8_192: range(16_384, 61_440 + 1, 4_096),
    16_384: range(32_768, 122_880 + 1, 8_192),
}
"""CPU units → MiB of memory that may go with them; RegisterTaskDefinition, cpu."""


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


def is_fargate_size(cpu: int, memory: int) -> bool:
    """Whether Fargate has that pair of CPU units and MiB."""
    return memory in FARGATE_SIZES.get(cpu, ())


def _whole(found: re.Match[str] | None, scale: int) -> int | None:
    if found is None:
        return None
    amount = Decimal(found[1]) * (scale if found[2] else 1)
    return int(amount) if amount == amount.to_integral_value() else None
