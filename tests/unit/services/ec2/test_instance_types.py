"""Instance types: what is known of them."""

from __future__ import annotations

import pytest

from windlass.services.ec2.instance_types import find, types


@pytest.mark.parametrize(
    ("name", "vcpus", "gib", "gpus", "architecture"),
    [
        ("t2.micro", 1, 1, 0, "x86_64"),
        ("t3.medium", 2, 4, 0, "x86_64"),
        ("t4g.nano", 2, 0.5, 0, "arm64"),
        ("m5.large", 2, 8, 0, "x86_64"),
        ("c5.18xlarge", 72, 144, 0, "x86_64"),
        ("c6g.medium", 1, 2, 0, "arm64"),
        ("r6i.32xlarge", 128, 1024, 0, "x86_64"),
        ("g4dn.12xlarge", 48, 192, 4, "x86_64"),
        ("g5.16xlarge", 64, 256, 1, "x86_64"),
    ],
)
def test_sizes(name: str, vcpus: int, gib: float, gpus: int, architecture: str) -> None:
    found = find(name)
    assert found is not None
    shown = (found.vcpus, found.memory_mib, found.gpus, found.architecture)
    assert shown == (vcpus, gib * 1024, gpus, architecture)


def test_what_is_not_known() -> None:
    assert find("c5.8xlarge") is None
    assert find("") is None
    assert list(types()) == sorted(types())
