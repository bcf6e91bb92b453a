"""The launch phases of a profile, fitted to observed timings of tasks. Pure.

Decides which tasks tell something of which phase; how numbers are fitted is fitting.py's. The phases are
those of sim/launch_model.py: what comes out is a profile that extends the one it began with. A phase with
too few tasks stays as it was, and the result says so. Known gaps: pulls on instances are not fitted (which of
them pulled is not told), nor are the supply of Spot, the boot of instances, and load balancers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from statistics import median

from windlass.aws.quotas import Profile
from windlass.planner.calibration.fitting import (
    OBSERVATIONS_MIN,
    PER_MB_LEAST,
    Lognormal,
    Transfer,
    added,
    lognormal,
    transfer,
)
from windlass.planner.calibration.timings import Timing

PROVISION, ADDRESS, INTERFACE = "task.provision", "task.public_address", "task.interface_attach"
PULL, START = "task.pull", "task.start"
RATES = ("image.pull_mb_per_s", "image.unpack_mb_per_s")
UNITS = {
    PROVISION: "s, median, to provision a Fargate machine with its interface; sigma of its logarithm",
    ADDRESS: "s, median, for a public address more; sigma of its logarithm",
    INTERFACE: "s, median, to attach an interface to a task on an instance; sigma of its logarithm",
    PULL: "s until a pull gets going, beside its transfer; sigma of both together",
    START: "s, median, to create and start containers; sigma of its logarithm",
    RATES[0]: "compressed MB per s of a simulated pull",
    RATES[1]: "compressed MB per s of simulated unpacking",
}
SIZES_APART = 2.0
"""How much larger the largest images have to be than the smallest, to tell bandwidth from a pull's begin."""


class TooFew(Exception):
    """Why nothing can be fitted: one line for people."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of the profile, fitted."""

    section: str
    name: str
    value: float
    error: float
    """Its standard error."""
    was: float
    count: int
    """Tasks that it was fitted to."""
    sigma: float | None = None
    sigma_error: float = 0.0
    was_sigma: float = 0.0
    distance: float | None = None
    """How far the observed distribution is from the fitted one, at most."""
    distance_max: float = 0.0
    """What that would hardly exceed if they were the same."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted to the tasks of a file, newest of that date."""

    extends: str
    source: str
    date: str
    numbers: tuple[Number, ...]
    notes: tuple[str, ...] = ()

    def toml(self) -> str:
        """A profile, as `windlass plan` takes it."""
        lines = [f"# Fitted to {_quoted(self.source)} by windlass calibrate.", f'extends = "{self.extends}"']
        for section in ("delays", "models"):
            fitted = [one for one in self.numbers if one.section == section]
            lines += [f"\n[{section}]", *(self._entry(one) for one in fitted)] if fitted else []
        return "\n".join([*lines, *(f"# {note}" for note in self.notes), ""])

    def _entry(self, one: Number) -> str:
        sigma = "" if one.sigma is None else f"sigma = {one.sigma:.4g}, "
        source = f"{self.source}: {one.count} tasks, standard error {one.error:.2g}"
        if one.sigma is not None:
            source += f", of sigma {one.sigma_error:.2g}"
        if one.distance is not None:
            source += f", Kolmogorov-Smirnov distance {one.distance:.3f}"
        return (
            f'"{one.name}" = {{ value = {one.value:.5g}, {sigma}unit = "{UNITS[one.name]}", '
            f'source = {_quoted(source)}, date = "{self.date}" }}'
        )

    def report(self) -> Iterator[str]:
        """Lines for people."""
        yield f"fitted to {self.source}, on top of the profile {self.extends}:"
        yield f"  {'':22} {'tasks':>6}  {'value':>18}  {'was':>6}  {'sigma':>14}  {'was':>5}  fit"
        for one in self.numbers:
            value = f"{one.value:.3g} ± {one.error:.2g} {'s' if one.section == 'delays' else 'MB/s'}"
            sigma = "" if one.sigma is None else f"{one.sigma:.3g} ± {one.sigma_error:.2g}"
            was_sigma = "" if one.sigma is None else f"{one.was_sigma:.3g}"
            yield (
                f"  {one.name:22} {one.count:6}  {value:>18}  {one.was:>6.3g}  {sigma:>14}  {was_sigma:>5}  "
                f"{_fit(one)}"
            ).rstrip()
        for note in self.notes:
            yield f"  note: {note}"


def calibrate(timings: Sequence[Timing], base: Profile, source: str) -> Calibration:
    """The launch phases that these tasks tell of. Raises TooFew."""
    fitting = _Fitting(base)
    fitting.provision(
        [one for one in timings if one.fargate and not one.spot and one.provision_s is not None]
    )
    fitting.delay(INTERFACE, (one.provision_s for one in timings if not one.fargate and one.interface))
    fitting.pull([one for one in timings if one.fargate and one.pull_s is not None])
    fitting.delay(START, (one.start_s for one in timings))
    if not fitting.numbers:
        seen = ", ".join(f"{name} {count}" for name, count in fitting.seen.items())
        raise TooFew(
            f"{source}: too few timings: a phase is fitted to {OBSERVATIONS_MIN} tasks or more that have the "
            f"times of its begin and end; there are {len(timings)} tasks, of which tell something of {seen}"
        )
    if spot := sum(one.spot for one in timings):
        fitting.notes.append(f"{spot} tasks on Fargate Spot are not in {PROVISION}: they wait for supply")
    newest = max(one.created_s for one in timings)
    date = datetime.fromtimestamp(newest, UTC).date().isoformat()
    return Calibration(base.name, source, date, tuple(fitting.numbers), tuple(fitting.notes))


