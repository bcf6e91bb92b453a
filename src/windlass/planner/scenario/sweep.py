"""Variants of a scenario: `--sweep quota.fargate.on_demand.refill=20/s,40/s`. Pure.

What may be swept: `quota.NAME` (a number), `quota.NAME.refill` and `.burst` (a bucket), `delay.NAME`,
`image.NAME.size`, and anything else of the file by its JSON pointer, as in
`/resources/2/ecs.CreateService/desiredCount=100,1000`.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

VARIANTS_MAX = 200
"""Scenarios of one sweep; ours."""
PARTS = ("refill", "burst")


class BadSweep(Exception):
    """Why nothing can be swept like that: one line for people."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One thing that takes several values."""

    what: str
    values: tuple[Any, ...]


def read(text: str) -> Sweep:
    """`what=value,value`. Raises BadSweep."""
    what, equals, values = text.rpartition("=")
    if not equals or not what or not values:
        raise BadSweep(f"{text!r}: write quota.NAME=20,50,100, delay.NAME=1s,10s or /json/pointer=1,2")
    try:
        return Sweep(what, tuple(yaml.safe_load(value) for value in values.split(",")))
    except yaml.YAMLError as error:
        raise BadSweep(f"{text!r}: {values} are no values") from error


def variants(document: Mapping[str, Any], sweeps: Iterable[Sweep]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, document) of each combination: documents as a YAML file says them. Raises BadSweep."""
    every = list(itertools.product(*([(one.what, value) for value in one.values] for one in sweeps)))
    if len(every) > VARIANTS_MAX:
        raise BadSweep(f"{len(every)} variants are more than {VARIANTS_MAX}")
    for chosen in every:
        changed = copy.deepcopy(dict(document))
        for what, value in chosen:
            _put(changed, what, value)
        yield ", ".join(f"{_short(what)}={value}" for what, value in chosen), changed


def _short(what: str) -> str:
    return what.rpartition("/")[2] if what.startswith("/") else what.partition(".")[2]


def _put(document: dict[str, Any], what: str, value: Any) -> None:
    if what.startswith("/"):
        _point(document, what, value)
        return
    kind, _, name = what.partition(".")
    base, _, part = name.rpartition(".")
    match kind:
        case "quota" if part in PARTS and base:
            rate = document.setdefault("quotas", {}).setdefault(base, {})
            if not isinstance(rate, dict):
                raise BadSweep(f"{what}: the scenario makes a number of {base}")
            rate[part] = value
        case "quota" if name:
            document.setdefault("quotas", {})[name] = value
        case "delay" if name:
            document.setdefault("delays", {}).setdefault(name, {})["median"] = value
        case "image" if part == "size" and base:
            document.setdefault("images", {}).setdefault(base, {})["size"] = value
        case _:
            raise BadSweep(f"{what}: only quota.…, delay.…, image.NAME.size and /json/pointers can be swept")


def _point(document: dict[str, Any], pointer: str, value: Any) -> None:
    *steps, last = (step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])
    place: Any = document
    try:
        for step in steps:
            place = place[int(step)] if isinstance(place, list) else place[step]
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value
    except (KeyError, IndexError, ValueError, TypeError):
        raise BadSweep(f"{pointer}: the scenario has nothing there") from None
