"""Where the computer's time of a simulation went: a profiler's rows by module and by function.

Pure. A step is a callback that the virtual loop ran: a timer, or a coroutine that went on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MODULES_SHOWN = 12
FUNCTIONS_SHOWN = 12
STEP = "<method 'run' of '_contextvars.Context' objects>"
"""What a profiler calls the running of a callback."""


@dataclass(frozen=True, slots=True)
class Spent:
    """A function's row: in it alone, and with all that it called, in seconds under the profiler."""

    file: str
    function: str
    calls: int
    own_s: float
    whole_s: float


def hot_spots(rows: Iterable[Spent], took_s: float, virtual_s: float) -> Iterator[str]:
    """Lines for people. `took_s`: of the same run without a profiler."""
    rows = list(rows)
    steps = sum(row.calls for row in rows if row.function == STEP)
    own = sum(row.own_s for row in rows) or 1.0
    rate = f"{steps:,} steps, {steps / max(took_s, 1e-9):,.0f} a second"
    yield f"{took_s:.2f} s for {virtual_s:,.0f} virtual s: {rate}; under the profiler {own:.2f} s"
    yield f"{'share':>7}  {'own s':>7}  {'calls':>10}  module"
    by_module: dict[str, list[float]] = defaultdict(lambda: [0.0, 0])
    for row in rows:
        place = by_module[module(row.file)]
        place[0] += row.own_s
        place[1] += row.calls
    for name, (own_s, calls) in sorted(by_module.items(), key=lambda one: -one[1][0])[:MODULES_SHOWN]:
        yield f"{own_s / own:7.1%}  {own_s:7.2f}  {calls:10,.0f}  {name}"
    yield f"{'share':>7}  {'own s':>7}  {'calls':>10}  function"
    for row in sorted(rows, key=lambda row: -row.own_s)[:FUNCTIONS_SHOWN]:
        name = f"{module(row.file)}: {row.function}"
        yield f"{row.own_s / own:7.1%}  {row.own_s:7.2f}  {row.calls:10,}  {name}"


def module(file: str) -> str:
    """What a file is, for people.

    >>> module("/x/src/windlass/kernel/store.py"), module("/usr/lib/python3.11/asyncio/events.py")
    ('kernel.store', 'asyncio')
    """
    parts = file.removesuffix(".py").replace("\\", "/").split("/")
    if "windlass" in parts:
        place = len(parts) - 1 - parts[::-1].index("windlass")
        return ".".join(parts[place + 1 :]) or "windlass"
    for folder in ("site-packages", "dist-packages"):
        if folder in parts[:-1]:
            return parts[parts.index(folder) + 1]
    python = [place for place, part in enumerate(parts[:-1]) if part.startswith("python3")]
    if python:
        return parts[python[-1] + 1]
    return "built in" if file.startswith(("~", "<")) else parts[-1]
