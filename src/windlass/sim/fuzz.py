"""Searches for faults: many seeds of random stories, and the shortest story of a seed that fails.

What counts as a failure is an exception: a check of all rows (sim/checks.py and its kin), a promise at the
story's end, a bug of ours, a world in which nothing happens any more. A failing story is made shorter by
leaving steps out as long as it fails in the same way (delta debugging: halves first, then smaller parts).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from windlass.sim.disk import FSYNC
from windlass.sim.stories.apprunner import Kiosk
from windlass.sim.stories.batch import Farm
from windlass.sim.stories.mappings import Shop
from windlass.sim.stories.services import Estate
from windlass.sim.stories.telling import Deed, Script, Telling, tell
from windlass.sim.stories.traffic import Street

STEPS = 40
TRIES_MAX = 200
"""Stories that are told to make one shorter."""

Play = Callable[[int, Script], object]
"""Tells the story of that seed by the script. Raises what went wrong."""


Steps: TypeAlias = tuple[tuple[int, str], ...]
"""(number, deed) of each."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one seed. `what` is "" when all went well, else the error in a line; `steps` those it takes."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    what: str = ""
    steps: Steps = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A story that once failed, as a line of a seeds file: "services 17 3:cut 9:kill_soon  # why".

    Without steps all of them are told. Deeds stand there by name, so that the line tells the same story when
    others are added to those that chance picks from.
    """

    story: str
    seed: int
    steps: Steps = ()
    why: str = ""

    def __str__(self) -> str:
        words = [self.story, str(self.seed), *(f"{number}:{deed}" for number, deed in self.steps)]
        return " ".join(words) + (f"  # {self.why}" if self.why else "")

    @property
    def script(self) -> Script:
        return Script(dict(self.steps) or None)


def kept_in(text: str) -> list[Kept]:
    """The stories of a seeds file. Other lines are somebody else's: seeds of tests stand there too."""
    found = []
    for line in text.splitlines():
        words, _, why = line.partition("#")
        match words.split():
            case [story, seed, *steps] if story in STORIES:
                pairs = [step.split(":") for step in steps]
                told = tuple((int(number), deed) for number, deed in pairs)
                found.append(Kept(story, int(seed), told, why.strip()))
    return found


def of(kind: type[Telling]) -> Play:
    """That kind of story: STEPS steps of everything that may happen, then the end of all faults."""

    async def story(telling: Telling) -> None:
        for _ in range(STEPS):
            await telling.step(deeds(telling))
        await telling.ends_well()

    return lambda seed, script: tell(kind, story, seed, FSYNC if seed % 2 else 0, script, faulty=True)


STORIES: Mapping[str, Play] = {
    "services": of(Estate),
    "batch": of(Farm),
    "mappings": of(Shop),
    "traffic": of(Street),
    "apprunner": of(Kiosk),
}
"""What is random in each stands in its module."""


def deeds(telling: Telling) -> list[Deed]:
    """What may happen, the usual as often as all the rest."""
    faults = [telling.kill_soon] * 5 + [telling.revive] * 6 + [telling.fill_or_empty] * 2
    return [*telling.users() * 2, *telling.trouble(), *faults, *telling.storms()]


def search(play: Play, seeds: Iterable[int], *, minimise: bool = True) -> Iterator[Outcome]:
    """What came of each seed, one after the other."""
    for seed in seeds:
        script = Script()
        what = failure(play, seed, script)
        steps = tuple(script.told)
        if what and minimise:
            steps = shortest(play, seed, what, steps)
        yield Outcome(seed, script.faults, what, steps if what else ())


def again(kept: Kept) -> Outcome:
    """What comes of that story today."""
    script = kept.script
    what = failure(STORIES[kept.story], kept.seed, script)
    return Outcome(kept.seed, script.faults, what, tuple(script.told) if what else ())


def shortest(play: Play, seed: int, what: str, steps: Steps) -> Steps:
    """As few of these steps as can be found that fail like that."""
    kept, part, tries = list(steps), max(1, len(steps) // 2), 0
    while tries < TRIES_MAX:
        at, before = 0, len(kept)
        while at < len(kept) and tries < TRIES_MAX:
            fewer = kept[:at] + kept[at + part :]
            tries += 1
            if _kind(failure(play, seed, Script(dict(fewer)))) == _kind(what):
                kept = fewer
            else:
                at += part
        if part == 1 and len(kept) == before:
            break
        part = max(1, part // 2)
    return tuple(kept)


def failure(play: Play, seed: int, script: Script) -> str:
    """What goes wrong with that script, in one line; "" when nothing does."""
    try:
        play(seed, script)
    except Exception as error:
        lines = str(error).strip().splitlines()
        return f"{type(error).__name__}: {lines[0] if lines else ''}"[:300]
    return ""


def _kind(what: str) -> str:
    return what.partition(":")[0]
