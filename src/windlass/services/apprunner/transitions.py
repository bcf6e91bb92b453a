"""The life of a service and of an operation on it: two tables of moves (facts/apprunner.md, 4). Pure.

A service's events are the operations that callers begin, and how they end; an operation's phases are what
it is busy with. Its status, which AWS shows, follows from event and outcome (`deployment.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from windlass.kernel.machine import Moves
from windlass.services.apprunner.model import OperationType

_BUSY = "OPERATION_IN_PROGRESS"

SERVICE_MOVES: Moves = {
    ("RUNNING", "UPDATE_SERVICE"): _BUSY,
    ("CREATE_FAILED", "UPDATE_SERVICE"): _BUSY,
    ("RUNNING", "START_DEPLOYMENT"): _BUSY,
    ("RUNNING", "PAUSE_SERVICE"): _BUSY,
    ("PAUSED", "RESUME_SERVICE"): _BUSY,
    ("RUNNING", "DELETE_SERVICE"): _BUSY,
    ("PAUSED", "DELETE_SERVICE"): _BUSY,
    ("CREATE_FAILED", "DELETE_SERVICE"): _BUSY,
    ("DELETE_FAILED", "DELETE_SERVICE"): _BUSY,
    (_BUSY, "up"): "RUNNING",
    (_BUSY, "never up"): "CREATE_FAILED",
    (_BUSY, "rolled back"): "RUNNING",
    (_BUSY, "paused"): "PAUSED",
    (_BUSY, "not resumed"): "PAUSED",
    (_BUSY, "deleted"): "DELETED",
}
"""Events are operations and ends. DELETE_FAILED does not happen here: what AWS cannot tear down, we can."""

OPERATION_MOVES: Moves = {
    ("waiting", "build"): "building",
    ("waiting", "provision"): "provisioning",
    ("waiting", "withdraw"): "withdrawing",
    ("building", "provision"): "provisioning",
    ("building", "fail"): "rolling-back",
    ("provisioning", "serve"): "ended",
    ("provisioning", "fail"): "rolling-back",
    ("rolling-back", "gone"): "ended",
    ("withdrawing", "gone"): "ended",
}
"""Phases of an operation."""

DONE_TO: Mapping[OperationType, str] = {
    "UPDATE_SERVICE": "updated",
    "START_DEPLOYMENT": "deployed to",
    "PAUSE_SERVICE": "paused",
    "RESUME_SERVICE": "resumed",
    "DELETE_SERVICE": "deleted",
}
"""What an operation does to a service, for refusals."""


def allowed(operation: OperationType) -> list[str]:
    """The statuses in which a caller may begin that operation.

    >>> allowed("UPDATE_SERVICE")
    ['RUNNING', 'CREATE_FAILED']
    """
    return [status for status, event in SERVICE_MOVES if event == operation]
