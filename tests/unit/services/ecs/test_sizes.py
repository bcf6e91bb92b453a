"""CPU and memory text, and the pairs that Fargate has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.ecs import sizes


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("256", 256),
        ("1024", 1024),
        ("1 vCPU", 1024),
        ("1vcpu", 1024),
        (".5 vcpu", 512),
        ("0.25 vCPU", 256),
        (" 2 VCPU ", 2048),
        ("1.5", None),
        ("0.0001 vCPU", None),
        ("-1", None),
        ("", None),
        ("lots", None),
        ("1 GB", None),
    ],
)
def test_cpu_text(text: str, units: int | None) -> None:
    """A task's cpu is CPU units, or vCPUs; what is no whole number of units is none."""
    assert sizes.cpu_units(text) == units


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("512", 512),
        ("2GB", 2048),
        ("2 gb", 2048),
        ("0.5GB", 512),
        ("30 GB", 30720),
        ("x", None),
        ("1 MB", None),
    ],
)
def test_memory_text(text: str, mib: int | None) -> None:
    """A task's memory is MiB, or GB of 1,024 MiB."""
    assert sizes.memory_mib(text) == mib


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
    assert sizes.is_fargate_size(cpu, smallest)
    assert sizes.is_fargate_size(cpu, smallest + step)
    assert sizes.is_fargate_size(cpu, largest)
    assert not sizes.is_fargate_size(cpu, smallest - step)
    assert not sizes.is_fargate_size(cpu, smallest + step // 2)
    assert not sizes.is_fargate_size(cpu, largest + step)


def test_smallest_fargate_size() -> None:
    """A quarter vCPU goes with half a GB, one and two; 1.5 GB is not sold."""
    assert [m for m in range(256, 4097, 256) if sizes.is_fargate_size(256, m)] == [512, 1024, 2048]


@given(st.integers(1, 192 * 1024))
def test_units_survive_their_text(units: int) -> None:
    """What is normalised once stays as it is."""
    assert sizes.cpu_units(str(units)) == units
    assert sizes.memory_mib(str(units)) == units
