"""A template as the operations that make the same: each after what it names. Pure.

Takes Parameters, Mappings, Conditions, Resources with Condition and DependsOn; Outputs and Metadata say
nothing here. Known gaps: Transform (SAM, macros), nested stacks, custom resources, updates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.planner.template.faults import BadTemplate, Path, hint
from windlass.planner.template.intrinsics import ZONES, Values
from windlass.planner.template.kinds import KINDS, NAMED, STANDING_IN, SUBNET, Kind, kind_of
from windlass.planner.template.properties import counting, parameters
from windlass.planner.template.specials import AFTER, BEFORE, Made, Operation

SECTIONS = frozenset(
    {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions"}
    | {"Resources", "Outputs", "Rules"}
)
MAPPINGS = ("Parameters", "Mappings", "Conditions")
LETTERS = "abc"


def operations(template: Any, given: Mapping[str, Any], name: str) -> list[Operation]:
    """What a scenario's resources are. `given`: values of parameters. Raises BadTemplate."""
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise BadTemplate((), "a template has Resources: {LogicalId: {Type: …, Properties: …}}")
    for section in template:
        if section == "Transform":
            raise BadTemplate((section,), "transforms are not played: give the template as it is deployed")
        if section not in SECTIONS:
            raise BadTemplate((section,), f"a template has no {section!r}: {hint(str(section), SECTIONS)}")
        if section in MAPPINGS and not isinstance(template[section] or {}, dict):
            raise BadTemplate((section,), f"{section} is a mapping")
    return _Stack(template, given, name).operations()


