"""From what AWS describes to what AWS takes: which parameters of a resource a scenario keeps. Pure.

A scenario keeps what counts for a plan (kept.py) and nothing else: so no command line, variable, role or tag
of an account gets into a file by accident. What was left out is named, if the operation knows it (botocore's
model) and it says something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from windlass.aws.models import Models

Tree: TypeAlias = "Mapping[str, Tree]"
"""Members to keep, and of each which of its own; none named: all."""
_WORDS = re.compile(r"[\w$]+|[()]")
NOTHING: tuple[Any, ...] = (None, "", [], {}, ())
NEVER = frozenset(
    {
        "tags",
        "Tags",
        "propagateTags",
        "TagSpecifications",
        "Description",
        "AlarmDescription",
        "jobQueueType",
        "AvailabilityZones",
    }
    | {
        "Role",
        "RoleArn",
        "RoleARN",
        "executionRoleArn",
        "taskRoleArn",
        "serviceRole",
        "instanceRole",
        "jobRoleArn",
    }
    | {"LoggingConfig", "logConfiguration", "securityGroups", "securityGroupIds", "SecurityGroups", "subnets"}
)
"""Not named when left out: of no account to a plan, and the head of the file says it of all."""


def tree(said: str) -> Tree:
    """Members by a line of text.

    >>> tree("name ports(from to) image")
    {'name': {}, 'ports': {'from': {}, 'to': {}}, 'image': {}}
    """
    stack: list[dict[str, Any]] = [{}]
    last = ""
    for word in _WORDS.findall(said):
        if word == "(":
            stack.append(stack[-1][last])
        elif word == ")":
            stack.pop()
        else:
            stack[-1][word] = {}
            last = word
    return stack[0]


@dataclass(frozen=True, slots=True)
class Kept:
    """Parameters of an operation, and the names of what was left out of them."""

    params: dict[str, Any]
    left: tuple[str, ...]


def kept(operation: str, described: Mapping[str, Any], keep: Tree, usual: Mapping[str, Any]) -> Kept:
    """What is described, as parameters. `usual`: values by their path that need not be said."""
    params = _pruned(described, keep, "", usual) or {}
    service, _, name = operation.partition(".")
    model = models().operation(service, name)
    shape = model.input_shape if model is not None else None
    return Kept(params, tuple(sorted(set(_left(described, keep, shape, "", usual)))))


@cache
def models() -> Models:
    """botocore's, of all services."""
    return Models(())


def _pruned(value: Any, keep: Tree, path: str, usual: Mapping[str, Any]) -> Any:
    """The value without what is not kept, says nothing, or is usual; None when nothing is left."""
    if isinstance(value, Mapping):
        found = {
            name: _pruned(value[name], keep.get(name, {}), f"{path}{name}.", usual)
            for name in (keep or value)
            if name in value
        }
        found = {
            name: one
            for name, one in found.items()
            if one not in NOTHING and usual.get(path + name, NOTHING) != value[name]
        }
        return found or None
    if isinstance(value, list | tuple):
        return [one for one in (_pruned(one, keep, path, usual) for one in value) if one is not None] or None
    return value


def _says_nothing(value: Any) -> bool:
    """Nothing, or only what is off or empty."""
    if isinstance(value, Mapping):
        return all(_says_nothing(one) for one in value.values())
    return value in NOTHING or value is False


def _left(value: Any, keep: Tree, shape: Any, path: str, usual: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(value, list | tuple):
        inner = getattr(shape, "member", None)
        for one in value:
            yield from _left(one, keep, inner, path, usual)
    elif isinstance(value, Mapping):
        members = getattr(shape, "members", {})
        for name, one in value.items():
            if name not in members or name in NEVER or _says_nothing(one):
                continue
            if usual.get(path + name, NOTHING) == one:
                continue
            if keep and name not in keep:
                yield path + name
            elif keep.get(name):
                yield from _left(one, keep[name], members[name], f"{path}{name}.", usual)
