"""What an agent that joined a plane keeps: where that is, who it is there, and its secret.

One file, 0600, written whole and synced before anything rests on it. It is good in the directory and on the
machine that it was written for: in a copied directory it is refused, for two agents would be one node.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

FILE = "membership.json"
_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


class NotAMember(Exception):
    """There is no membership to go on with; one line that says why and what to do."""


class Membership(msgspec.Struct, frozen=True, omit_defaults=True):
    """`node_id` "" means that the plane has not answered yet: `secret` is then what it is asked with."""

    url: str
    secret: str
    home: str
    activation_id: str = ""
    node_id: str = ""
    authority: str = ""
    """PEM file of the authority that signs the plane's certificate; "" for those that the host trusts."""

    def __repr__(self) -> str:
        return f"Membership({self.node_id!r} of {self.url!r})"


def load(data: Path) -> Membership | None:
    """The membership in that directory, if there is one. Raises NotAMember for one that is no good here."""
    path = data / FILE
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Membership)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise NotAMember(f"{path} cannot be read ({error}); remove {data} and join anew") from error
    if found.home != home(data):
        raise NotAMember(
            f"{data} is a copy of another agent's directory, and what is in it is that agent's; "
            "use a directory of its own, and join with an activation"
        )
    return found


def save(data: Path, membership: Membership) -> None:
    """Keep it; on disk when this returns. Raises OSError, with the one before still in place."""
    fresh = data / f"{FILE}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(membership) + b"\n")
        file.flush()
        os.fsync(descriptor)
    fresh.replace(data / FILE)
    directory = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def home(data: Path) -> str:
    """Tells this directory from a copy. Devices are numbered anew at each boot, so they do not count."""
    return f"{_machine_id()}:{data.stat().st_ino}"


def _machine_id() -> str:
    for path in _MACHINE_IDS:
        try:
            return path.read_text().strip()
        except OSError:
            continue
    return ""
