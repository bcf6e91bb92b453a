"""Whether a Docker daemon answers, and where: the check that `windlass up --runner docker` makes.

The address is the docker command line's: DOCKER_HOST (unix:// or tcp://), with DOCKER_TLS_VERIFY and
DOCKER_CERT_PATH for TLS. Known gaps: no ssh://, no contexts of `docker context`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from windlass.node.docker_api import Address, DaemonGone, Engine, Refused
from windlass.node.faults import NotCapable

DEFAULT_HOST = "unix:///var/run/docker.sock"
PORT, TLS_PORT = 2375, 2376
API_MIN, API_MAX = (1, 40), (1, 44)
"""Versions of the API that we know: Docker 19.03, and the oldest that Docker 29 still takes."""
ANSWERS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class DockerHost:
    """A daemon that answered, with its own version."""

    engine: Engine
    version: str


def check(environment: Mapping[str, str]) -> DockerHost:
    """The daemon that the environment names, or NotCapable in one line. Not on a running loop."""
    return asyncio.run(find(environment))


async def find(environment: Mapping[str, str]) -> DockerHost:
    """See `check`."""
    engine = Engine(address(environment))
    try:
        found = await engine.call("GET", "/version", within_s=ANSWERS_WITHIN_S)
    except (DaemonGone, Refused, TimeoutError) as error:
        why = str(error) or f"{engine.address.shown} does not answer"
        raise NotCapable(
            f"the docker runner needs a Docker daemon: {why}; "
            "start it, set DOCKER_HOST, or use --runner process"
        ) from error
    return DockerHost(Engine(engine.address, settle(found)), str(found.get("Version", "")))


def settle(version: Any) -> str:
    """The version of the API to speak, given the answer of /version. Raises NotCapable."""
    try:
        newest = _numbers(version["ApiVersion"])
        oldest = _numbers(version.get("MinAPIVersion") or "1.0")
    except (TypeError, KeyError, ValueError, AttributeError):
        raise NotCapable("what answers at DOCKER_HOST is no Docker daemon") from None
    chosen = min(newest, API_MAX)
    if chosen < API_MIN or oldest > chosen:
        raise NotCapable(
            f"the Docker daemon speaks versions {_dotted(oldest)} to {_dotted(newest)} of its API, "
            f"and we {_dotted(API_MIN)} to {_dotted(API_MAX)}"
        )
    return _dotted(chosen)


def address(environment: Mapping[str, str]) -> Address:
    """Where the daemon is said to be. Raises NotCapable for what cannot be used.

    >>> address({"DOCKER_HOST": "unix:///run/d.sock"}).path
    '/run/d.sock'
    """
    host = environment.get("DOCKER_HOST") or DEFAULT_HOST
    kind, _, rest = host.partition("://")
    if kind == "unix" and rest.startswith("/"):
        return Address(host, path=rest)
    if kind != "tcp":
        raise NotCapable(f"DOCKER_HOST={host}: only unix:///PATH and tcp://HOST:PORT can be used here")
    try:
        found = urlsplit(host)
        name, port = found.hostname, found.port
    except ValueError:
        name, port = None, None
    if not name:
        raise NotCapable(f"DOCKER_HOST={host} names no host")
    tls = _tls(environment) if environment.get("DOCKER_TLS_VERIFY") else None
    return Address(host, host=name, port=port or (TLS_PORT if tls else PORT), tls=tls)


def _tls(environment: Mapping[str, str]) -> ssl.SSLContext:
    """Both sides show certificates: ca.pem, cert.pem and key.pem, as the docker command line names them."""
    folder = Path(environment.get("DOCKER_CERT_PATH") or Path("~/.docker").expanduser())
    try:
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.load_cert_chain(str(folder / "cert.pem"), str(folder / "key.pem"))
    except (OSError, ssl.SSLError) as error:
        raise NotCapable(
            f"DOCKER_TLS_VERIFY: the certificates in {folder} cannot be used: {error}"
        ) from error
    return context


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
