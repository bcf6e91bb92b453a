"""Quotas and rates in force: the profile's values, what was granted on top, and the levels of the buckets.

A profile is a TOML file (design D9). `[quotas]` are plain numbers; `[buckets]` are `{burst, per_second}` or
`{burst, per_minute}`; `[delays]` are medians in seconds, with a `sigma` where they vary (lognormal);
`[switches]` are true or false, `[choices]` words; `[models]` are numbers of simulations, which limit nothing.
A file that says `extends = "aws"` has all entries of that built-in profile, and its own in place of some.
A name that a profile does not list has no limit, no delay, and is off. What an account was granted stands in
place of the profile's number, in one Region (`granted_by`).
Levels live in memory: after a restart buckets are full. This knows numbers by name, and not what they limit.
"""

from __future__ import annotations

import math
import random
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from windlass.kernel import bucket
from windlass.kernel.bucket import Bucket, Rate
from windlass.kernel.clock import Duration, Instant

PROFILES = Path(__file__).parent.parent / "profiles"
SECTIONS = ("quotas", "buckets", "delays", "switches", "choices", "models")
BUILT_IN = ("local", "aws", "aws-2022")
RATE_PARTS = ("burst", "per_second", "per_minute")
"""What a rate is made of.

Each is a quota of its own: "fargate.spot.burst" is granted apart from its refill.
"""
LEVELS_KEPT_MIN = 1_024
"""Buckets that may be remembered before full ones are forgotten."""

Scope: TypeAlias = tuple[str, str]
"""Account and Region: what one has or does never touches another's."""
Grants: TypeAlias = Callable[[Scope, str], "float | None"]
"""The value that a scope was granted of a quota, by its name; None when the profile's holds."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as read: `quotas` plain numbers, `buckets` rates, `delays` seconds by name.

    `sigmas` has the spread of those delays that vary: the standard deviation of the delay's logarithm.
    """

    name: str
    quotas: Mapping[str, float] = field(default_factory=dict)
    buckets: Mapping[str, Rate] = field(default_factory=dict)
    delays: Mapping[str, float] = field(default_factory=dict)
    sigmas: Mapping[str, float] = field(default_factory=dict)
    switches: Mapping[str, bool] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, float] = field(default_factory=dict)


def load_profile(name: str) -> Profile:
    """A built-in profile by name, or a user's by its file. Raises ValueError with one line for people."""
    path = PROFILES / f"{name}.toml" if name in BUILT_IN else Path(name)
    try:
        if path.exists() and not path.is_file():
            raise ValueError(f"{name}: this is no file")  # what a device gives may have no end
        read = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"no profile {name!r}: use one of {', '.join(BUILT_IN)}, or a TOML file") from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"profile {path}: {error}") from error
    return parse_profile(name, _extended(name, read))


def _extended(name: str, read: Mapping[str, Any]) -> Mapping[str, Any]:
    """The entries of the built-in profile that it `extends`, if any, with its own in their places."""
    extends = read.get("extends")
    own = {section: entries for section, entries in read.items() if section != "extends"}
    if extends is None:
        return own
    if extends not in BUILT_IN:
        raise ValueError(f"profile {name}: it can extend {', '.join(BUILT_IN)}, not {extends!r}")
    whole: dict[str, Any] = tomllib.loads((PROFILES / f"{extends}.toml").read_text())
    for section, entries in own.items():
        if not isinstance(entries, Mapping):
            raise ValueError(f"profile {name}: {section} is no section of entries")
        whole[section] = {**whole.get(section, {}), **entries}
    return whole


