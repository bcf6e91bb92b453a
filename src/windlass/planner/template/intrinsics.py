"""What a value of a template comes to: parameters, mappings, conditions and intrinsic functions. Pure.

What is known only when a resource is made stays a reference, "${Queue.QueueUrl}", which the scenario fills
in. Source: CloudFormation User Guide, "Intrinsic function reference", "Pseudo parameters reference". Known
gaps: Fn::ImportValue, Fn::Cidr, Fn::Transform, Fn::ForEach; dynamic references ({{resolve:…}}) stay text.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from windlass.planner.template.faults import BadTemplate, Path, hint

VALUES_MAX = 100_000
"""Values that a template may come to: YAML's aliases could say more than there is room for."""
REGION = "us-east-1"
"""The Region of simulated worlds (sim/world.py)."""
ZONES = [REGION + letter for letter in "abc"]
_NOTHING = object()
_SUB = re.compile(r"\$\{(!?)([^{}]*)\}")
_IDS = re.compile(r"(subnet|sg|vpc)-[0-9a-f]{4,32}", re.ASCII)
_WHOLE = re.compile(r"\$\{([^{}]*)\}")
_SUBNET = "${default.subnets[0]}"
_GROUP, _VPC = "${default.security_groups[0]}", "${default.vpc}"
_OWN_KINDS = {
    "AWS::EC2::VPC::Id": _VPC,
    "AWS::EC2::Subnet::Id": _SUBNET,
    "AWS::EC2::SecurityGroup::Id": _GROUP,
    "List<AWS::EC2::Subnet::Id>": [f"${{default.subnets[{place}]}}" for place in range(3)],
    "List<AWS::EC2::SecurityGroup::Id>": [_GROUP],
    "List<AWS::EC2::AvailabilityZone::Name>": ZONES,
    "AWS::EC2::AvailabilityZone::Name": ZONES[0],
}
"""Types of parameters whose values are of the simulated VPC, whatever the default is."""


