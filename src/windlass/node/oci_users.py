"""Whom a container's user means, by the image's own /etc/passwd and /etc/group. Pure: text in, ids out.

Rules are Docker's (moby/sys/user, GetExecUser): "uid", "uid:gid", "name", "name:group"; a number need not be
in the files; without a group the user's own and all that list the name are taken; "" is root.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from windlass.node.command import CannotStart

ID_MAX = 2**31 - 1
"""Docker's bound on user and group ids."""


@dataclass(frozen=True, slots=True)
class User:
    """A container's user, and its home directory."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str


def look_up(user: str, passwd: str, group: str) -> User:
    """The ids of `user`, given the content of the two files. Raises CannotStart as Docker words it.

    >>> look_up("app", "app:x:7:8::/srv:/bin/sh", "wheel:x:10:root,app")
    User(uid=7, gid=8, groups=(10,), home='/srv')
    """
    name, _, wanted = user.partition(":")
    name = name or "0"
    number = _number(name)
    entry = next((e for e in _entries(passwd, 6) if name in (e[0], e[2])), None)
    ids = (None, None) if entry is None else (_number(entry[2]), _number(entry[3]))
    if entry is not None and ids[0] is not None and ids[1] is not None:
        uid, gid, home, login = ids[0], ids[1], entry[5] or "/", entry[0]
    elif number is not None:
        uid, gid, home, login = number, 0, "/", ""
    else:
        raise CannotStart(f"unable to find user {name[:80]}: no matching entries in passwd file")
    if wanted:
        return User(uid, _group(wanted, group), (), home)
    listed = (_number(e[2]) for e in _entries(group, 4) if login and login in e[3].split(","))
    return User(uid, gid, tuple(sorted({found for found in listed if found is not None})), home)


def _group(wanted: str, group: str) -> int:
    for entry in _entries(group, 3):
        found = _number(entry[2])
        if wanted in (entry[0], entry[2]) and found is not None:
            return found
    number = _number(wanted)
    if number is None:
        raise CannotStart(f"unable to find group {wanted[:80]}: no matching entries in group file")
    return number


def _number(text: str) -> int | None:
    """An id; None for what is none. "²" and a thousand zeros are none either, though Python reads them."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return None
    return int(text) if int(text) <= ID_MAX else None


def _entries(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        parts = line.split(":")
        if len(parts) >= fields:
            yield parts
