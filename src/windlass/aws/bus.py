"""Notices from services to whoever listens: how AWS's own events ("aws.ecs") reach EventBridge's rules.

PutEvents refuses sources that begin with `aws.`, and services do not import each other, so they meet here.
A subscriber is called at once and in order; it only notes the notice or writes a row, and never waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from windlass.kernel.clock import Instant


@dataclass(frozen=True, slots=True)
class Notice:
    """One event of a service. `detail` is JSON as EventBridge delivers it: times as ISO 8601 text."""

    account: str
    region: str
    source: str
    """"aws.ecs"."""
    detail_type: str
    resources: tuple[str, ...]
    """ARNs that it is about."""
    detail: Mapping[str, Any]
    at: Instant


Subscriber: TypeAlias = Callable[[Notice], None]


class Bus:
    """Hands each notice to every subscriber. One per plane: `plane.calls.part(Bus)`."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    @property
    def heard(self) -> bool:
        """Whether anyone listens: nobody needs to write what nobody reads."""
        return bool(self._subscribers)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with each notice until the returned function is called."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def publish(self, notice: Notice) -> None:
        for subscriber in tuple(self._subscribers):
            subscriber(notice)
