"""How ECS sees and moves Auto Scaling groups: what a capacity provider needs of one.

Services do not import each other, and a capacity provider must see a group and change it in one transaction
with its own rows. So they meet here, as with network interfaces (interfaces.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from windlass.fleet.blueprints import Scope, Size
from windlass.kernel.clock import Instant
from windlass.kernel.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Member:
    """An instance of a group. `state` is its lifecycle state as the API names it."""

    id: str
    state: str
    launched_at: Instant
    protected: bool = False
    hooks: tuple[str, ...] = ()
    """Lifecycle hooks that it waits for."""

    @property
    def counts(self) -> bool:
        """It is a part of the group's capacity: it boots, or is in service."""
        return self.state.startswith("Pending") or self.state == "InService"


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it is now."""

    arn: str
    min_size: int
    max_size: int
    desired: int
    protects_new: bool
    """NewInstancesProtectedFromScaleIn."""
    sizes: tuple[Size, ...]
    """Of the instance types that it may launch; empty when none is known."""
    members: tuple[Member, ...]


class Source(Protocol):
    """Who has groups. Methods that change one do nothing for a group or an instance that is gone."""

    def find(self, reads: Store | Transaction, scope: Scope, named: str) -> Group | None:
        """The group of that ARN or name; None when there is none, or it is being deleted."""

    def scale(self, tx: Transaction, arn: str, desired: int, why: str, now: Instant) -> None:
        """Want so many instances, within the group's bounds; `why` becomes the cause of what follows."""

    def protect(self, tx: Transaction, arn: str, ids: Collection[str], protected: bool) -> None:
        """Set or take scale-in protection."""

    def hold(self, tx: Transaction, arn: str, hook: str, timeout_s: int) -> None:
        """Have instances wait, before they are terminated, for `release`, and no longer than that."""

    def unhold(self, tx: Transaction, arn: str, hook: str) -> None:
        """No more."""

    def release(self, tx: Transaction, instance_id: str, hook: str) -> None:
        """The instance need not wait for that hook any longer."""

    def follow(self, changed: Callable[[str], None]) -> None:
        """Have this called with a group's ARN when it or one of its instances changes."""


class Groups:
    """One per plane: `plane.calls.part(Groups)`. Auto Scaling says where groups come from."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._followers: list[Callable[[str], None]] = []

    def come_from(self, source: Source) -> None:
        """Have them looked for there."""
        self._source = source
        for changed in self._followers:
            source.follow(changed)

    @property
    def source(self) -> Source | None:
        """None on a plane without Auto Scaling."""
        return self._source

    def find(self, reads: Store | Transaction, scope: Scope, named: str) -> Group | None:
        """See Source."""
        return None if self._source is None else self._source.find(reads, scope, named)

    def follow(self, changed: Callable[[str], None]) -> None:
        """See Source; may be asked for before there is one."""
        self._followers.append(changed)
        if self._source is not None:
            self._source.follow(changed)