def parse_profile(name: str, read: Mapping[str, Any]) -> Profile:
    """Each entry is a table with `value` (or `burst` and `per_second`), `unit`, `source` and `date`."""
    unknown = sorted(set(read) - set(SECTIONS))
    if unknown:
        raise ValueError(f"profile {name}: unknown section {unknown[0]!r}; there are {', '.join(SECTIONS)}")
    delays, switches = read.get("delays", {}), read.get("switches", {})
    try:
        return Profile(
            name=name,
            quotas={key: float(entry["value"]) for key, entry in read.get("quotas", {}).items()},
            buckets={key: _rate(entry) for key, entry in read.get("buckets", {}).items()},
            delays={key: float(entry["value"]) for key, entry in delays.items()},
            sigmas={key: float(entry["sigma"]) for key, entry in delays.items() if "sigma" in entry},
            switches={key: _boolean(entry["value"]) for key, entry in switches.items()},
            choices={key: _choice(entry) for key, entry in read.get("choices", {}).items()},
            models={key: float(entry["value"]) for key, entry in read.get("models", {}).items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"profile {name}: an entry lacks {error}") from error


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a value that is true or false")
    return value


def _choice(entry: Mapping[str, Any]) -> str:
    """The `value`, which has to be `one_of` a list."""
    if entry["value"] not in entry["one_of"]:
        raise ValueError(f"a value that is one of {', '.join(entry['one_of'])}")
    return str(entry["value"])


def _rate(entry: Mapping[str, Any]) -> Rate:
    if "per_minute" in entry and "per_second" not in entry:
        return Rate(burst=int(entry["burst"]), per_minute=int(entry["per_minute"]))
    return Rate(burst=int(entry["burst"]), per_second=int(entry["per_second"]))


@dataclass(frozen=True, slots=True)
class Level:
    """A bucket as it stands: for people. `subject` is what within the scope it belongs to, mostly nothing."""

    name: str
    subject: str
    tokens: int
    rate: Rate


@dataclass(slots=True)
class _Held:
    """A bucket that is not full, with the rate it has been filling at."""

    bucket: Bucket
    rate: Rate


_Buckets: TypeAlias = "dict[tuple[str, str], _Held]"
"""(name, subject) → bucket, of one scope."""


class Quotas:
    """What limits one plane.

    Buckets are per account and Region, and per subject where the caller names one.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._grants: Grants = lambda scope, name: None
        self._levels: dict[Scope, _Buckets] = {}
        self._kept = 0
        self._sweep_at = LEVELS_KEPT_MIN

    def granted_by(self, grants: Grants) -> None:
        """Ask there from now on what a scope was granted."""
        self._grants = grants

    def granted(self, scope: Scope, name: str) -> float | None:
        """What the scope was granted of a quota, or part of a rate, whether or not the profile limits it."""
        return self._grants(scope, name)

    def value(self, name: str, scope: Scope | None = None) -> float | None:
        """A plain quota of that scope, or the plane's; None when there is no limit."""
        limit = self.profile.quotas.get(name)
        if limit is None or scope is None:
            return limit
        granted = self._grants(scope, name)
        return limit if granted is None else granted

    def rate(self, name: str, scope: Scope) -> Rate | None:
        """The rate of that bucket in that scope; None when there is no limit."""
        rate = self.profile.buckets.get(name)
        if rate is None:
            return None
        granted = {part: self._grants(scope, f"{name}.{part}") for part in RATE_PARTS if getattr(rate, part)}
        parts = {part: int(value) for part, value in granted.items() if value is not None}
        return replace(rate, **parts) if parts else rate

    def delay_s(self, name: str) -> float:
        """A modelled delay in seconds; 0 when the profile has none."""
        return self.profile.delays.get(name, 0.0)

    def draw_s(self, name: str, stream: random.Random) -> float:
        """A modelled delay in seconds as it comes out this time."""
        median, sigma = self.delay_s(name), self.profile.sigmas.get(name, 0.0)
        return median * math.exp(stream.gauss(0.0, sigma)) if median and sigma else median

    def switch(self, name: str) -> bool:
        """Whether the profile turns that on."""
        return self.profile.switches.get(name, False)

    def choice(self, name: str, default: str) -> str:
        """The word that the profile chose."""
        return self.profile.choices.get(name, default)

    # buckets

    def take(self, name: str, scope: Scope, count: int, now: Instant, subject: str = "") -> bool:
        """Take `count` tokens of that bucket, or none. True without such a bucket."""
        return self.take_all({name: count}, scope, now, subject)

    def take_all(
        self,
        counts: Mapping[str, int],
        scope: Scope,
        now: Instant,
        subject: str = "",
        leave: Mapping[str, int] | None = None,
    ) -> bool:
        """Take so many tokens of each bucket, or none of any.

        None too when fewer than `leave` would be left.
        """
        after: _Buckets = {}
        for name, count in counts.items():
            found = self._held(name, scope, now, subject)
            if found is None:
                continue
            level, taken = bucket.take(found.bucket, found.rate, count, now)
            if not taken or (leave and bucket.level(level, found.rate, now) < leave.get(name, 0)):
                return False
            after[name, subject] = _Held(level, found.rate)
        for key, held in after.items():
            self._keep(key, scope, held, now)
        return True

    def take_up_to(self, name: str, scope: Scope, count: int, now: Instant, subject: str = "") -> int:
        """Take as many of `count` tokens as there are; returns how many.

        All of them without such a bucket.
        """
        found = self._held(name, scope, now, subject)
        if found is None:
            return count
        level, taken = bucket.take_up_to(found.bucket, found.rate, count, now)
        if taken:
            self._keep((name, subject), scope, _Held(level, found.rate), now)
        return taken

    def give_back(self, name: str, scope: Scope, count: int, now: Instant, subject: str = "") -> None:
        """Put tokens back that were taken and not used."""
        found = self._held(name, scope, now, subject)
        if found is not None and count:
            level = bucket.give_back(found.bucket, found.rate, count, now)
            self._keep((name, subject), scope, _Held(level, found.rate), now)

    def level(self, name: str, scope: Scope, now: Instant, subject: str = "") -> int | None:
        """Whole tokens in that bucket; None when there is no such limit."""
        found = self._held(name, scope, now, subject)
        return None if found is None else bucket.level(found.bucket, found.rate, now)

    def wait_for(
        self, name: str, scope: Scope, count: int, now: Instant, subject: str = ""
    ) -> Duration | None:
        """How long until `count` tokens are there; None when the bucket never holds that many."""
        found = self._held(name, scope, now, subject)
        return 0 if found is None else bucket.wait_for(found.bucket, found.rate, count, now)

    def levels(self, scope: Scope, now: Instant) -> list[Level]:
        """Every bucket of that scope that is not full, by name and subject."""
        held = sorted(self._levels.get(scope, {}))
        return [level for name, subject in held if (level := self._shown(name, subject, scope, now))]

    def scopes(self) -> list[Scope]:
        """The scopes that have drawn from a bucket lately."""
        return sorted(self._levels)

    def _shown(self, name: str, subject: str, scope: Scope, now: Instant) -> Level | None:
        found = self._held(name, scope, now, subject)
        if found is None or bucket.is_full(found.bucket, found.rate, now):
            return None
        return Level(name, subject, bucket.level(found.bucket, found.rate, now), found.rate)

    def _held(self, name: str, scope: Scope, now: Instant, subject: str) -> _Held | None:
        """The bucket with the rate in force; what came in before a rate changed came in at the old one."""
        rate = self.rate(name, scope)
        if rate is None:
            return None
        held = self._levels.get(scope, {}).get((name, subject))
        if held is None:
            return _Held(bucket.full(rate, now), rate)
        if held.rate == rate:
            return held
        changed = _Held(bucket.refill(held.bucket, held.rate, now), rate)
        self._keep((name, subject), scope, changed, now)
        return changed

    def _keep(self, key: tuple[str, str], scope: Scope, held: _Held, now: Instant) -> None:
        buckets = self._levels.setdefault(scope, {})
        self._kept += key not in buckets
        buckets[key] = held
        if self._kept > self._sweep_at:
            self._forget_full(now)

    def _forget_full(self, now: Instant) -> None:
        """Forget what a full bucket made anew says as well. Costs a step for each bucket that was added."""
        for scope, buckets in list(self._levels.items()):
            kept = {key: held for key, held in buckets.items() if not _is_full(held, now)}
            self._levels[scope] = kept
            if not kept:
                del self._levels[scope]
        self._kept = sum(map(len, self._levels.values()))
        self._sweep_at = max(LEVELS_KEPT_MIN, 2 * self._kept)


def _is_full(held: _Held, now: Instant) -> bool:
    return bucket.is_full(held.bucket, held.rate, now)
