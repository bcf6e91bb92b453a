"""What an invocation runs: $LATEST, or the published version that a qualifier or an alias chooses. Pure.

Knows nothing of rows in the store (find.py reads them) nor of environments; `pool` is what ties a target to
those that may run it.
"""

from __future__ import annotations

from dataclasses import dataclass

from windlass.services.lambda_.model import LATEST, Alias, Function, Settings, Version, pool_key
from windlass.services.lambda_.names import not_active, snapshot_not_ready

PUBLISHED_GENERATION = 1
"""Of every published version: its settings never change, so its environments are never out of date."""


@dataclass(frozen=True, slots=True)
class Target:
    """One version of a function with the settings that serve, and the qualifier that it was reached by."""

    function: Function
    version: str
    """$LATEST, or the number of a published version."""
    settings: Settings
    generation: int
    """Environments of another generation run older settings."""
    qualifier: str = ""
    """As the caller gave it: empty, $LATEST, a version or an alias."""

    @property
    def pool(self) -> str:
        """The key of the pool of environments that may run it."""
        return pool_key(self.function.uid, self.version)

    @property
    def arn(self) -> str:
        """The invoked ARN, with the caller's qualifier; context.invoked_function_arn."""
        return self.function.qualified_arn(self.qualifier)


def latest(function: Function, qualifier: str = "") -> Target:
    """What the function serves itself. Raises the fault of a function that is not ready, or failed."""
    if function.served is None or function.state != "Active":
        raise not_active(function.state)
    return Target(function, LATEST, function.served, function.served_generation, qualifier)


def published(function: Function, version: Version, qualifier: str) -> Target:
    """A published version of the function. Raises the fault of one that is not ready yet."""
    if version.state == "Pending" and version.settings.snap_start:
        raise snapshot_not_ready()
    if version.state != "Active":
        raise not_active(version.state)
    return Target(function, str(version.number), version.settings, PUBLISHED_GENERATION, qualifier)


def version_of(alias: Alias, draw: float) -> str:
    """The version that one invocation through the alias runs; `draw` is uniform in [0, 1).

    Version 1 with weight 0.1 for version 2: a draw of 0.05 → "2", one of 0.1 → "1".
    """
    passed = 0.0
    for version, weight in alias.weights:
        passed += weight
        if draw < passed:
            return version
    return alias.version
