"""How a service gets machines: EC2 knows what they are made of, and launches them in the asker's transaction.

Services do not import each other, and an Auto Scaling group's row of an instance must be there exactly when
the machine is. So they meet here, as with network interfaces (interfaces.py, docs/decisions/0016).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from windlass.fleet.model import Instance
from windlass.kernel.clock import Instant
from windlass.kernel.faults import Fault
from windlass.kernel.ids import Ids
from windlass.kernel.store import Store, Transaction

Scope = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TemplateName:
    """A launch template as callers name it: by id or name; `version` is a number, $Latest or $Default."""

    id: str = ""
    name: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a machine is made of. `details` are shown and not acted on: key, profile, security groups."""

    instance_type: str
    image_id: str = ""
    user_data: str = ""
    """In base64, as the API has it."""
    details: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    template: TemplateName | None = None
    """The template that it is from, with id, name and the number of the version."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a machine is to be. `subnet_id` is "" for the zone's default subnet."""

    zone: str
    subnet_id: str = ""


@dataclass(frozen=True, slots=True)
class Size:
    """What an instance type has."""

    cpu_units: int
    memory_mib: int
    gpus: int = 0


class Maker(Protocol):
    """Who makes machines."""

    def blueprint(self, reads: Store | Transaction, scope: Scope, named: TemplateName) -> Blueprint:
        """What a launch template says. Raises Fault with EC2's code and message."""

    def size(self, instance_type: str) -> Size | None:
        """What a type has; None for one that is not known."""

    def types(self, named: Iterable[str]) -> dict[str, Size]:
        """Types by name: those that are named, and all of a family that is. Unknown names are left out."""

    def zones(self, region: str) -> list[str]:
        """The Region's availability zones."""

    def sites(
        self, tx: Transaction, scope: Scope, subnets: Iterable[str], now: Instant, ids: Ids
    ) -> list[Site]:
        """The subnets with their zones. Raises Fault with EC2's code and message."""

    def well(self, sites: Sequence[Site]) -> Sequence[Site]:
        """Those whose zones have not failed; all, when none is: a launch says why it cannot be."""

    def launch(
        self, tx: Transaction, scope: Scope, made: Blueprint, site: Site, group: str, now: Instant
    ) -> Instance:
        """One machine, booting. Raises Fault when there is nothing that it could be part of."""


class Makers:
    """One per plane: `plane.calls.part(Makers)`. EC2 says who makes machines."""

    def __init__(self) -> None:
        self._maker: Maker | None = None

    def come_from(self, maker: Maker) -> None:
        """Have them made there."""
        self._maker = maker

    def maker(self) -> Maker:
        """The one there is."""
        if self._maker is None:
            raise Fault("ServiceUnavailable", "This plane has no EC2, and so no machines.", status=503)
        return self._maker
