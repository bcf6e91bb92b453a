"""How demos tell: lines with the seconds since the beginning, and at the end a table and a verdict."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from windlass.cli.output import show_table


class Story:
    """The clock that the lines go by begins with it."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, line: str) -> None:
        """One line of the story."""
        print(f"{time.monotonic() - self._began:6.1f} s  {line}", flush=True)


def wait_until(what: str, condition: Callable[[], Any], within_s: float, period_s: float = 0.2) -> Any:
    """Look again and again until it is so; returns what it is. Ends the demo when that takes too long."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {within_s:.0f} s: {what}")
        time.sleep(period_s)
    return found


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
