"""Notices from services to whoever listens: how AWS's own events ("aws.ecs") reach EventBridge's rules.

PutEvents refuses sources that begin with `aws.`, and services do not import each other, so they meet here.
A notice is published inside the transaction that makes it true, and a listener writes its rows in the same
one: a notice is durable exactly when what it tells is, so a kill neither loses nor doubles it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from windlass.kernel.clock import Instant
from windlass.kernel.store import Transaction


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


class Listener(Protocol):
    """Who hears notices; called at once and in order."""

    def wants(self, account: str, region: str, source: str) -> bool:
        """Whether a notice of that source could matter: nobody needs to write what nobody reads."""

    def take(self, tx: Transaction, notice: Notice) -> None:
        """Write down what follows from the notice, in the publisher's transaction."""


class Bus:
    """Hands each notice to every listener that wants it. One per plane: `plane.calls.part(Bus)`."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> None:
        """Tell the listener from now on."""
        self._listeners.append(listener)

    def wanted(self, account: str, region: str, source: str) -> bool:
        """Whether anybody wants notices of that source: whoever has many to tell asks once a transaction."""
        return any(listener.wants(account, region, source) for listener in self._listeners)

    def publish(
        self, tx: Transaction, account: str, region: str, source: str, notice: Callable[[], Notice]
    ) -> None:
        """Tell all who want notices of that source; `notice` is made only if someone does."""
        wanting = [listener for listener in self._listeners if listener.wants(account, region, source)]
        if not wanting:
            return
        made = notice()
        for listener in wanting:
            listener.take(tx, made)