class _Stack:
    def __init__(self, template: Mapping[str, Any], given: Mapping[str, Any], name: str) -> None:
        self._template = template
        self._resources: Mapping[str, Any] = template["Resources"]
        self._values = Values(template, given, name, self._refer)
        self._subnets = [one for one, said in self._resources.items() if _type(said) == SUBNET]
        self._named: set[str] = set()
        """Resources that the one at hand names."""
        self._naming: list[str] = []

    def operations(self) -> list[Operation]:
        made: dict[str, list[Operation]] = {}
        needs: dict[str, list[str]] = {}
        for name, said in self._resources.items():
            path: Path = ("Resources", name)
            self._check(name, said, path)
            if not self._there(name, path):
                continue
            self._named = set()
            made[name] = self._made(name, said, path)
            depends = said.get("DependsOn") or []
            listed = [str(one) for one in (depends if isinstance(depends, list) else [depends])]
            wanted = {*self._named, *listed} - {name}
            for one in sorted(wanted - set(self._resources)):
                raise BadTemplate(
                    (*path, "DependsOn"), f"there is no resource {one!r}: {hint(one, self._resources)}"
                )
            needs[name] = [one for one in self._resources if one in wanted]
        return [operation for name in _ordered(needs) for operation in made[name]]

    def _check(self, name: str, said: Any, path: Path) -> None:
        if not isinstance(said, dict) or not isinstance(said.get("Type"), str):
            raise BadTemplate(path, f"{name} has no Type")
        if not isinstance(said.get("Properties") or {}, dict):
            raise BadTemplate((*path, "Properties"), f"{name}: Properties is a mapping")
        if kind_of(said["Type"]) is None:
            raise BadTemplate(
                (*path, "Type"), f"{said['Type']} is not played: {hint(said['Type'], {*KINDS, *STANDING_IN})}"
            )
        if name == "default":
            raise BadTemplate(path, "no resource is called default: that is the simulated account's own")

    def _there(self, name: str, path: Path) -> bool:
        condition = self._resources[name].get("Condition")
        return condition is None or self._values.holds(condition, (*path, "Condition"))

    def _made(self, name: str, said: Mapping[str, Any], path: Path) -> list[Operation]:
        kind = kind_of(said["Type"])
        assert kind is not None
        if not kind.operation:
            return []
        raw, where = said.get("Properties") or {}, (*path, "Properties")
        before = BEFORE.get(said["Type"])
        properties = before(raw, where) if before is not None else raw
        properties = {kind.renamed.get(key, key): value for key, value in properties.items()}
        params = parameters(kind.operation, properties, self._values, where, said["Type"], kind.also)
        if kind.name:
            keep = dict.fromkeys(counting(kind.operation))
            params = {**keep, **params, kind.name: self._name(name, kind)}
            params = {key: value for key, value in params.items() if value is not None}
        after = AFTER.get(said["Type"])
        made = Made(name, params, raw, self._values, where, self._template)
        more = after(made) if after is not None else []
        return [{kind.operation: params, "as": name}, *more]

    def _refer(self, name: str, attribute: str | None, path: Path) -> Any:
        if name not in self._resources:
            known = {*self._resources, *(self._template.get("Parameters") or {})}
            raise BadTemplate(path, f"nothing is called {name!r}: {hint(name, known)}")
        if not self._there(name, ("Resources", name)):
            raise BadTemplate(path, f"{name} is not there: its condition does not hold")
        self._check(name, self._resources[name], ("Resources", name))
        type_ = _type(self._resources[name])
        kind = kind_of(type_)
        assert kind is not None
        self._named.add(name)
        if type_ == SUBNET:
            return self._subnet(name, attribute)
        value = kind.ref if attribute is None else kind.attributes.get(attribute)
        if value is None:
            if kind.operation:
                raise BadTemplate(
                    path, f"{type_} has no attribute {attribute!r}: {hint(str(attribute), kind.attributes)}"
                )
            value = f"{NAMED}-{attribute}"
        if value.startswith("."):
            return f"${{{name}{value}}}"
        return value.replace(NAMED, str(self._name(name, kind))) if NAMED in value else value

    def _name(self, name: str, kind: Kind) -> str:
        """What it is called: by its property, else by its logical id."""
        said = self._resources[name]
        properties = said.get("Properties") or {}
        own = next((key for key in properties if kind.name and str(key).lower() == kind.name.lower()), None)
        if own is None:
            fifo = _type(said) == "AWS::SQS::Queue" and str(properties.get("FifoQueue")).lower() == "true"
            return f"{name[-kind.longest :]}.fifo" if fifo else name[-kind.longest :]
        if name in self._naming:
            raise BadTemplate(("Resources", name), f"{name} is named after itself")
        self._naming.append(name)
        found = self._values.of(properties[own], ("Resources", name, "Properties", own))
        self._naming.pop()
        return str(found)

    def _subnet(self, name: str, attribute: str | None) -> str:
        """One of the simulated VPC's three: by its zone, else by its place."""
        zone = (self._resources[name].get("Properties") or {}).get("AvailabilityZone")
        said = str(self._values.of(zone, ("Resources", name, "Properties", "AvailabilityZone")))
        place = LETTERS.find(said[-1:]) if zone is not None else -1
        place = place if place >= 0 else self._subnets.index(name) % len(LETTERS)
        if attribute == "AvailabilityZone":
            return ZONES[place]
        return f"${{default.subnets[{place}]}}"


def _type(said: Any) -> str:
    return str(said.get("Type")) if isinstance(said, dict) else ""


def _ordered(needs: Mapping[str, list[str]]) -> list[str]:
    """Each after what it needs; else as in the file. Raises BadTemplate for a circle."""
    ordered: list[str] = []
    state: dict[str, bool] = {}
    """Name → whether all that it needs is there."""
    for first in needs:
        waiting = [first]
        while waiting:
            name = waiting[-1]
            missing = [one for one in needs.get(name, ()) if one in needs and not state.get(one)]
            if state.get(name) or not missing:
                waiting.pop()
                if not state.get(name):
                    state[name] = True
                    ordered.append(name)
                continue
            if missing[0] in waiting:
                circle = waiting[waiting.index(missing[0]) :]
                raise BadTemplate(("Resources", name), f"{' needs '.join([*circle, circle[0]])}: a circle")
            waiting.append(missing[0])
    return ordered
