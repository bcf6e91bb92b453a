"""How demos tell: lines with the seconds since the beginning, and at the end a table and a verdict."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence

from windlass.cli.output import show_table


class Story:
    """The clock that the lines go by begins with it."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, line: str) -> None:
        """One line of the story."""
        print(f"{time.monotonic() - self._began:6.1f} s  {line}", flush=True)


def verdict(
    columns: Sequence[str], rows: Sequence[Sequence[str]], problems: Mapping[str, Sequence[str]]
) -> int:
    """Print the table, and what went wrong in which act; returns the exit code: 1 if anything did."""
    if not sys.stdout.isatty():
        print("\t".join(columns))
    show_table(columns, [list(row) for row in rows])
    for act, found in problems.items():
        for problem in found:
            print(f"{act}: {problem}")
    return 1 if any(problems.values()) else 0
