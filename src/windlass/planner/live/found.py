"""What a survey found, in the shapes in which AWS described it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]
"""Something as AWS describes it."""


@dataclass(slots=True)
class Found:
    """What there is. `rows` by kind: the service and what they are, "ecs.services"."""

    account: str
    region: str
    rows: dict[str, list[Row]] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)
    """What could not be read, and why: sentences."""

    def of(self, kind: str) -> list[Row]:
        """All of one kind, or none."""
        return self.rows.get(kind, [])


def launch_template(group: Row) -> Row:
    """What an Auto Scaling group launches from; nothing for one with a launch configuration."""
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    found: Row = group.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}
    return found


def one_line(text: str, length: int = 200) -> str:
    """Somebody else's text as part of a comment: no line ends in it, and not without an end.

    >>> one_line("no\\n  such")
    'no such'
    """
    joined = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return joined if len(joined) <= length else joined[: length - 1] + "…"
