"""A frontend as it is served now: its attributes in the units of sockets, and what it does with requests.

A connection holds on to it while a request is in flight; a new table makes a new one (`gone` says so to those
who still hold the old one of a frontend that was removed).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from windlass.fleet.proxy_messages import SECOND, Action, Forward, Frontend, Redirect, Rule
from windlass.kernel.clock import Instant
from windlass.proxy.framing import Request
from windlass.proxy.headers import Via
from windlass.proxy.pick import Shares
from windlass.proxy.rewrite import Change, change, location
from windlass.proxy.rules import Question, Rules
from windlass.proxy.stickiness import GroupSessions, Seal
from windlass.proxy.tls import Certificates


class Choice(NamedTuple):
    """What is done with a request. `target` and `host` as rules rewrote them; `location`: of a redirect."""

    action: Action
    rule: Rule
    target: str
    host: bytes
    location: str = ""


class Group:
    """The pools of one forward action."""

    def __init__(self, seal: Seal, rule: Rule, forward: Forward) -> None:
        self._shares = Shares(forward)
        self._sessions = GroupSessions(seal, rule.key, forward) if forward.sticky_s else None

    def choose(self, cookies: bytes, now: Instant) -> str | None:
        """The pool's key; None: none of them has a weight."""
        if self._sessions is not None and cookies:
            found = self._sessions.pool(cookies.decode("latin-1"), now)
            if found is not None:
                return found
        return self._shares.choose()

    def cookies(self, pool: str, secure: bool, now: Instant) -> Iterable[str]:
        return () if self._sessions is None else self._sessions.cookies(pool, secure, now)


class Served:
    """One frontend. Raises BadRegex, and ssl.SSLError or ValueError for its certificates."""

    __slots__ = (
        "_changes",
        "_only",
        "_rules",
        "certificates",
        "frontend",
        "gone",
        "groups",
        "idle_s",
        "keepalive_s",
        "options",
        "port",
        "request_s",
        "scheme",
    )

    def __init__(self, frontend: Frontend, seal: Seal) -> None:
        self.frontend = frontend
        self.options = frontend.options
        self.scheme = frontend.scheme
        self.port = frontend.binds[0].port if frontend.binds else 443 if frontend.scheme == "https" else 80
        self.idle_s = frontend.options.idle_timeout / SECOND
        self.keepalive_s = frontend.options.keepalive / SECOND
        self.request_s = frontend.options.request_timeout / SECOND
        self.gone = False
        self.certificates = Certificates(frontend) if frontend.scheme == "https" and frontend.binds else None
        self._rules = Rules(frontend.rules)
        self._only = frontend.rules[0] if len(frontend.rules) == 1 else None
        self._changes: dict[str, Change] = {}
        self.groups: dict[str, Group] = {}
        for rule in frontend.rules:
            if isinstance(rule.action, Forward):
                self.groups[rule.key] = Group(seal, rule, rule.action)
            if (made := change(rule.rewrites)) is not None:
                self._changes[rule.key] = made

    def choose(self, request: Request, via: Via) -> Choice:
        """By the rules. Raises CannotRewrite."""
        rule, question = self._only, None
        if rule is None:
            question = _question(request, via)
            rule = self._rules.choose(question)
        if isinstance(rule.action, Redirect):
            leads = location(rule.action, question or _question(request, via), via.scheme, via.port)
            return Choice(rule.action, rule, request.target, request.host, leads)
        if rule.rewrites and (made := self._changes.get(rule.key)) is not None:
            host, target = made(request.host.decode("latin-1"), request.target)
            return Choice(rule.action, rule, target, host.encode("latin-1"))
        return Choice(rule.action, rule, request.target, request.host)


def _question(request: Request, via: Via) -> Question:
    def values(name: str) -> list[str]:
        wanted = name.encode("latin-1")
        return [value.decode("latin-1") for key, value in request.headers if key.lower() == wanted]

    path, _, query = request.target.partition("?")
    return Question(request.method, request.host.decode("latin-1").lower(), path, query, via.client, values)
