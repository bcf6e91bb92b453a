"""Targets as HAProxy's servers, and the commands that make one set of them another. Pure.

Servers come, go and change their state through the runtime API, without a new process, as far as HAProxy lets
them (management guide, "add server"): one in a namespace, or with a cookie, needs a new configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from windlass.fleet.proxy_messages import Endpoint, Health, Pool


class Server(NamedTuple):
    """One line of a backend. `fixed` are the options that the runtime API does not take."""

    name: str
    address: str
    options: tuple[str, ...]
    fixed: tuple[str, ...]
    up: bool
    endpoint: str

    def line(self) -> str:
        """As in a configuration."""
        state = () if self.up else ("disabled",)
        return " ".join((self.name, self.address, *self.options, *self.fixed, *state))


def backend(kind: str, key: str) -> str:
    """A name of ours for somebody's key: "b" and twelve digits."""
    return f"{kind}{sha256(key.encode()).hexdigest()[:12]}"


def servers_of(pool: Pool, health: Callable[[Endpoint], Health]) -> tuple[Server, ...]:
    """All of them; up are those that take requests: the healthy, or with too few of them, all (fail open)."""
    registered = [one for one in pool.endpoints if not one.draining and health(one) != "unused"]
    used = {one.key for one in registered if health(one) == "healthy"}
    if len(used) < min(pool.healthy_min, len(registered)):
        used = {one.key for one in registered}
    return tuple(_server(pool, one, one.key in used) for one in pool.endpoints)


def _server(pool: Pool, endpoint: Endpoint, up: bool) -> Server:
    name = backend("s", endpoint.key)
    framed = pool.protocol != "HTTP1"
    options: tuple[str, ...] = ()
    if pool.tls:
        options += ("ssl", "verify", "none", *(("alpn", "h2") if framed else ()))
    elif framed:
        options += ("proto", "h2")
    if pool.kind == "queued":
        options += ("maxconn", str(max(1, pool.concurrency)), "maxqueue", str(max(1, pool.queue)))
    fixed: tuple[str, ...] = ("namespace", endpoint.netns) if endpoint.netns else ()
    if pool.sticky is not None and pool.sticky.kind == "lb_cookie":
        fixed += ("cookie", name)
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return Server(name, f"{host}:{endpoint.port}", options, fixed, up, endpoint.key)


def commands(pool: str, before: Sequence[Server], now: Sequence[Server]) -> list[str] | None:
    """What to tell the runtime API; None: it takes a new configuration. Nothing is cut.

    A server that goes takes nothing new first; `del server` is refused while it has connections, and is to be
    said again.
    """
    was, here = {one.name: one for one in before}, backend("b", pool)
    said: list[str] = []
    for server in now:
        there = was.pop(server.name, None)
        if there is None or there[1:4] != server[1:4]:
            if there is not None or server.fixed:
                return None
            said.append(" ".join((f"add server {here}/{server.name}", server.address, *server.options)))
        elif there.up == server.up:
            continue
        if server.up or there is not None:
            said.append(f"set server {here}/{server.name} state {'ready' if server.up else 'maint'}")
    for name in was:
        said += [f"set server {here}/{name} state maint", f"del server {here}/{name}"]
    return said


def changes(
    before: Mapping[str, Sequence[Server]], now: Mapping[str, Sequence[Server]]
) -> list[str] | None:  # fmt: skip
    """Of all pools, which are the same ones."""
    said: list[str] = []
    for pool, servers in now.items():
        told = commands(pool, before[pool], servers)
        if told is None:
            return None
        said += told
    return said
