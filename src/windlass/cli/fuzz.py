"""`windlass fuzz`: random stories on the whole plane in virtual time, faults and all. No plane is needed."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import Annotated

import typer

from windlass.cli.output import fail


def fuzz(
    seeds: Annotated[int, typer.Option(help="How many seeds of each story.", min=1)] = 200,
    first: Annotated[int, typer.Option("--from", help="The first seed.", min=0)] = 0,
    story: Annotated[str, typer.Option(help="services, batch, or all.")] = "all",
    minimise: Annotated[bool, typer.Option(help="Make a failing story as short as can be.")] = True,
) -> None:
    """Search for faults: random users and troubles, with all rows checked all the time."""
    from windlass.sim.fuzz import STORIES, search

    names = list(STORIES) if story == "all" else [story]
    if unknown := [name for name in names if name not in STORIES]:
        fail(f"no story {unknown[0]!r}; there are {', '.join(STORIES)}, and all", 2)
    faults: Counter[str] = Counter()
    failed, began = 0, time.monotonic()
    for name in names:
        for outcome in search(STORIES[name], range(first, first + seeds), minimise=minimise):
            faults += outcome.faults
            if not outcome.what:
                continue
            failed += 1
            print(f"{name}, seed {outcome.seed}: {outcome.what}")
            for number, deed in outcome.steps:
                print(f"  step {number}: {deed}")
            print(f"  again: windlass fuzz --story {name} --from {outcome.seed} --seeds 1", flush=True)
        done = f"{name}: {seeds} seeds from {first}"
        print(f"{done}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    injected = ", ".join(f"{count} {name}" for name, count in sorted(faults.items()))
    print(f"{seeds * len(names)} stories, {failed} failed; {faults.total()} faults injected: {injected}")
    if failed:
        raise SystemExit(1)
