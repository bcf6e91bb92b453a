"""Names and passwords for registries, from a file like Docker's ~/.docker/config.json.

Known gaps: credential helpers (`credsStore`, `credHelpers`) are programs, and are not run; `identitytoken` is
not exchanged. A registry that needs one of those answers that access is denied.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from windlass.node.images.faults import BadImage
from windlass.node.images.reference import DOCKER_HUB

FILE_BYTES_MAX = 2**20
_HUB_NAMES = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", DOCKER_HUB)


class _Entry(msgspec.Struct):
    auth: str = ""
    username: str = ""
    password: str = ""


class _File(msgspec.Struct):
    auths: dict[str, _Entry] = {}


@dataclass(frozen=True, slots=True)
class Login:
    """Secret: shown to its own registry, and to the token service that the registry names."""

    user: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The Authorization header."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


def read(path: Path) -> dict[str, Login]:
    """Logins by registry ("host" or "host:port"). Raises BadImage, OSError."""
    with path.open("rb") as file:
        raw = file.read(FILE_BYTES_MAX)
    try:
        entries = msgspec.json.decode(raw, type=_File).auths
        return {_host(name): login for name, entry in entries.items() if (login := _login(entry)) is not None}
    except (msgspec.DecodeError, binascii.Error, UnicodeDecodeError) as error:
        raise BadImage(f"{path} is no registry authentication file: {error}") from error


def _host(name: str) -> str:
    """Docker writes hosts, and for its own registry a URL."""
    if name in _HUB_NAMES:
        return DOCKER_HUB
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _login(entry: _Entry) -> Login | None:
    if entry.auth:
        user, _, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
        return Login(user, password.rstrip("\0"))
    return Login(entry.username, entry.password) if entry.username else None