class Values:
    """Of one template. `refer` says what a resource's Ref (None) or attribute comes to."""

    def __init__(
        self,
        template: Mapping[str, Any],
        parameters: Mapping[str, Any],
        name: str,
        refer: Callable[[str, str | None, Path], Any],
    ) -> None:
        self._template = template
        self._refer = refer
        self._left = VALUES_MAX
        self._subnets: dict[str, int] = {}
        self._conditions: dict[str, bool | None] = {}
        self._parameters = _parameters(template.get("Parameters") or {}, parameters)
        self._pseudo = {
            "AWS::AccountId": "${default.account}",
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::StackName": name,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:${{default.account}}:stack/{name}/1",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NotificationARNs": [],
            "AWS::NoValue": _NOTHING,
        }

    def of(self, value: Any, path: Path) -> Any:
        """The value without functions; None for AWS::NoValue. Raises BadTemplate."""
        found = self._of(value, path)
        return None if found is _NOTHING else found

    def placed(self, value: Any) -> Any:
        """What is named by an id of the old account's network, in the simulated one's: subnets in turn."""
        if not isinstance(value, str) or not _IDS.fullmatch(value):
            return value
        if value.startswith("vpc-"):
            return _VPC
        if value.startswith("sg-"):
            return _GROUP
        place = self._subnets.setdefault(value, len(self._subnets)) % len(ZONES)
        return f"${{default.subnets[{place}]}}"

    def holds(self, name: Any, path: Path) -> bool:
        """Whether that condition does. Raises BadTemplate."""
        said = self._template.get("Conditions") or {}
        if not isinstance(name, str) or name not in said:
            raise BadTemplate(path, f"there is no condition {name!r}: {hint(str(name), said)}")
        if name not in self._conditions:
            self._conditions[name] = None
            self._conditions[name] = self._test(said[name], ("Conditions", name))
        found = self._conditions[name]
        if found is None:
            raise BadTemplate(("Conditions", name), f"the condition {name} depends on itself")
        return found

    def _of(self, value: Any, path: Path) -> Any:
        self._left -= 1
        if self._left < 0:
            raise BadTemplate(path, f"a template comes to at most {VALUES_MAX} values")
        if isinstance(value, list):
            rows = [self._of(one, (*path, place)) for place, one in enumerate(value)]
            return [one for one in rows if one is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref":
                return self._ref(argument, path)
            if isinstance(function, str) and function.startswith("Fn::"):
                return self._function(function, argument, (*path, function))
        found = {name: self._of(one, (*path, name)) for name, one in value.items()}
        return {name: one for name, one in found.items() if one is not _NOTHING}

    def _ref(self, name: Any, path: Path) -> Any:
        if not isinstance(name, str):
            raise BadTemplate(path, f"Ref takes a name, not {str(name)[:60]}")
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameter(name, path)
        return self._refer(name, None, path)

    def _parameter(self, name: str, path: Path) -> Any:
        value = self._parameters[name]
        if value is _NOTHING:
            raise BadTemplate(
                ("Parameters", name), f"the parameter {name} has no default: say parameters: {{{name}: …}}"
            )
        return value

    def _function(self, name: str, argument: Any, path: Path) -> Any:
        known: dict[str, Callable[[Any, Path], Any]] = {
            "Fn::GetAtt": self._get_att,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Base64": self._base64,
            "Fn::GetAZs": lambda argument, path: list(ZONES),
            "Fn::ToJsonString": lambda argument, path: json.dumps(self._of(argument, path)),
            "Fn::Length": lambda argument, path: len(self._list(argument, "Fn::Length", path)),
        }
        function = known.get(name)
        if function is None:
            raise BadTemplate(path, f"{name} is not played: {hint(name, known)}")
        return function(argument, path)

    def _get_att(self, argument: Any, path: Path) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else self._of(argument, path)
        if not isinstance(parts, list) or len(parts) != 2:
            raise BadTemplate(path, "Fn::GetAtt takes a resource and an attribute")
        return self._refer(str(parts[0]), str(parts[1]), path)

    def _sub(self, argument: Any, path: Path) -> str:
        text: Any = argument
        given: dict[str, Any] = {}
        if isinstance(argument, list):
            self._arguments(argument, 2, "Fn::Sub", path)
            if not isinstance(argument[1], dict):
                raise BadTemplate(path, "Fn::Sub takes a text and a mapping")
            text, given = argument[0], {name: self._of(one, (*path, 1)) for name, one in argument[1].items()}

        def put(found: re.Match[str]) -> str:
            name = found[2].strip()
            if found[1]:
                return f"${{{name}}}"
            if name in given:
                return str(given[name])
            if "." in name and name.split(".")[0] not in self._parameters:
                resource, _, attribute = name.partition(".")
                return str(self._refer(resource, attribute, path))
            return str(self._ref(name, path))

        return _SUB.sub(put, str(text))

    def _join(self, argument: Any, path: Path) -> str:
        self._arguments(argument, 2, "Fn::Join", path)
        parts = self._list(argument[1], "Fn::Join", path)
        return str(argument[0]).join(str(one) for one in parts)

    def _select(self, argument: Any, path: Path) -> Any:
        self._arguments(argument, 2, "Fn::Select", path)
        if isinstance(argument[1], dict) and "Fn::Split" in argument[1]:
            later = self._part(argument[0], argument[1]["Fn::Split"], path)
            if later is not None:
                return later
        index, rows = self._of(argument[0], path), self._list(argument[1], "Fn::Select", path)
        if not str(index).isdigit() or int(index) >= len(rows):
            raise BadTemplate(path, f"Fn::Select: there is no {index} in a list of {len(rows)}")
        return rows[int(index)]

    def _part(self, index: Any, split: Any, path: Path) -> str | None:
        """A part of what is known only when its resource is made; None for a text that is known."""
        self._arguments(split, 2, "Fn::Split", path)
        mark, found = str(split[0]), _WHOLE.fullmatch(str(self._of(split[1], path)))
        if found is None or not str(index).isdigit() or set(mark) & set("'\\}"):
            return None
        return f"${{{found[1]} | part(@, '{mark}', `{index}`)}}"

    def _split(self, argument: Any, path: Path) -> list[str]:
        self._arguments(argument, 2, "Fn::Split", path)
        text = str(self._of(argument[1], path))
        if "${" in text:
            raise BadTemplate(path, "Fn::Split: the text is known only when its resource is made")
        return text.split(str(argument[0]))

    def _if(self, argument: Any, path: Path) -> Any:
        self._arguments(argument, 3, "Fn::If", path)
        place = 1 if self.holds(argument[0], path) else 2
        return self._of(argument[place], (*path, place))

    def _find_in_map(self, argument: Any, path: Path) -> Any:
        names = self._list(argument, "Fn::FindInMap", path)
        at: Any = self._template.get("Mappings") or {}
        for name in names[:3]:
            if not isinstance(at, dict) or not isinstance(name, str) or name not in at:
                known = [str(one) for one in at] if isinstance(at, dict) else []
                raise BadTemplate(path, f"Fn::FindInMap: there is no {name!r}: {hint(str(name), known)}")
            at = at[name]
        return self._of(at, path)

    def _base64(self, argument: Any, path: Path) -> str:
        text = str(self._of(argument, path))
        if "${" in text:
            raise BadTemplate(path, "Fn::Base64: the text is known only when its resources are made")
        return base64.b64encode(text.encode()).decode()

    def _test(self, said: Any, path: Path) -> bool:
        if not isinstance(said, dict) or len(said) != 1:
            raise BadTemplate(path, "a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not, Condition")
        [(name, argument)] = said.items()
        if name != "Condition" and not isinstance(argument, list):
            raise BadTemplate(path, f"{name} takes a list")
        match name:
            case "Condition":
                return self.holds(argument, path)
            case "Fn::Equals":
                self._arguments(argument, 2, name, path)
                first, second = (str(self._of(one, path)) for one in argument)
                return first == second
            case "Fn::Not":
                self._arguments(argument, 1, name, path)
                return not self._test(argument[0], path)
            case "Fn::And":
                return all(self._test(one, path) for one in argument)
            case "Fn::Or":
                return any(self._test(one, path) for one in argument)
        raise BadTemplate(path, f"{name} is no condition")

    def _list(self, argument: Any, name: str, path: Path) -> list[Any]:
        found = self._of(argument, path)
        if not isinstance(found, list):
            raise BadTemplate(path, f"{name} takes a list, not {str(found)[:60]}")
        return found

    @staticmethod
    def _arguments(argument: Any, count: int, name: str, path: Path) -> None:
        if not isinstance(argument, list) or len(argument) != count:
            raise BadTemplate(path, f"{name} takes {count} argument{'s' if count > 1 else ''}")


def _parameters(declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Name → value; _NOTHING for one that nobody says."""
    for name in given:
        if name not in declared:
            raise BadTemplate(
                ("Parameters",), f"the template has no parameter {name!r}: {hint(name, declared)}"
            )
    return {name: _value(one, given.get(name, _NOTHING)) for name, one in declared.items()}


def _value(declared: Any, given: Any) -> Any:
    kind = str(declared.get("Type", "String")) if isinstance(declared, dict) else "String"
    if given is _NOTHING and kind in _OWN_KINDS:
        return _OWN_KINDS[kind]
    value = declared.get("Default", _NOTHING) if given is _NOTHING else given
    if value is not _NOTHING and (kind.startswith("List<") or kind == "CommaDelimitedList"):
        return value if isinstance(value, list) else [one.strip() for one in str(value).split(",")]
    return value
