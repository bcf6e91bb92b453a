"""CPU and memory text."""

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


@given(st.integers(1, 192 * 1024))
def test_units_survive_their_text(units: int) -> None:
    """What is normalised once stays as it is."""
    assert sizes.cpu_units(str(units)) == units
    assert sizes.memory_mib(str(units)) == units
