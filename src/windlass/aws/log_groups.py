"""Which log groups there are: asked by services before what they start writes to one.

Services do not import each other, so they meet here: the logs service answers, ECS and others ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Exists: TypeAlias = Callable[[str, str, str], bool]
"""(account, Region, name of the group) → whether it is there now."""


class LogGroups:
    """One per plane: `plane.calls.part(LogGroups)`. In a plane without a logs service nothing is missing."""

    def __init__(self) -> None:
        self._exists: Exists = lambda account, region, name: True

    def ask(self, exists: Exists) -> None:
        """Have questions answered there."""
        self._exists = exists

    def exists(self, account: str, region: str, name: str) -> bool:
        """Whether that log group is there now."""
        return self._exists(account, region, name)
