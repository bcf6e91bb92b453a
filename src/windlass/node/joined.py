"""An agent that joined a plane on another machine: how it becomes a node there, and how it gets in.

It makes its first secret itself and keeps it before it asks: when the answer is lost, or the agent dies, it
asks again with the same secret and is the same node, and no second registration is counted. Imported by such
agents only; the embedded one has a Unix socket.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from windlass.fleet.frames import Transport
from windlass.fleet.messages import FromPlane
from windlass.node.identity import Identity
from windlass.node.membership import Membership, NotAMember, home, load, save
from windlass.node.session import Connect
from windlass.node.websocket import PlaneUrl, open_websocket

REGISTRATIONS_PATH = "/_windlass/node/registrations"
"""As front/admit.py has it."""
ASK_WITHIN_S = 20.0
ASK_AGAIN_FOR_S = 60.0
"""A plane that does not answer, or not yet, is asked again for so long."""
BACK_OFF_MAX_S = 5.0
ANSWER_BYTES_MAX = 64 * 1024

log = logging.getLogger("windlass.agent")


class JoinRefused(NotAMember):
    """The plane does not take this machine, or cannot be reached."""


@dataclass(frozen=True, slots=True)
class Join:
    """What the command line asks for. `activation` is "ID:CODE"; "" where the machine has joined before."""

    url: str
    activation: str = field(default="", repr=False)
    cluster: str = "default"
    name: str = ""
    authority: Path | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


class Joined:
    """This node's way to its plane."""

    def __init__(self, data: Path, membership: Membership, cpu_units: int, memory_mib: int) -> None:
        self._data = data
        self._membership = membership
        authority = Path(membership.authority) if membership.authority else None
        self._plane = PlaneUrl(membership.url, authority)
        self.identity = Identity(
            membership.node_id,
            membership.secret,
            cpu_units,
            memory_mib,
            run=os.urandom(16).hex(),
            keep=self._keep,
        )
        self.connect: Connect = self._connect

    @property
    def endpoint(self) -> str:
        """What tasks here reach the plane by: the plane's own address for itself may mean nothing here."""
        return self._membership.url

    @property
    def authority(self) -> str:
        return self._membership.authority

    def _keep(self, secret: str) -> None:
        membership = msgspec.structs.replace(self._membership, secret=secret)
        save(self._data, membership)
        self._membership = membership

    async def _connect(self) -> Transport[FromPlane]:
        return await open_websocket(self._plane, self._membership.node_id, self._membership.secret)


def join(data: Path, asked: Join, cpu_units: int, memory_mib: int) -> Joined:
    """Be a node of that plane: the one that this directory is already, or a new one.

    Raises JoinRefused, NotAMember.
    """
    url = _checked(asked)
    known = load(data)
    authority = str(asked.authority.absolute()) if asked.authority else ""
    if known is not None and known.node_id:
        current = msgspec.structs.replace(known, url=url, authority=authority or known.authority)
        if current != known:
            save(data, current)
        return Joined(data, current, cpu_units, memory_mib)
    activation_id, _, code = asked.activation.partition(":")
    if not activation_id or not code:
        raise NotAMember(f"{data} has joined no plane yet: give --activation ID:CODE of an SSM activation")
    if known is None or (known.activation_id, known.url) != (activation_id, url):
        known = Membership(url, os.urandom(32).hex(), home(data), activation_id)
    known = msgspec.structs.replace(known, authority=authority)
    save(data, known)
    request = {
        "activation_id": activation_id,
        "activation_code": code,
        "secret": known.secret,
        "cluster": asked.cluster,
        "name": asked.name,
        "attributes": dict(asked.attributes),
        "cpu_units": cpu_units,
        "memory_mib": memory_mib,
        **_about_this_machine(url),
    }
    answer = _ask_patiently(PlaneUrl(url, asked.authority), request)
    member = msgspec.structs.replace(known, node_id=str(answer["node_id"]))
    save(data, member)
    log.info("joined %s as %s", url, member.node_id)
    return Joined(data, member, cpu_units, memory_mib)


def _checked(asked: Join) -> str:
    parts = urlsplit(asked.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise JoinRefused(f"--join takes the URL of a plane, https://plane.example:4566, not {asked.url!r}")
    if parts.username or parts.password:
        raise JoinRefused("--join takes a URL without a user and a password")
    return asked.url.rstrip("/")


def _about_this_machine(url: str) -> dict[str, str]:
    """What DescribeInstanceInformation shows of it."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return {
        "computer_name": socket.gethostname(),
        "ip_address": _own_address(url),
        "platform_name": release.get("NAME", platform.system()),
        "platform_version": release.get("VERSION_ID", platform.release()),
        "architecture": platform.machine(),
    }


def _own_address(url: str) -> str:
    """The address by which this machine reaches the plane; nothing is sent. "" when there is no way yet."""
    parts = urlsplit(url)
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            parts.hostname, parts.port or 443, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def _ask_patiently(plane: PlaneUrl, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The plane's answer. What it refuses is final; while it cannot be reached it is asked again."""
    deadline = time.monotonic() + ASK_AGAIN_FOR_S
    delay_s = 0.1
    while True:
        try:
            return _ask(plane, request)
        except urllib.error.HTTPError as error:
            why = error.read(ANSWER_BYTES_MAX).decode(errors="replace").strip()
            if error.code < 500 and error.code != 429:
                raise JoinRefused(f"{plane.url} refused this machine: {_message(why)}") from None
        except ssl.SSLError as error:
            raise JoinRefused(_untrusted(plane, error)) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLError):
                raise JoinRefused(_untrusted(plane, reason)) from None
            why = str(reason)
        if time.monotonic() + delay_s > deadline:
            raise JoinRefused(f"no plane answers at {plane.url}: {_message(why)}")
        log.warning("no plane answers at %s: %s", plane.url, why)
        time.sleep(delay_s)
        delay_s = min(BACK_OFF_MAX_S, delay_s * 2)


def _ask(plane: PlaneUrl, request: Mapping[str, Any]) -> Mapping[str, Any]:
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    context = plane.context()
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    asked = urllib.request.Request(
        plane.url + REGISTRATIONS_PATH,
        method="POST",
        data=json.dumps(request).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.build_opener(*handlers).open(asked, timeout=ASK_WITHIN_S) as response:
        answer = json.loads(response.read(ANSWER_BYTES_MAX))
    if not isinstance(answer, dict) or not answer.get("node_id"):
        raise ValueError("what answers there is no plane")
    return answer


def _untrusted(plane: PlaneUrl, error: ssl.SSLError) -> str:
    return f"no TLS with {plane.url}: {error.reason or error}; for an authority of your own give --ca FILE"


def _message(body: str) -> str:
    """The sentence in an answer of the plane."""
    try:
        read = json.loads(body)
    except ValueError:
        return body[:300]
    return str(read.get("message", read))[:300] if isinstance(read, dict) else body[:300]
