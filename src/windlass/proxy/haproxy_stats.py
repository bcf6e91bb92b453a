"""What HAProxy counted, from two looks at `show stat`. Pure.

Known gaps: response times are the averages that HAProxy keeps, as if all had taken so long; of the errors
that it answered itself only 502 is known apart; a pool's counts are its first frontend's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from windlass.fleet.proxy_messages import Count, Frontend, Load, Pool
from windlass.proxy.haproxy_servers import Server, backend

Rows: TypeAlias = dict[tuple[str, str], dict[str, int]]
"""(section, server) → its numbers."""
_KEPT = (
    "scur", "qcur", "stot", "bin", "bout", "econ", "eresp", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx",
    "req_tot", "conn_tot", "rtime",
)  # fmt: skip


class Names(NamedTuple):
    """Whose sections and servers these are."""

    frontends: Mapping[str, Frontend]
    pools: Mapping[str, Pool]
    servers: Mapping[str, Sequence[Server]]


def parsed(text: str) -> Rows:
    """The CSV of `show stat`; what is no number is left out."""
    rows: Rows = {}
    for row in csv.DictReader(text.removeprefix("# ").splitlines()):
        numbers = {name: int(row[name]) for name in _KEPT if (row.get(name) or "").isdigit()}
        rows[row["pxname"], row["svname"]] = numbers
    return rows


def counts(before: Rows, now: Rows, names: Names) -> tuple[Count, ...]:
    """What happened between; nothing of sections that were not there before."""
    found = []
    for key in names.frontends:
        front = backend("f", key)
        moved = _moved(before, now, (front, "FRONTEND"))
        targets = [*_targets(before, now, names, key)]
        found += targets
        count = Count(
            frontend=key,
            requests=moved["req_tot"] - sum(one.requests for one in targets),
            elb_3xx=max(0, moved["hrsp_3xx"] - sum(one.target_3xx for one in targets)),
            elb_4xx=max(0, moved["hrsp_4xx"] - sum(one.target_4xx for one in targets)),
            elb_5xx=max(0, moved["hrsp_5xx"] - sum(one.target_5xx for one in targets)),
            elb_502=sum(
                _moved(before, now, (backend("b", pool), server.name))["eresp"]
                for pool, server in _servers(names, key)
            ),
            connections_new=moved["conn_tot"],
            connections_active=now.get((front, "FRONTEND"), {}).get("scur", 0),
            bytes=moved["bin"] + moved["bout"] - sum(one.bytes for one in targets),
        )
        if any(moved.values()) or count.connections_active:
            found.append(count)
    return tuple(found)


def _targets(before: Rows, now: Rows, names: Names, frontend: str) -> Iterable[Count]:
    for pool, server in _servers(names, frontend):
        moved = _moved(before, now, (backend("b", pool), server.name))
        answered = sum(moved[f"hrsp_{status}xx"] for status in (2, 3, 4, 5))
        if not any(moved.values()):
            continue
        rtime = now[backend("b", pool), server.name].get("rtime", 0) / 1000
        yield Count(
            frontend,
            pool,
            server.endpoint,
            moved["stot"],
            target_2xx=moved["hrsp_2xx"],
            target_3xx=moved["hrsp_3xx"],
            target_4xx=moved["hrsp_4xx"],
            target_5xx=moved["hrsp_5xx"],
            target_connection_errors=moved["econ"],
            bytes=moved["bin"] + moved["bout"],
            times=((rtime, answered),) if answered else (),
        )


def _servers(names: Names, frontend: str) -> Iterable[tuple[str, Server]]:
    """Of the pools that are counted as that frontend's."""
    for pool in names.pools:
        if _first_user(names.frontends, pool) == frontend:
            yield from ((pool, server) for server in names.servers.get(pool, ()))


def _first_user(frontends: Mapping[str, Frontend], pool: str) -> str:
    for key, frontend in sorted(frontends.items()):
        for rule in frontend.rules:
            if pool in (share.pool for share in getattr(rule.action, "shares", ())):
                return key
    return ""


def _moved(before: Rows, now: Rows, row: tuple[str, str]) -> dict[str, int]:
    """How far each counter went; a server that was added since began at nothing."""
    was, here = before.get(row, {}), now.get(row, {})
    sums = (name for name in _KEPT if name not in ("scur", "qcur", "rtime"))
    return {name: max(0, here.get(name, 0) - was.get(name, 0)) for name in sums}


def loads(now: Rows, names: Names) -> list[Load]:
    """How busy the queued pools are."""
    found = []
    for key, pool in names.pools.items():
        if pool.kind != "queued":
            continue
        section = backend("b", key)
        at = {one.endpoint: now.get((section, one.name), {}) for one in names.servers.get(key, ())}
        busy = tuple((endpoint, row.get("scur", 0)) for endpoint, row in at.items())
        queued = sum(row.get("qcur", 0) for row in at.values())
        queued += now.get((section, "BACKEND"), {}).get("qcur", 0)
        found.append(Load(key, sum(many for _, many in busy), queued, busy))
    return found


def idle(now: Rows, names: Names) -> set[tuple[str, str]]:
    """Draining targets, by pool, without an open request."""
    found = set()
    for key, pool in names.pools.items():
        draining = {one.key for one in pool.endpoints if one.draining}
        for server in names.servers.get(key, ()):
            row = now.get((backend("b", key), server.name), {})
            if server.endpoint in draining and not row.get("scur", 0):
                found.add((key, server.endpoint))
    return found
