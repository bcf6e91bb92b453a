"""Names of images: what a task definition calls an image, as the store knows it. Pure.

Rules are Docker's (distribution reference grammar): without a tag `:latest` is meant, `docker.io` and
`library/` need not be said. Digests (`name@sha256:…`) name one manifest exactly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from windlass.node.images.faults import BadImage

REFERENCE_LENGTH_MAX = 512
"""Characters; a repository name has at most 255 and a tag 128 (distribution reference grammar)."""

_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_HOST = (
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::\d+)?"
)
_NAME = re.compile(rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PART}(?:/{_PART})*)")
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def normal(reference: str) -> str:
    """The full name: "python" → "python:latest", "docker.io/library/python:3" → "python:3". Raises BadImage.

    A digest beside a tag wins, as it does for Docker: "python:3@sha256:…" → "python@sha256:…".
    """
    wrong = BadImage(f"invalid image reference {reference[:80]!r}")
    if not reference or len(reference) > REFERENCE_LENGTH_MAX:
        raise wrong
    rest, _, digest = reference.partition("@")
    if digest and not _DIGEST.fullmatch(digest):
        raise wrong
    name, tag = _split_tag(rest)
    if tag and not _TAG.fullmatch(tag):
        raise wrong
    found = _NAME.fullmatch(name)
    if found is None:
        raise wrong
    for prefix in ("docker.io/", "index.docker.io/", "library/"):
        name = name.removeprefix(prefix)
    return f"{name}@{digest}" if digest else f"{name}:{tag or 'latest'}"


DOCKER_HUB = "registry-1.docker.io"
"""Where names without a host are asked for."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where a registry has an image. `target` is a tag or a digest."""

    host: str
    repository: str
    target: str

    @property
    def is_pinned(self) -> bool:
        """Named by digest: it can never be another image."""
        return ":" in self.target


def remote(reference: str) -> Remote:
    """Whom to ask for that image: "python:3" → library/python, tag 3, at Docker Hub. Raises BadImage."""
    name, target = split(normal(reference))
    host, slash, path = name.partition("/")
    if slash and (host == "localhost" or "." in host or ":" in host):
        return Remote(host, path, target)
    return Remote(DOCKER_HUB, name if slash else f"library/{name}", target)


def split(name: str) -> tuple[str, str]:
    """A full name's repository and its tag or digest: "a/b@sha256:1" → ("a/b", "sha256:1")."""
    repository, at, digest = name.partition("@")
    if at:
        return repository, digest
    repository, _, tag = name.rpartition(":")
    return repository, tag


def is_loopback(host: str) -> bool:
    """Whether that "host" or "host:port" is this machine: nothing on the way can listen."""
    name = host.rpartition(":")[0] if ":" in host else host
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def _split_tag(name: str) -> tuple[str, str]:
    """A colon after the last slash begins a tag; one before it belongs to a port."""
    slash, colon = name.rfind("/"), name.rfind(":")
    return (name[:colon], name[colon + 1 :] or " ") if colon > slash else (name, "")
