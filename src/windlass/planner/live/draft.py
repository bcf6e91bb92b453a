"""A scenario in the making: operations with their parameters, what refers to what, and what is to be said.

Pure. Resources are added in an order that works; what an old ARN comes to is found out at the end, when all
are there. Knows no service: the modules beside it do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from windlass.planner.live.found import Found, Row
from windlass.planner.live.images import REGISTRY, in_registry, short
from windlass.planner.live.kept import KEPT, USUAL
from windlass.planner.live.shapes import kept

_ARN = re.compile(r"""arn:aws[\w-]*:[^\s"',]+""", re.ASCII)
DEFAULT_SUBNETS = "${default.subnets}"
GROUPS = ["${default.security_groups[0]}"]
ROLE = "arn:aws:iam::${default.account}:role/any"
"""Nobody assumes a role in a simulation, and some operations want one."""
LETTERS = "abc"
"""Zones of the simulated Region; each has a subnet."""
ZONES = len(LETTERS)


@dataclass(slots=True)
class Resource:
    """One operation of the scenario."""

    operation: str
    params: dict[str, Any]
    name: str
    """For people, and for `as`."""
    notes: list[str] = field(default_factory=list)
    gives: Mapping[str, str] = field(default_factory=dict)
    """What the account calls it → where the answer has what stands for that: "service.serviceArn"."""
    until: Mapping[str, Any] | None = None
    """What a scenario waits for because of it."""
    called: str = ""
    """Its `as`, once something refers to it."""


@dataclass(slots=True)
class Draft:
    """What one scenario will say."""

    found: Found
    here: str
    """The Region that is simulated."""
    with_environment: bool = False
    resources: list[Resource] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is said at the head of the file."""
    instances: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, int | None] = field(default_factory=dict)
    """Image → compressed bytes, None when nobody said."""
    quotas: dict[str, float] = field(default_factory=dict)
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What functions do, by their names."""
    workloads: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Each with what is said of it."""
    same: dict[str, str] = field(default_factory=dict)
    """What the account calls something → how the scenario does, where that is known beforehand: a name."""

    def add(
        self,
        operation: str,
        described: Row,
        name: str,
        said: Mapping[str, Any] | None = None,
        *,
        notes: Iterable[str] = (),
        gives: Mapping[str, str] | None = None,
        until: Mapping[str, Any] | None = None,
    ) -> Resource:
        """One more resource: what is kept of its description, and what is `said` besides, or instead.

        None of what is said: not at all.
        """
        said = said or {}
        keep = KEPT.get(operation, {})
        found = kept(operation, described, keep, USUAL.get(operation, {}))
        params = {**dict.fromkeys(keep), **found.params, **said}
        params = {key: value for key, value in params.items() if value is not None}
        left = [one for one in found.left if one not in said]
        words = list(notes)
        if left:
            words.append(f"left out: {', '.join(left)}")
        made = Resource(operation, params, name, words, gives or {}, until)
        self.resources.append(made)
        return made

    def subnets(self, ids: Iterable[str]) -> Any:
        """The default VPC's subnets that stand for these: zone by zone."""
        each = self.each_subnet(ids)
        return DEFAULT_SUBNETS if len(each) == ZONES else each

    def each_subnet(self, ids: Iterable[str]) -> list[str]:
        """The same, one by one."""
        zone_of = {one["SubnetId"]: one.get("AvailabilityZone", "") for one in self.found.of("ec2.subnets")}
        places = {
            LETTERS.index(self.zone(zone_of[one])) if one in zone_of else place % ZONES
            for place, one in enumerate(ids)
        }
        return [f"${{default.subnets[{place}]}}" for place in sorted(places or range(ZONES))]

    def image(self, name: str) -> str:
        """An image as the scenario calls it, with its size if that is known."""
        return self._sized(name, short(name))

    def whole_image(self, name: str) -> str:
        """The same by its whole name, in a registry of the simulated account."""
        place = in_registry(name)
        return self._sized(name, name if place is None else REGISTRY + short(name))

    def _sized(self, name: str, called: str) -> str:
        sizes = {one["image"]: one["bytes"] for one in self.found.of("ecr.images")}
        self.images[called] = sizes.get(name)
        return called

    def network(self, configuration: Row) -> Row | None:
        """An awsvpc configuration in the default VPC, spelt as ECS or as EventBridge spells it."""
        for outer, subnets, groups in (
            ("awsvpcConfiguration", "subnets", "securityGroups"),
            ("AwsvpcConfiguration", "Subnets", "SecurityGroups"),
        ):
            if outer in configuration:
                inner = {key: value for key, value in configuration[outer].items() if key != groups}
                inner[subnets] = self.subnets(inner.get(subnets, ()))
                return {outer: {key: value for key, value in inner.items() if value not in ("DISABLED", [])}}
        return None

    def zone(self, name: str) -> str:
        """The letter of the simulated Region's zone that stands for one of the account's."""
        zones = sorted({one.get("AvailabilityZone", "") for one in self.found.of("ec2.subnets")} - {""})
        return LETTERS[zones.index(name) % ZONES] if name in zones else LETTERS[0]

    def settled(self) -> list[Resource]:
        """The resources, with what they say of each other: names, `as` references, and no old place."""
        by_old = {old: (one, path) for one in self.resources for old, path in one.gives.items()}
        taken = {"default"}

        def new(old: str) -> str | None:
            if old not in by_old:
                return self.same.get(old)
            one, path = by_old[old]
            one.called = one.called or _free(one.name, taken)
            return f"${{{one.called}.{path}}}"

        for one in self.resources:
            one.params = self._moved(one.params, new)
        return self.resources

    def _moved(self, value: Any, new: Callable[[str], str | None]) -> Any:
        """The value as it is in the simulated account and Region."""
        if isinstance(value, dict):
            return {name: self._moved(one, new) for name, one in value.items()}
        if isinstance(value, list):
            return [self._moved(one, new) for one in value]
        if not isinstance(value, str):
            return value
        whole = new(value)
        if whole is not None:
            return whole
        balancer, label, group = value.partition("/targetgroup/")
        if label and (first := new(balancer)) and (second := new(label[1:] + group)):
            return f"{first}/{second}"
        return self.placed(_ARN.sub(lambda found: new(found[0]) or found[0], value))

    def placed(self, text: str) -> str:
        """A text, such as an ARN, with the simulated account, Region and zones in it."""
        account, region = self.found.account, self.found.region
        text = text.replace(f":{region}:{account}:", ":${default.region}:${default.account}:")
        text = text.replace(f"::{account}:", "::${default.account}:")
        zone = re.compile(rf"\b{re.escape(region)}[a-z]\b")
        return zone.sub(lambda found: "${default.region}" + self.zone(found[0]), text)


def _free(name: str, taken: set[str]) -> str:
    """An `as` that no other resource has: letters, digits, _ and -."""
    word = re.sub(r"[^A-Za-z0-9_-]+", "_", name)
    word = word if word[:1].isalpha() else f"r_{word}"
    number, free = 2, word
    while free in taken:
        number, free = number + 1, f"{word}_{number}"
    taken.add(free)
    return free
