"""What a bench reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """One measured number. `promise` is design section 5's number; `at_least` says which side is good.

    `bare` is the cost of doing the same without us, in the same unit, and `ratio` is value / bare.
    """

    name: str
    value: float
    unit: str
    promise: float | None = None
    at_least: bool = True
    bare: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.bare if self.bare else None

    @property
    def kept(self) -> bool | None:
        """Whether the promise is kept; None without one."""
        if self.promise is None:
            return None
        return self.value >= self.promise if self.at_least else self.value <= self.promise

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"ratio": self.ratio, "kept": self.kept}
