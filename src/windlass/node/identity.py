"""Who a node is, to its plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this node is, to the plane."""

    node_id: str
    token: str = field(repr=False)
    """Secret: never logged."""
    cpu_units: int
    memory_mib: int
    run: str = ""
    """See Hello."""
    keep: Callable[[str], None] | None = field(default=None, repr=False)
    """Puts a new secret onto the disk, or raises OSError; None where the plane gives none."""