class _Fitting:
    """Of one profile: what was fitted so far, and what could not be."""

    def __init__(self, base: Profile) -> None:
        self._base = base
        self.numbers: list[Number] = []
        self.notes: list[str] = []
        self.seen: dict[str, int] = {}
        """Phase → tasks that tell of it."""

    def delay(self, name: str, observed: Iterable[float | None]) -> None:
        """One phase, seen by itself."""
        seconds = [one for one in observed if one is not None]
        if self._enough(name, len(seconds)):
            self._keep(name, lognormal(seconds))

    def provision(self, tasks: Sequence[Timing]) -> None:
        """On Fargate: with and without a public address, or both in one where that is not told."""
        private, public = ([one for one in tasks if one.public is said] for said in (False, True))
        if not private and not public:
            self._provision_of_both(tasks, "the timings do not tell which tasks have a public address")
        elif len(private) < OBSERVATIONS_MIN <= len(public):
            self._provision_of_both(public, "there are too few tasks without a public address")
        else:
            alone = [one.provision_s or 0.0 for one in private]
            self.delay(PROVISION, alone)
            if len(alone) >= OBSERVATIONS_MIN and public and self._enough(ADDRESS, len(public)):
                self._keep(ADDRESS, added([one.provision_s or 0.0 for one in public], alone))

    def _provision_of_both(self, tasks: Sequence[Timing], why: str) -> None:
        self.delay(PROVISION, (one.provision_s for one in tasks))
        if len(tasks) >= OBSERVATIONS_MIN:
            was = self._base.delays.get(ADDRESS, 0.0)
            self.numbers.append(Number("delays", ADDRESS, 0.0, 0.0, was, len(tasks)))
            self.notes.append(f"{ADDRESS} is in {PROVISION}: {why}")

    def pull(self, tasks: Sequence[Timing]) -> None:
        """What a pull takes by the size of its images; without one it cannot be told."""
        sized = sorted((one.image_mb, one.pull_s or 0.0) for one in tasks if one.image_mb is not None)
        if tasks and not sized:
            self.notes.append(f"{PULL} stays: the timings have no image_mb (or give --image-mb)")
        if not self._enough(PULL, len(sized)):
            return
        sizes, seconds = [size for size, _ in sized], [took for _, took in sized]
        third = len(sizes) // 3
        if median(sizes[-third:]) >= SIZES_APART * median(sizes[:third]):
            self._keep_transfer(transfer(sizes, seconds), len(sizes))
        else:
            self._pull_of_one_size(median(sizes), lognormal(seconds))

    def _pull_of_one_size(self, size: float, took: Lognormal) -> None:
        """The bandwidth stays, unless it alone would take longer than all did."""
        begin = took.median - size * sum(self._per_mb().values())
        self.notes.append(
            f"the images are of about one size, {size:g} MB: {PULL} is what their pulls took beside the "
            f"bandwidth of the profile {self._base.name}"
        )
        if begin >= 0:
            self._keep(PULL, replace(took, median=begin))
            return
        self.notes[-1] = f"the images are of about one size, {size:g} MB: all of a pull counts as transfer"
        per_mb, error = max(PER_MB_LEAST, took.median / size), took.errors[0] / size
        spread = replace(took, errors=(0.0, took.errors[1]))
        self._keep_transfer(Transfer(0.0, per_mb, (0.0, error), spread), took.count)

    def _keep_transfer(self, found: Transfer, count: int) -> None:
        """As two bandwidths in the ratio that they have: only their sum is seen."""
        errors = (found.errors[0], found.spread.errors[1])
        self._keep(PULL, replace(found.spread, median=found.begin, errors=errors))
        if found.per_mb <= PER_MB_LEAST:
            self.notes.append("pulls do not grow with the size of images: the bandwidths stand for none")
        known = self._per_mb()
        shares = {name: one / sum(known.values()) for name, one in known.items()} or {RATES[0]: 1.0}
        for name, share in shares.items():
            rate = 1 / (found.per_mb * share)
            error = rate * found.errors[1] / found.per_mb
            was = self._base.models.get(name, 0.0)
            self.numbers.append(Number("models", name, rate, error, was, count))

    def _per_mb(self) -> dict[str, float]:
        """Seconds a megabyte, of each bandwidth."""
        return {name: 1 / rate for name in RATES if (rate := self._base.models.get(name))}

    def _enough(self, name: str, count: int) -> bool:
        self.seen[name] = count
        if 0 < count < OBSERVATIONS_MIN:
            self.notes.append(f"{name} stays: {count} tasks tell of it, and {OBSERVATIONS_MIN} are needed")
        return count >= OBSERVATIONS_MIN

    def _keep(self, name: str, found: Lognormal) -> None:
        base = self._base
        self.numbers.append(
            Number(
                "delays",
                name,
                found.median,
                found.errors[0],
                base.delays.get(name, 0.0),
                found.count,
                found.sigma,
                found.errors[1],
                base.sigmas.get(name, 0.0),
                found.distance,
                found.distance_max,
            )
        )


def _fit(one: Number) -> str:
    """In words, with its measure."""
    if one.distance is None:
        return ""
    if one.distance <= one.distance_max:
        return f"lognormal (distance {one.distance:.3f})"
    return f"not lognormal (distance {one.distance:.3f}, of a lognormal at most {one.distance_max:.3f})"


def _quoted(text: str) -> str:
    """As a TOML string."""
    return json.dumps("".join(one if one.isprintable() else "?" for one in text), ensure_ascii=False)
