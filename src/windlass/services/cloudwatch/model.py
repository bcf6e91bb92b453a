"""CloudWatch as rows: what PutMetricData acknowledged.

Points are read from memory (aws/metrics.py) and never from here: these rows are what they are made of again
after a restart. Writers: handlers/metrics.py adds rows, keeping.py joins many to one and deletes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from windlass.kernel.store import Index, Table

Scope: TypeAlias = tuple[str, str]
"""(account, region)."""


@dataclass(frozen=True, slots=True)
class PointRow:
    """The points of one PutMetricData, or of many."""

    account: str
    region: str
    number: int
    level: int
    """0 as it came; joined rows are one above those they were made of."""
    newest: int
    """Start of its newest point, in seconds since the epoch."""
    packed: bytes
    """What packing.py reads."""

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.account, self.region, self.number)


POINT_ROWS: Table[PointRow] = Table(
    name="cloudwatch.points",
    row=PointRow,
    key=lambda row: row.key,
    indexes={
        "level": Index(of=lambda row: (row.account, row.region, row.level), order=lambda row: row.number),
        "age": Index(of=lambda row: True, order=lambda row: row.newest),
    },
)
TABLES = (POINT_ROWS,)
