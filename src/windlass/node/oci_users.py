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
    entry = next((e for e in _entries(passwd, 6) if name in (e[0], e[2])), None)
    if entry is not None and entry[2].isdigit() and entry[3].isdigit():
        uid, gid, home, login = int(entry[2]), int(entry[3]), entry[5] or "/", entry[0]
    elif name.isdigit():
        uid, gid, home, login = _id(name, "user"), 0, "/", ""
    else:
        raise CannotStart(f"unable to find user {name}: no matching entries in passwd file")
    if wanted:
        return User(uid, _group(wanted, group), (), home)
    groups = {int(e[2]) for e in _entries(group, 4) if login and e[2].isdigit() and login in e[3].split(",")}
    return User(uid, gid, tuple(sorted(groups)), home)


def _group(wanted: str, group: str) -> int:
    for entry in _entries(group, 3):
        if wanted in (entry[0], entry[2]) and entry[2].isdigit():
            return int(entry[2])
    if wanted.isdigit():
        return _id(wanted, "group")
    raise CannotStart(f"unable to find group {wanted}: no matching entries in group file")


def _id(digits: str, what: str) -> int:
    if int(digits[:12]) > ID_MAX:
        raise CannotStart(f"{what} ids must be in range 0-{ID_MAX}")
    return int(digits)


def _entries(text: str, fields: int) -> Iterator[list[str]]:
    for line in text.splitlines():
        parts = line.split(":")
        if len(parts) >= fields:
            yield parts
