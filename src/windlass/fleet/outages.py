"""Availability Zones that have failed: nothing new comes there while it lasts.

Who makes interfaces and machines (EC2) asks here; what was in the zone others end. Not kept: a plane that
starts finds all zones well. Known gap: capacity of single instance types is never short.
"""

from __future__ import annotations


class Outages:
    """One per plane: `plane.calls.part(Outages)`."""

    def __init__(self) -> None:
        self._failed: set[str] = set()

    def begin(self, zone: str) -> None:
        """From now on nothing new comes to that zone. Zones have their Region in the name: us-east-1a."""
        self._failed.add(zone)

    def end(self, zone: str) -> None:
        """The zone is as before."""
        self._failed.discard(zone)

    def has(self, zone: str) -> bool:
        return zone in self._failed
