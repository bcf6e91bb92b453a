"""Quotas and rates in force: the profile's values, and the levels of the buckets.

A profile is a TOML file (design D9). `[quotas]` are plain numbers; `[buckets]` are `{burst, per_second}`;
`[delays]` are medians in seconds, with a `sigma` where they vary (lognormal); `[switches]` are true or false.
A name that a profile does not list has no limit, no delay, and is off. Levels live in memory: after a restart
buckets are full.
"""

from __future__ import annotations

import math
import random
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from windlass.kernel.bucket import Bucket, Rate, full, take
from windlass.kernel.clock import Instant

PROFILES = Path(__file__).parent.parent / "profiles"
SECTIONS = ("quotas", "buckets", "delays", "switches")
BUILT_IN = ("local", "aws", "aws-2022")


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


def load_profile(name: str) -> Profile:
    """A built-in profile by name, or a user's by its file. Raises ValueError with one line for people."""
    path = PROFILES / f"{name}.toml" if name in BUILT_IN else Path(name)
    try:
        read = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"no profile {name!r}: use one of {', '.join(BUILT_IN)}, or a TOML file") from None
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"profile {path}: {error}") from error
    return parse_profile(name, read)


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
            buckets={
                key: Rate(burst=int(entry["burst"]), per_second=int(entry["per_second"]))
                for key, entry in read.get("buckets", {}).items()
            },
            delays={key: float(entry["value"]) for key, entry in delays.items()},
            sigmas={key: float(entry["sigma"]) for key, entry in delays.items() if "sigma" in entry},
            switches={key: _boolean(entry["value"]) for key, entry in switches.items()},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"profile {name}: an entry lacks {error}") from error


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a value that is true or false")
    return value


class Quotas:
    """What limits one plane. Buckets are per account and Region."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._levels: dict[tuple[str, str, str], Bucket] = {}

    def value(self, name: str) -> float | None:
        """A plain quota; None when there is no limit."""
        return self.profile.quotas.get(name)

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

    def take(self, name: str, scope: tuple[str, str], count: int, now: Instant) -> bool:
        """Take `count` tokens of that bucket of (account, region), or none. True without such a bucket."""
        return self.take_all({name: count}, scope, now)

    def take_all(self, counts: Mapping[str, int], scope: tuple[str, str], now: Instant) -> bool:
        """Take so many tokens of each bucket, or none of any."""
        after: dict[tuple[str, str, str], Bucket] = {}
        for name, count in counts.items():
            rate = self.profile.buckets.get(name)
            if rate is None:
                continue
            key = (*scope, name)
            after[key], taken = take(self._levels.get(key) or full(rate, now), rate, count, now)
            if not taken:
                return False
        self._levels.update(after)
        return True
