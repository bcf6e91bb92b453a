"""What members of a scenario are made of: quantities, and structs that refuse what they do not know. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from windlass.planner.scenario import quantity


class Span(int):
    """A time, said as "500ms", "10m" or seconds; kept in nanoseconds."""


class PerSecond(float):
    """A rate, said as "20/s" or "500/min"."""


class Bytes(int):
    """Said as "100MB" or "1GiB"."""


class Percent(float):
    """A share, said as "30%"."""


QUANTITIES: dict[type, Any] = {
    Span: quantity.duration,
    PerSecond: quantity.rate,
    Bytes: quantity.size,
    Percent: quantity.percent,
}


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Of a scenario. What it does not know is refused."""


def one_of(part: Part, names: Sequence[str]) -> str:
    """Which of these members it has. Raises ValueError unless it is exactly one."""
    given = [name for name in names if getattr(part, name) is not None]
    if len(given) != 1:
        kind = type(part).__name__.lower()
        said = f"not {' and '.join(given)}" if given else "and this has none"
        raise ValueError(f"{kind} has one of {', '.join(names)}, {said}")
    return given[0]
