"""The sizes that Fargate sells, to ECS tasks and to Batch jobs. Pure.

The table is that of the ECS API reference, RegisterTaskDefinition, cpu; Batch's is the same (Batch API
reference, ResourceRequirement).
"""

from __future__ import annotations

UNITS_PER_VCPU = 1_024
FARGATE_SIZES: dict[int, range | tuple[int, ...]] = {
    256: (512, 1_024, 2_048),
    512: range(1_024, 4_096 + 1, 1_024),
    1_024: range(2_048, 8_192 + 1, 1_024),
    2_048: range(4_096, 16_384 + 1, 1_024),
    4_096: range(8_192, 30_720 + 1, 1_024),
    8_192: range(16_384, 61_440 + 1, 4_096),
    16_384: range(32_768, 122_880 + 1, 8_192),
}
"""CPU units → MiB of memory that may go with them."""


def is_fargate_size(cpu_units: int, memory_mib: int) -> bool:
    """Whether Fargate has that pair.

    >>> is_fargate_size(256, 2_048), is_fargate_size(256, 4_096)
    (True, False)
    """
    return memory_mib in FARGATE_SIZES.get(cpu_units, ())
