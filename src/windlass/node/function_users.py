"""User ids for execution environments: one each, of a range that nobody else has. Pure.

An id is not given again before all others have been, so that what is left of an environment, a process that
takes long to die, is never of the same user as a new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

USERS_FIRST, USERS_LAST = 1_900_000_000, 1_900_065_535
"""systemd keeps clear of these, and /etc/subuid by custom (systemd, "Users, Groups, UIDs and GIDs")."""
SMALL_FIRST, SMALL_LAST = 58_000, 60_000
"""In a user namespace of the usual 65,536 ids: above people, below systemd's dynamic users."""


class NoUser(OSError):
    """All ids of the range are in use."""


@dataclass(frozen=True, slots=True)
class Range:
    """User ids from `first` to `last`; group ids are the same."""

    first: int
    last: int


class Users:
    """Hands out ids."""

    def __init__(self, ids: Range, start: int = 0) -> None:
        """`start`: any number; agents of one host that begin at different ones hardly ever meet."""
        self._ids = ids
        self._next = ids.first + start % (ids.last - ids.first + 1)
        self._taken: Counter[int] = Counter()
        """How many environments have each: more than one only of one snapshot."""

    def take(self) -> int:
        """An id that nobody has. Raises NoUser."""
        for _ in range(self._ids.last - self._ids.first + 1):
            found = self._next
            self._next = found + 1 if found < self._ids.last else self._ids.first
            if found not in self._taken:
                self._taken[found] = 1
                return found
        raise NoUser(f"all user ids from {self._ids.first} to {self._ids.last} are in use")

    def share(self, user: int) -> int:
        """The id of an environment for one more that is restored from the same snapshot."""
        self._taken[user] += 1
        return user

    def give_back(self, user: int) -> None:
        self._taken[user] -= 1
        if self._taken[user] <= 0:
            del self._taken[user]


def choose(uid_map: str, candidates: Sequence[Range]) -> Range | None:
    """The first range that exists in the user namespace with that /proc/self/uid_map; None: no such.

    >>> choose("0 0 4294967295", [Range(5, 9)])
    Range(first=5, last=9)
    """
    lines = [tuple(map(int, line.split())) for line in uid_map.splitlines()]
    for ids in candidates:
        if any(start <= ids.first and ids.last < start + count for start, _, count in lines):
            return ids
    return None
