"""What a job queue and a fair-share policy may be. Pure.

Rules: Batch API reference, CreateJobQueue, JobStateTimeLimitAction, FairsharePolicy, ShareAttributes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from windlass.services.batch import limits
from windlass.services.batch.faults import invalid, not_here
from windlass.services.batch.reasons import CAPACITY, MAX_RESOURCE, REQUIREMENT
from windlass.services.batch.resource_model import FARGATE_KINDS, ComputeEnvironment, Shape

TIME_LIMIT_REASONS = (CAPACITY, MAX_RESOURCE, REQUIREMENT)
"""Why a job may be stuck at the head of its queue (facts/batch.md, 3)."""
WEIGHT_DEFAULT = 1.0
_SHARE = re.compile(r"[A-Za-z0-9_-]{0,254}(?:[A-Za-z0-9_-]|\*)", re.ASCII)


def check_here(params: Mapping[str, Any]) -> None:
    """Refuse the kinds of queue that Windlass does not have."""
    if params.get("serviceEnvironmentOrder") or params.get("jobQueueType") == "SAGEMAKER_TRAINING":
        raise not_here("service environments")
    if params.get("jobQueueType") == "EKS":
        raise not_here("compute environments on Amazon EKS")


def priority(asked: int) -> int:
    """Raises ClientException for a negative one."""
    if asked < 0:
        raise invalid("priority must be 0 or more.")
    return asked


def ordered(given: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """(order, reference) of the environments as they are tried: ascending. Raises ClientException."""
    if not 1 <= len(given) <= limits.QUEUE_ENVIRONMENTS_MAX:
        raise invalid(
            f"computeEnvironmentOrder must have 1 to {limits.QUEUE_ENVIRONMENTS_MAX} compute environments."
        )
    found = sorted((entry["order"], entry["computeEnvironment"]) for entry in given)
    if len({order for order, _ in found}) < len(found):
        raise invalid("computeEnvironmentOrder must not have an order twice.")
    return found


def check_environments(found: Sequence[ComputeEnvironment], queue_type: str = "") -> None:
    """Raises ClientException unless these may serve one queue."""
    if len({row.key for row in found}) < len(found):
        raise invalid("computeEnvironmentOrder must not have a compute environment twice.")
    for row in found:
        if row.status != "VALID":
            raise invalid(f"Compute environment {row.arn} must be VALID, and is {row.status}.")
    kinds = {row.kind in FARGATE_KINDS for row in found}
    if len(kinds) > 1:
        raise invalid("EC2 and Fargate compute environments can't be mixed in a job queue.")
    if queue_type and (queue_type == "ECS_FARGATE") not in kinds:
        raise invalid(f"The compute environments do not fit a job queue of the type {queue_type}.")


def check_time_limits(actions: Sequence[Shape]) -> None:
    """Raises ClientException for jobStateTimeLimitActions that AWS refuses."""
    low, high = limits.TIME_LIMIT_S
    for action in actions:
        if action["reason"] not in TIME_LIMIT_REASONS:
            raise invalid(f"reason of a job state time limit action must be one of {TIME_LIMIT_REASONS}.")
        if not low <= action["maxTimeSeconds"] <= high:
            raise invalid(f"maxTimeSeconds must be between {low} and {high}.")
        if action["action"] != "CANCEL":
            raise invalid("The action of a job state time limit must be CANCEL: jobs are RUNNABLE then.")
    if len({action["reason"] for action in actions}) < len(actions):
        raise invalid("jobStateTimeLimitActions must not have a reason twice.")


def check_policy_change(before: str, after: str) -> None:
    """FIFO or fair share is for life; a fair-share queue may get another policy. Raises ClientException."""
    if not before and after:
        raise invalid("A scheduling policy can't be added to a FIFO job queue.")
    if before and not after:
        raise invalid("The scheduling policy of a fair-share job queue can be replaced, and not removed.")


def fair_share(given: Shape) -> dict[str, Any]:
    """The columns of a policy row for a fairsharePolicy. Raises ClientException."""
    decay, reservation = given.get("shareDecaySeconds", 0), given.get("computeReservation", 0)
    if not 0 <= decay <= limits.SHARE_DECAY_S_MAX:
        raise invalid(f"shareDecaySeconds must be between 0 and {limits.SHARE_DECAY_S_MAX}.")
    if not 0 <= reservation <= limits.RESERVATION_MAX:
        raise invalid(f"computeReservation must be between 0 and {limits.RESERVATION_MAX}.")
    shares = given.get("shareDistribution", ())
    if len(shares) > limits.SHARES_MAX:
        raise invalid(f"shareDistribution can have at most {limits.SHARES_MAX} items.")
    weights = tuple((one["shareIdentifier"], one.get("weightFactor", WEIGHT_DEFAULT)) for one in shares)
    _check_weights(weights)
    return {"decay_s": decay, "reservation": reservation, "weights": weights, "given": given}


def _check_weights(weights: Sequence[tuple[str, float]]) -> None:
    low, high = limits.WEIGHT
    for share, weight in weights:
        if not _SHARE.fullmatch(share):
            raise invalid(f"shareIdentifier {share[: limits.SHARE_LENGTH_MAX]} is not valid.")
        if not low <= weight <= high:
            raise invalid(f"weightFactor must be between {low} and {high}.")
    names = sorted(share for share, _ in weights)
    for one, following in itertools.pairwise(names):
        if one == following:
            raise invalid(f"shareDistribution has {one} twice.")
    _check_overlap(names)


def _check_overlap(names: Sequence[str]) -> None:
    """`UserA*` and `UserA-1` would both weigh the same share: AWS takes no overlap."""
    stems = {name[:-1] for name in names if name.endswith("*")}
    for name in names:
        own = name.removesuffix("*")
        longest = len(own) - name.endswith("*")
        if any(own[:length] in stems for length in range(longest + 1)):
            raise invalid(f"shareIdentifier {name} overlaps with another one of shareDistribution.")
