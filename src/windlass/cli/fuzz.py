"""`windlass fuzz`: random stories on the whole plane in virtual time, faults and all. No plane is needed."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from windlass.cli.output import fail

if TYPE_CHECKING:
    from windlass.sim.fuzz import Kept, Outcome, Play

TELL_EVERY_S = 5.0
"""So often it says on stderr how far it is."""


def fuzz(
    seeds: Annotated[int, typer.Option(help="How many seeds of each story.", min=0)] = 200,
    first: Annotated[int, typer.Option("--from", help="The first seed.", min=0)] = 0,
    story: Annotated[str, typer.Option(help="Its name, or all.")] = "all",
    minimise: Annotated[bool, typer.Option(help="Make a failing story as short as can be.")] = True,
    seeds_file: Annotated[
        Path | None,
        typer.Option(help="Tell the stories in that file first; append those that fail.", dir_okay=False),
    ] = None,
) -> None:
    """Search for faults: random users and troubles, with all rows checked all the time."""
    from windlass.sim.fuzz import STORIES

    names = list(STORIES) if story == "all" else [story]
    if unknown := [name for name in names if name not in STORIES]:
        fail(f"no story {unknown[0]!r}; there are {', '.join(STORIES)}, and all", 2)
    told = {name: STORIES[name] for name in names}
    tally = Tally()
    try:
        tell(told, range(first, first + seeds), tally, minimise=minimise, seeds_file=seeds_file)
    except KeyboardInterrupt:
        print("stopped: this is what came of it so far", file=sys.stderr)
    tally.conclude()


def tell(
    stories: Mapping[str, Play],
    seeds: range,
    tally: Tally,
    *,
    minimise: bool = True,
    seeds_file: Path | None = None,
) -> None:
    """Those of the file, then these seeds of each story; those that fail are appended to the file."""
    from windlass.sim.fuzz import Kept, again, kept_in, search

    kept = [] if seeds_file is None else kept_in(_read(seeds_file))
    for once in kept:
        if once.story in stories:
            tally.add(once, again(once))
    for name, play in stories.items():
        tally.begin(name, len(seeds))
        for outcome in search(play, seeds, minimise=minimise):
            found = Kept(name, outcome.seed, outcome.steps, outcome.what)
            tally.add(found, outcome)
            if outcome.what and seeds_file is not None:
                _append(seeds_file, str(found))


@dataclass
class Tally:
    """What was told so far, and what came of it."""

    told: Counter[str] = field(default_factory=Counter)
    """By story."""
    faults: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    began: float = field(default_factory=time.monotonic)
    _name: str = ""
    _of: int = 0
    _said_at: float = 0.0

    def begin(self, name: str, seeds: int) -> None:
        """So many seeds of that story come now."""
        self._name, self._of = name, self.told[name] + seeds

    def add(self, kept: Kept, outcome: Outcome) -> None:
        """One more story was told."""
        self.told[kept.story] += 1
        self.faults += outcome.faults
        if outcome.what:
            self.failed += 1
            print(f"{kept.story}, seed {outcome.seed}: {outcome.what}")
            for number, deed in outcome.steps:
                print(f"  step {number}: {deed}")
            print(f"  again: windlass fuzz --story {kept.story} --from {outcome.seed} --seeds 1", flush=True)
        now, done = time.monotonic(), self.told[self._name]
        if self._name and (done == self._of or now - self._said_at >= TELL_EVERY_S):
            self._said_at = now
            line = f"{self._name}: {done} of {self._of} told, {self.failed} failed so far"
            print(f"{line}, {self.faults.total()} faults, {now - self.began:.0f} s", file=sys.stderr)

    def conclude(self) -> None:
        """The summary; ends with 1 if any failed."""
        told = ", ".join(f"{count} {name}" for name, count in self.told.items() if count)
        print(f"{self.told.total()} stories ({told}), {self.failed} failed; {self.faults.total()} faults:")
        for fault, count in sorted(self.faults.items()):
            print(f"  {count:>8} {fault}")
        if self.failed:
            raise SystemExit(1)


def _read(path: Path) -> str:
    """The seeds file; one that is not there yet is made when something fails."""
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{path} cannot be read: {error}", 2)


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
