"""What a container asks for: vCPUs, memory and GPUs as numbers. Pure.

Rules: Batch API reference, ResourceRequirement; facts/batch.md, 4. A definition may still say `vcpus` and
`memory`, which count where resourceRequirements name nothing.
Known gap: "1.0" is one vCPU on EC2 too, where AWS wants a whole number without a point.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from windlass.aws.fargate_sizes import UNITS_PER_VCPU, is_fargate_size
from windlass.kernel.faults import Fault
from windlass.services.batch import limits
from windlass.services.batch.faults import invalid

_WHOLE = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_VCPUS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,4})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Amounts:
    """What one container asks for; 0 where it says nothing."""

    cpu_units: int = 0
    memory_mib: int = 0
    gpus: int = 0

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(
            self.cpu_units + other.cpu_units, self.memory_mib + other.memory_mib, self.gpus + other.gpus
        )


def amounts(container: Mapping[str, Any]) -> Amounts:
    """The amounts of containerProperties or of a container of ecsProperties. Raises ClientException."""
    told: dict[str, str] = {}
    for requirement in container.get("resourceRequirements", ()):
        if requirement["type"] in told:
            raise invalid(f"resourceRequirements must not have {requirement['type']} twice.")
        told[requirement["type"]] = requirement["value"]
    vcpus = told.get("VCPU", str(container["vcpus"]) if container.get("vcpus") else "0")
    memory = told.get("MEMORY", str(container["memory"]) if container.get("memory") else "")
    return Amounts(
        cpu_units=_cpu_units(vcpus),
        memory_mib=_whole(memory, "MEMORY"),
        gpus=_whole(told.get("GPU", ""), "GPU"),
    )


def check(asked: Amounts, *, fargate: bool) -> None:
    """Raises ClientException for amounts that no job of that platform may ask for."""
    if not asked.cpu_units:
        raise invalid("vCPU is not provided.")
    if not asked.memory_mib:
        raise invalid("Memory is not provided.")
    if fargate:
        _check_fargate(asked)
    elif asked.cpu_units % UNITS_PER_VCPU:
        raise invalid("VCPU must be a whole number for EC2.")
    elif asked.memory_mib < limits.MEMORY_MIB_MIN:
        raise invalid(f"MEMORY must be at least {limits.MEMORY_MIB_MIN} MiB.")


def _check_fargate(asked: Amounts) -> None:
    if asked.gpus:
        raise invalid("GPU is not applicable for Fargate.")
    if not is_fargate_size(asked.cpu_units, asked.memory_mib):
        vcpus = asked.cpu_units / UNITS_PER_VCPU
        raise invalid(f"Fargate resource requirements ({vcpus:.2f} vCPU, {asked.memory_mib} MiB) not valid.")


def _cpu_units(text: str) -> int:
    found = Decimal(text) * UNITS_PER_VCPU if _VCPUS.fullmatch(text) else Decimal("0.5")
    if found != found.to_integral_value():
        raise _not_a_number(text, "VCPU")
    return int(found)


def _whole(text: str, name: str) -> int:
    if text and not _WHOLE.fullmatch(text):
        raise _not_a_number(text, name)
    return int(text) if text else 0


def _not_a_number(text: str, name: str) -> Fault:
    """As AWS words it (docs/aws/batch.md)."""
    return invalid(
        f"Value {text[:20]} for type {name} in resourceRequirement is not valid. "
        "Please provide a numeric value."
    )
