"""The pairs of CPU and memory that Fargate has."""

from __future__ import annotations

import pytest

from windlass.aws.fargate_sizes import is_fargate_size


@pytest.mark.parametrize(
    ("cpu", "smallest", "largest", "step"),
    [
        (512, 1024, 4096, 1024),
        (1024, 2048, 8192, 1024),
        (2048, 4096, 16384, 1024),
        (4096, 8192, 30720, 1024),
        (8192, 16384, 61440, 4096),
        (16384, 32768, 122880, 8192),
    ],
)
def test_fargate_sizes(cpu: int, smallest: int, largest: int, step: int) -> None:
    """Each row of AWS's table: both ends and the step count, their neighbours do not."""
    assert is_fargate_size(cpu, smallest)
    assert is_fargate_size(cpu, smallest + step)
    assert is_fargate_size(cpu, largest)
    assert not is_fargate_size(cpu, smallest - step)
    assert not is_fargate_size(cpu, smallest + step // 2)
    assert not is_fargate_size(cpu, largest + step)


def test_smallest_fargate_size() -> None:
    """A quarter vCPU goes with half a GB, one and two; 1.5 GB is not sold."""
    assert [m for m in range(256, 4097, 256) if is_fargate_size(256, m)] == [512, 1024, 2048]
