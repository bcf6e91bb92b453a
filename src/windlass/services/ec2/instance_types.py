"""What instance types have: vCPUs, memory, GPUs. Pure.

From the families' pages of the EC2 instance types guide (from memory, 2026-11-22; docs/aws/ec2.md): a size's
name gives its vCPUs, and a family has so much memory for each; burstable types have a table. Known gaps:
families that are not listed do not exist here; network, storage and prices are not modelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Literal

CPU_UNITS_PER_VCPU = 1_024
GIB_MIB = 1_024
_SIZES = {"medium": 1, "large": 2, "xlarge": 4}
_TO_24 = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"
_ARM = "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"
_C5 = "large xlarge 2xlarge 4xlarge 9xlarge 12xlarge 18xlarge 24xlarge"
_FAMILIES: Mapping[str, tuple[int, str]] = {
    "c5": (2, _C5),
    "c5a": (2, _TO_24),
    "c5d": (2, _C5),
    "c6a": (2, f"{_TO_24} 32xlarge 48xlarge"),
    "c6g": (2, _ARM),
    "c6i": (2, f"{_TO_24} 32xlarge"),
    "c7g": (2, _ARM),
    "c7i": (2, f"{_TO_24} 48xlarge"),
    "m5": (4, _TO_24),
    "m5a": (4, _TO_24),
    "m5d": (4, _TO_24),
    "m6a": (4, f"{_TO_24} 32xlarge 48xlarge"),
    "m6g": (4, _ARM),
    "m6i": (4, f"{_TO_24} 32xlarge"),
    "m7g": (4, _ARM),
    "m7i": (4, f"{_TO_24} 48xlarge"),
    "r5": (8, _TO_24),
    "r6g": (8, _ARM),
    "r6i": (8, f"{_TO_24} 32xlarge"),
    "r7g": (8, _ARM),
    "g4dn": (4, "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"),
    "g5": (4, "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"),
}
"""Family → GiB per vCPU, and its sizes."""
_BURSTABLE = {
    "nano": (2, 512),
    "micro": (2, 1_024),
    "small": (2, 2_048),
    "medium": (2, 4_096),
    "large": (2, 8_192),
    "xlarge": (4, 16_384),
    "2xlarge": (8, 32_768),
}
"""Size → vCPUs and MiB of t3, t3a and t4g."""
_T2 = {"nano": (1, 512), "micro": (1, 1_024), "small": (1, 2_048)}
"""Where t2 differs."""
_GPUS = {
    "g4dn": {"12xlarge": 4},
    "g5": {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8},
}
"""GPUs of the sizes that have more than one."""
_PAST = frozenset({"t2"})


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One type. `memory_mib` is all of it: what a system would keep for itself is not taken off."""

    name: str
    vcpus: int
    memory_mib: int
    gpus: int = 0

    @property
    def cpu_units(self) -> int:
        return self.vcpus * CPU_UNITS_PER_VCPU

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    @property
    def architecture(self) -> Literal["arm64", "x86_64"]:
        return "arm64" if self.family.endswith("g") else "x86_64"

    @property
    def burstable(self) -> bool:
        return self.family.startswith("t")

    @property
    def current(self) -> bool:
        return self.family not in _PAST


def find(name: str) -> InstanceType | None:
    """The type of that name.

    >>> find("c5.9xlarge")
    InstanceType(name='c5.9xlarge', vcpus=36, memory_mib=73728, gpus=0)
    """
    return types().get(name)


@cache
def types() -> Mapping[str, InstanceType]:
    """All types, by name in the order of names."""
    return MappingProxyType({one.name: one for one in sorted(_all(), key=lambda one: one.name)})


@lru_cache(maxsize=1_000)
def named(names: frozenset[str]) -> tuple[InstanceType, ...]:
    """The types of these names and of these families, in the order of names.

    >>> [one.name for one in named(frozenset({"c5.xlarge", "c5.large", "nothing"}))]
    ['c5.large', 'c5.xlarge']
    """
    return tuple(one for one in types().values() if {one.name, one.family} & names)


def _all() -> Iterator[InstanceType]:
    for family, (ratio, sizes) in _FAMILIES.items():
        for size in sizes.split():
            vcpus = _SIZES.get(size) or 4 * int(size.removesuffix("xlarge"))
            gpus = _GPUS[family].get(size, 1) if family in _GPUS else 0
            yield InstanceType(f"{family}.{size}", vcpus, vcpus * ratio * GIB_MIB, gpus)
    for family in ("t2", "t3", "t3a", "t4g"):
        for size, (vcpus, memory) in {**_BURSTABLE, **(_T2 if family == "t2" else {})}.items():
            yield InstanceType(f"{family}.{size}", vcpus, memory)
