"""What a scenario changes of its profile, at its begin or by an event. Reads the file of a profile.

Names that no profile knows are refused with the nearest one: a misspelt quota would change nothing, silently.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from windlass.aws.quotas import BUILT_IN, Profile, load_profile
from windlass.kernel.bucket import Rate
from windlass.kernel.clock import SECOND
from windlass.planner.scenario import quantity
from windlass.planner.scenario.model import Scenario

NUMBER_MAX = 10**15
"""No quota is as large as that; ours."""
CYCLED = "ecs.deployment."
"""Buckets whose burst is what one work cycle brings: it grows with the refill."""


class CannotPlay(Exception):
    """Why a scenario cannot be played: one line for people."""


def profile_of(scenario: Scenario) -> Profile:
    """The profile with what the scenario changes of it. Raises CannotPlay."""
    try:
        profile = changed(load_profile(scenario.profile), scenario.quotas)
        known = _known()
        _look_up("delay", scenario.delays, {*known.delays, *profile.delays})
        _look_up("model", scenario.models, {*known.models, *profile.models})
    except ValueError as error:
        raise CannotPlay(str(error)) from error
    delays, sigmas = dict(profile.delays), dict(profile.sigmas)
    for name, delay in scenario.delays.items():
        delays[name], sigmas[name] = delay.median / SECOND, delay.sigma
    models = {**profile.models, **scenario.models}
    return dataclasses.replace(profile, delays=delays, sigmas=sigmas, models=models)


def changed(profile: Profile, quotas: Mapping[str, Any]) -> Profile:
    """The profile with other quotas. Raises ValueError."""
    known = _known()
    _look_up("quota", quotas, {*known.quotas, *known.buckets, *profile.quotas, *profile.buckets})
    numbers, buckets = dict(profile.quotas), dict(profile.buckets)
    for name, given in quotas.items():
        if isinstance(given, Mapping):
            buckets[name] = _rate(name, given, buckets.get(name))
        elif name in buckets or name in known.buckets:
            raise ValueError(
                f"{name} is a bucket: give it refill and burst, as in {{refill: 20/s, burst: 100}}"
            )
        else:
            numbers[name] = _number(name, given)
    return dataclasses.replace(profile, quotas=numbers, buckets=buckets)


def throttled(profile: Profile, rates: Mapping[str, float]) -> Profile:
    """The profile with these buckets filling at so many tokens a second, and hardly a burst.

    Raises ValueError.
    """
    for name in rates:
        if name not in profile.buckets:
            close = difflib.get_close_matches(name, profile.buckets, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"the profile has no bucket {name!r} that could be throttled{hint}")
    slow = {
        name: {"refill": f"{rate * 60:.6f}/min", "burst": max(1, math.ceil(rate))}
        for name, rate in rates.items()
    }
    return changed(profile, slow)


@cache
def _known() -> Profile:
    """All that the built-in profiles name."""
    profiles = [load_profile(name) for name in BUILT_IN]
    return Profile(
        "known",
        quotas={name: value for one in profiles for name, value in one.quotas.items()},
        buckets={name: value for one in profiles for name, value in one.buckets.items()},
        delays={name: value for one in profiles for name, value in one.delays.items()},
        models={name: value for one in profiles for name, value in one.models.items()},
    )


def _look_up(kind: str, given: Iterable[str], known: set[str]) -> None:
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), 1)
            hint = f": did you mean {close[0]}?" if close else ""
            raise ValueError(f"there is no {kind} {name!r}{hint}")


def _number(name: str, given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given < NUMBER_MAX:
        raise ValueError(f"{name}: {given!r} is not a number from 0 on")
    return float(given)


def _rate(name: str, given: Mapping[str, Any], known: Rate | None) -> Rate:
    unknown = sorted(set(given) - {"refill", "burst"})
    if unknown or not given:
        raise ValueError(f"{name}: a bucket has refill and burst, as in {{refill: 20/s, burst: 100}}")
    burst = int(_number(f"{name}.burst", given.get("burst", known.burst if known is not None else 1)))
    if "refill" not in given:
        if known is None:
            raise ValueError(f"{name}: the profile has no such bucket, so it needs refill and burst")
        return dataclasses.replace(known, burst=burst)
    per_minute = quantity.rate(given["refill"]) * 60
    if name.startswith(CYCLED) and "burst" not in given and known is not None:
        burst = round(burst * per_minute / known.parts)
    return Rate(burst=burst, per_minute=max(1, round(per_minute)))
