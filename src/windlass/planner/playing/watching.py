"""What goes on in a scenario's world, counted as rows change: what the plots and the summary are made of.

Counts from changes alone, so that a world of a million tasks costs a step for each change and not a walk for
each sample. Tasks of ECS; of all else gauging.py knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from windlass.aws.quotas import Quotas
from windlass.kernel.clock import SECOND, Clock, Instant
from windlass.kernel.store import Change, Store
from windlass.planner.playing.gauging import Gauges
from windlass.planner.playing.load import gauges_of
from windlass.services.ecs.model import TASKS, Task
from windlass.sim.outcomes import Report

SAMPLES_MIN = 600
"""Of a long run; twice as many at most."""
Subject = tuple[str, str]
"""(cluster, service) of tasks; service "" for those that were run by themselves."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How things stood at one time, in seconds since the scenario's begin."""

    at_s: float
    launched: int
    """Tasks so far."""
    running: int
    stopped: int
    tokens: dict[str, int] = field(default_factory=dict)
    """Bucket → what was in it; those that were full are left out."""
    gauges: dict[tuple[str, str], float] = field(default_factory=dict)
    """(kind, subject) → value: ("messages", "jobs"), ("p99_s", "users"); docs/planner.md has the kinds."""


class Watching:
    """Of one world's plane; `began` is where times are counted from."""

    def __init__(
        self, store: Store, quotas: Quotas, clock: Clock, scope: tuple[str, str], gauges: Gauges
    ) -> None:
        self.gauges = gauges
        self._quotas = quotas
        self._clock = clock
        self._scope = scope
        self.began: Instant = clock.now()
        self.launched: Counter[Subject] = Counter()
        self.running: Counter[Subject] = Counter()
        self.stopped: Counter[Subject] = Counter()
        self.reached: Counter[Subject] = Counter()
        """Tasks that have come to RUNNING so far."""
        self.samples: list[Sample] = []
        self.lowest: dict[str, int] = {}
        """Bucket → the least that was ever seen in it: what never went down did not matter."""
        store.watch((TASKS,), self._on_task)

    def counts(self) -> tuple[int, int, int]:
        """Launched, running and stopped tasks of all."""
        launched, running, stopped = (
            sum(one.values()) for one in (self.launched, self.running, self.stopped)
        )
        return launched, running, stopped

    def sample(self) -> None:
        """Note how things stand."""
        now = self._clock.now()
        levels = self._quotas.levels(self._scope, now)
        tokens: dict[str, int] = {}
        for level in levels:  # of each service its own, of some: the one that has least limits it
            tokens[level.name] = min(level.tokens, tokens.get(level.name, level.tokens))
        for name, count in tokens.items():
            self.lowest[name] = min(count, self.lowest.get(name, count))
        at_s = (now - self.began) / SECOND
        self.samples.append(Sample(at_s, *self.counts(), tokens, self.gauges.read()))

    def add_loads(self, reports: Mapping[str, Report]) -> None:
        """Give all samples what workloads came to in the time before each. To be called once, at the end."""
        times = [self.began + round(sample.at_s * SECOND) for sample in self.samples]
        for name, report in reports.items():
            for sample, found in zip(self.samples, gauges_of(name, report, times), strict=True):
                sample.gauges.update(found)

    async def sample_always(self) -> None:
        """For ever, for `world.begin`: each second at first, less often the longer it takes."""
        every = SECOND
        while True:
            self.sample()
            if len(self.samples) > 2 * SAMPLES_MIN:
                del self.samples[1::2]
                every *= 2
            await self._clock.sleep(every)

    def _on_task(self, change: Change) -> None:
        old: Task | None = change.old
        new: Task | None = change.new
        self._count(old, -1)
        self._count(new, 1)
        if old is None and new is not None:
            self.launched[new.cluster, new.service] += 1
        if new is not None and new.started_at and (old is None or not old.started_at):
            self.reached[new.cluster, new.service] += 1
        if new is not None and new.last_status == "STOPPED" and (old is None or old.last_status != "STOPPED"):
            self.stopped[new.cluster, new.service] += 1

    def _count(self, task: Task | None, by: int) -> None:
        if task is not None and task.last_status == "RUNNING":
            self.running[task.cluster, task.service] += by
