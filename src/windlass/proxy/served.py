"""A frontend as it is served now: its attributes in the units of sockets, and what it does with requests.

A connection holds on to it while a request is in flight; a new table makes a new one (`gone` says so to those
who still hold the old one of a frontend that was removed).
"""

from __future__ import annotations

from typing import NamedTuple

from windlass.fleet.proxy_messages import SECOND, Action, Frontend
from windlass.proxy.framing import Request
from windlass.proxy.headers import Via


class Choice(NamedTuple):
    """What is done with a request. `target` and `host` as rules rewrote them; `location`: of a redirect."""

    action: Action
    rule: str
    target: str
    host: bytes
    location: str = ""
    sticks: bool = False


class Served:
    """One frontend."""

    __slots__ = ("frontend", "gone", "idle_s", "keepalive_s", "options", "port", "request_s", "scheme")

    def __init__(self, frontend: Frontend) -> None:
        self.frontend = frontend
        self.options = frontend.options
        self.scheme = frontend.scheme
        self.port = frontend.binds[0].port if frontend.binds else 443 if frontend.scheme == "https" else 80
        self.idle_s = frontend.options.idle_timeout / SECOND
        self.keepalive_s = frontend.options.keepalive / SECOND
        self.request_s = frontend.options.request_timeout / SECOND
        self.gone = False

    def choose(self, request: Request, via: Via) -> Choice:
        rule = self.frontend.rules[-1]
        return Choice(rule.action, rule.key, request.target, request.host)
