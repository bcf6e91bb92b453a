"""Why a service's task has no instance, in the words of its events. Pure.

Texts: ECS Developer Guide, service event messages; those for GPUs, interfaces, zones and constraints are not
written down there and follow the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from windlass.services.ecs import placement

UNABLE = "was unable to place a task because no container instance met all of its requirements."
NO_INSTANCES = "No Container Instances were found in your cluster."
NONE_OF_PROVIDER = "No Container Instances were found in your capacity provider."
"""As RunTask refuses it, and as the event gives it for a reason."""
_LACKS: Mapping[str, str] = {
    "RESOURCE:CPU": "has insufficient CPU units available",
    "RESOURCE:MEMORY": "has insufficient memory available",
    "RESOURCE:GPU": "has insufficient GPUs available",
    "RESOURCE:PORTS": "is already using a port required by your task",
    "RESOURCE:ENI": "has no network interface available",
    placement.NOT_DISTINCT: "is already running a task of this service",
    placement.NOT_MATCHED: "is missing an attribute required by your task",
    "ATTRIBUTE": "is missing an attribute required by your task",
    placement.NOT_THERE: "is in none of the Availability Zones of your subnets",
}
"""What an instance has too little of → how the event says so, the closest to a match first."""
_NEARNESS = {reason: place for place, reason in enumerate(_LACKS)}


class Unplaced(NamedTuple):
    """`text` goes into the service's event, without its final stop; `reason` into the Service Action."""

    text: str
    reason: str


def none_there() -> Unplaced:
    """The cluster has no instance that could be asked."""
    return Unplaced(f"{UNABLE} Reason: {NO_INSTANCES.rstrip('.')}", "RESOURCE")


def closest(failures: Sequence[Mapping[str, str]]) -> Unplaced:
    """What the failures of a placement come to: the instance that met the most requirements.

    An instance is asked for its agent, then for its room, then for constraints; but one that has too little
    room is closer to a match than one that no constraint allows, since room comes back.

    >>> arn = "arn:aws:ecs:eu-west-1:123456789012:container-instance/default/0ab1"
    >>> closest([{"arn": arn, "reason": "RESOURCE:CPU"}]).text[86:]
    'The closest matching (container-instance 0ab1) has insufficient CPU units available'
    """
    if not failures:
        return none_there()
    nearest = min(failures, key=lambda failure: _NEARNESS.get(failure["reason"], len(_NEARNESS)))
    reason = nearest["reason"]
    lacks = _LACKS.get(reason, f'encountered error "{reason}"')
    instance_id = nearest["arn"].rpartition("/")[2]
    known = reason if reason in _CODES else "ATTRIBUTE"
    return Unplaced(f"{UNABLE} The closest matching (container-instance {instance_id}) {lacks}", known)


_CODES = frozenset((*placement.REASON.values(), placement.NOT_CONNECTED, placement.NOT_THERE))
"""Reasons that are codes of AWS's; constraints are told by sentences."""
