"""Which alarms are in ALARM: where services that act on alarms meet CloudWatch, which keeps them.

ECS deployments ask here; whoever scales by alarms will.
"""

from __future__ import annotations

from collections.abc import Iterable


class Alarms:
    """The alarms of all accounts by name. One per plane: `call.part(Alarms)`."""

    def __init__(self) -> None:
        self._raised: set[tuple[str, str, str]] = set()

    def set(self, account: str, region: str, name: str, *, raised: bool) -> None:
        """The alarm of that name is in ALARM from now on, or no more."""
        alarm = (account, region, name)
        if raised:
            self._raised.add(alarm)
        else:
            self._raised.discard(alarm)

    def raised(self, account: str, region: str, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names that are in ALARM."""
        return tuple(name for name in names if (account, region, name) in self._raised)
