"""HAProxy's configuration for a table of frontends and pools. Pure: values in, text and files out.

Every rule of a frontend is found by number first (the variable `txn.rule`), in order of priority, and then
acted on, since HAProxy would answer all redirects before it looks for a backend. What comes from users is
quoted so that HAProxy takes it literally, and what cannot be quoted (control characters) is refused.
What HAProxy cannot do as an Application Load Balancer does is told in `refused`: such a rule answers 501.
Known gaps: Elastic Load Balancing's own headers and pages of errors; a target that cannot be connected to
gives 503.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from windlass.fleet.proxy_messages import Fixed, Forward, Frontend, Match, Options, Pool, Redirect, Rule
from windlass.kernel.clock import MILLISECOND
from windlass.proxy.haproxy_servers import Server, backend

HERE = "haproxy"
"""In place of an address, among binds that are refused: what this configuration cannot do."""
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TRACE = "Root=1-" + "-".join(
    "".join(f"%[var(txn.trace),bytes({start},{length})]" for start, length in pieces)
    for pieces in (((0, 8),), ((9, 4), (14, 4), (19, 4), (24, 12)))
)
"""Of a UUID without its hyphens; one regular expression would cost a twentieth of the whole request."""
_PLACES = {
    "#{host}": "%[req.hdr(host),field(1,:)]",
    "#{port}": "%[dst_port]",
    "#{path}": '%[path,regsub("^/","")]',
    "#{query}": "%[query]",
}


class Unsupported(Exception):
    """HAProxy is not driven to do that; says what."""


@dataclass(slots=True)
class Compiled:
    """`files` are contents by name, in the directory of the configuration, that it names."""

    text: str = ""
    files: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Places:
    """Where it lies, and where it listens for commands and for what the endpoint hands on."""

    directory: str
    sockets: str
    """What the paths of its sockets begin with."""
    control: str
    ingress: str
    threads: int = 1


def compiled(
    frontends: Mapping[str, Frontend], pools: Mapping[str, Pool], servers: Mapping[str, Sequence[Server]],
    places: Places,
) -> Compiled:  # fmt: skip
    """The configuration; `servers` are those of each pool."""
    out = Compiled()
    lines = [
        "global",
        f"  nbthread {places.threads}",
        f"  stats socket {_quoted(places.control)} mode 600 level admin expose-fd listeners",
        "  hard-stop-after 1h",
        "defaults",
        "  mode http",
        "  timeout connect 10s",
        "  timeout client 60s",
        "  timeout server 60s",
        "  timeout http-request 60s",
    ]
    lines += _ingress(frontends, places)
    for frontend in frontends.values():
        lines += _frontend(frontend, pools, places, out)
    for pool in pools.values():
        users = [one.options for one in frontends.values() if pool.key in _pools_of(one)]
        lines += _backend(pool, servers[pool.key], users, out)
    out.text = "\n".join(lines) + "\n"
    return out


def _quoted(text: str) -> str:
    """One word, literally. Raises Unsupported."""
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise Unsupported("control characters")
    return "'" + text.replace("'", "'\\''") + "'"


def _literal(text: str) -> str:
    """In a format string."""
    return text.replace("%", "%%")


def _wild(pattern: str, anything: str = ".") -> str:
    """A regular expression for the wildcards * and ?."""
    return "".join(
        f"{anything}*" if char == "*" else anything if char == "?" else re.escape(char) for char in pattern
    )


def socket_of(key: str, places: Places) -> str:
    """Where a frontend takes what came in at the endpoint."""
    return f"{places.sockets}{backend('f', key)}.sock"


# frontends


def _ingress(frontends: Mapping[str, Frontend], places: Places) -> list[str]:
    """What the endpoint hands on goes by its Host to the frontend's own socket; whole names go first."""
    hosts = sorted(
        ((host, key) for key, one in frontends.items() for host in one.hosts),
        key=lambda found: (found[0].startswith("*"), ":" not in found[0], found),
    )
    lines = ["frontend ingress", f"  bind {_quoted(f'unix@{places.ingress}')} mode 600 accept-proxy"]
    for number, (host, key) in enumerate(hosts):
        port = "" if ":" in host else "(:[0-9]+)?"
        pattern = _quoted(f"^{_wild(host, '[^.]')}{port}$")
        lines.append(f"  acl h{number} req.hdr(host) -m reg -i -- {pattern}")
        unset = "!{ var(txn.to) -m found }"
        lines.append(f"  http-request set-var(txn.to) str({backend('i', key)}) if {unset} h{number}")
    lines.append("  http-request return status 421 unless { var(txn.to) -m found }")
    lines.append("  use_backend %[var(txn.to)]")
    for key in frontends:
        lines += [f"backend {backend('i', key)}", "  http-reuse never"]
        lines.append(f"  server in {_quoted(f'unix@{socket_of(key, places)}')} send-proxy-v2")
    return lines


def _frontend(
    frontend: Frontend, pools: Mapping[str, Pool], places: Places, out: Compiled
) -> list[str]:  # fmt: skip
    name, options = backend("f", frontend.key), frontend.options
    secure = _certificates(frontend, name, places, out)
    lines = [f"frontend {name}"]
    lines += [f"  bind {_at(bind.host, bind.port)}{secure}" for bind in frontend.binds]
    lines.append(f"  bind {_quoted(f'unix@{socket_of(frontend.key, places)}')} mode 600 accept-proxy")
    lines.append(f"  timeout client {options.idle_timeout // MILLISECOND}ms")
    lines.append(f"  timeout http-keep-alive {options.keepalive // MILLISECOND}ms")
    lines += _headers(frontend)
    for number, rule in enumerate(frontend.rules):
        try:
            lines += _found(rule, number)
        except Unsupported as why:
            out.refused.append((frontend.key, HERE, f"rule {rule.key} is left out: {why}"))
    for number, rule in enumerate(frontend.rules):
        chosen = f"{{ var(txn.rule) -m int {number} }}"
        try:
            lines += _acted(frontend, rule, chosen, pools, places, out)
        except Unsupported as why:
            out.refused.append((frontend.key, HERE, f"rule {rule.key} answers 501: {why}"))
            lines.append(f"  http-request return status 501 if {chosen}")
    return lines


def _at(host: str, port: int) -> str:
    return _quoted(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _certificates(frontend: Frontend, name: str, places: Places, out: Compiled) -> str:
    """All in one directory, the default first; HAProxy chooses by the name that the client gives."""
    if frontend.scheme != "https":
        return ""
    for number, one in enumerate(frontend.certificates):
        out.files[f"{name}.certs/{number:03}.pem"] = f"{one.chain.rstrip()}\n{one.key.rstrip()}\n"
    alpn = "h2,http/1.1" if frontend.options.http2 else "http/1.1"
    return f" ssl crt {_quoted(f'{places.directory}/{name}.certs')} alpn {alpn}"


def _headers(frontend: Frontend) -> list[str]:
    """What an Application Load Balancer adds, in front of all rules."""
    options = frontend.options
    client = "%[src]:%[src_port]" if options.client_port else "%[src]"
    there, traced = (f"{{ req.hdr({name}) -m found }}" for name in ("x-forwarded-for", "x-amzn-trace-id"))
    lines = [
        "  http-request set-var(txn.trace) uuid",
        f"  http-request set-header X-Amzn-Trace-Id '{_TRACE}' unless {traced}",
        f"  http-request set-header X-Forwarded-Proto {frontend.scheme}",
        "  http-request set-header X-Forwarded-Port '%[dst_port]'",
    ]
    if options.forwarded_for == "remove":
        lines.append("  http-request del-header X-Forwarded-For")
    elif options.forwarded_for == "append":
        both = f"'%[req.fhdr(x-forwarded-for)], {client}'"
        lines.append(f"  http-request set-header X-Forwarded-For {both} if {there}")
        lines.append(f"  http-request set-header X-Forwarded-For '{client}' unless {there}")
    for header, value in options.insert:
        lines.append(f"  http-after-response set-header {_token(header)} {_quoted(_literal(value))}")
    return lines


def _token(name: str) -> str:
    if not _TOKEN.fullmatch(name) or "'" in name:
        raise Unsupported(f"the header name {name!r}")
    return name


# rules


def _found(rule: Rule, number: int) -> list[str]:
    """Sets txn.rule if the rule is the first whose conditions hold. Raises Unsupported."""
    lines = []
    for at, match in enumerate(rule.matches):
        lines += [f"  acl r{number}_{at} {test}" for test in _tests(match)]
    conditions = " ".join(f"r{number}_{at}" for at in range(len(rule.matches)))
    unset = "!{ var(txn.rule) -m found }"
    return [*lines, f"  http-request set-var(txn.rule) int({number}) if {unset} {conditions}".rstrip()]


def _tests(match: Match) -> list[str]:
    """ACLs, any of which has to hold."""
    if match.regexes:  # one that PCRE does not take would keep all of the configuration from being used
        raise Unsupported("regular expressions need the built-in proxy")
    patterns = [f"^{_wild(value)}$" for value in match.values]
    match match.field:
        case "host":
            return [f"req.hdr(host),field(1,:) -m reg -i -- {_quoted(one)}" for one in patterns]
        case "path":
            return [f"path -m reg -- {_quoted(one)}" for one in patterns]
        case "header":
            fetch = f"req.fhdr({_token(match.name)})"
            return [f"{fetch} -m reg -i -- {_quoted(one)}" for one in patterns]
        case "method":
            return [f"method -m str -- {_quoted(one)}" for one in match.values]
        case "source-ip":
            return [f"src -- {_quoted(one)}" for one in match.values]
        case "query":
            return [f"query -m reg -i -- {_quoted(_pair(*one))}" for one in match.pairs]


def _pair(key: str, value: str) -> str:
    name = f"{_wild(key, '[^&=]')}=" if key else "([^&=]*=)?"
    return f"(^|&){name}{_wild(value, '[^&]')}(&|$)"


def _acted(
    frontend: Frontend, rule: Rule, chosen: str, pools: Mapping[str, Pool], places: Places, out: Compiled
) -> list[str]:
    """Raises Unsupported."""
    if rule.rewrites:
        raise Unsupported("rewrites of host and URL need the built-in proxy")
    match rule.action:
        case Redirect() as redirect:
            return _redirect(frontend, redirect, chosen)
        case Fixed(status, content_type, body):
            name = f"{backend('f', frontend.key)}.{backend('r', rule.key)}.body"
            out.files[name] = body
            content = f"content-type {_quoted(content_type)} file {_quoted(f'{places.directory}/{name}')}"
            return [f"  http-request return status {status} {content if body else ''} if {chosen}"]
        case Forward() as forward:
            return _forward(frontend, rule, forward, chosen, pools, out)


def _redirect(frontend: Frontend, to: Redirect, chosen: str) -> list[str]:
    """Without the question mark for a query that is empty."""

    def filled(text: str) -> str:
        parts = re.split(r"(#\{\w+\})", text)
        return "".join(_PLACES.get(part, _literal(part)) for part in parts)

    protocol = to.protocol.replace("#{protocol}", frontend.scheme).lower()
    where = f"{_literal(protocol)}://{filled(to.host)}:{filled(to.port)}{filled(to.path)}"
    kept = "#{query}" in to.query
    asked = f"{where}?{filled(to.query)}" if to.query else where
    lines = [f"  http-request redirect location {_quoted(asked)} code {to.status} if {chosen}"]
    if kept and to.query == "#{query}":
        lines[0] += " { query -m len gt 0 }"
        lines.append(f"  http-request redirect location {_quoted(where)} code {to.status} if {chosen}")
    return lines


def _forward(
    frontend: Frontend, rule: Rule, to: Forward, chosen: str, pools: Mapping[str, Pool], out: Compiled
) -> list[str]:
    shares = [share for share in to.shares if share.weight > 0 and share.pool in pools]
    if any(pools[share.pool].kind == "function" for share in shares):
        raise Unsupported("functions as targets need the built-in proxy")
    if not shares:
        return [f"  http-request return status 503 if {chosen}"]
    if to.sticky_s:
        out.refused.append((frontend.key, HERE, f"rule {rule.key} keeps no client at one target group"))
    total, upto, lines = sum(share.weight for share in shares), 0, []
    if len(shares) > 1:
        lines.append(f"  http-request set-var(txn.share) rand({total}) if {chosen}")
    for share in shares:
        upto += share.weight
        drawn = f" {{ var(txn.share) -m int lt {upto} }}" if upto < total else ""
        lines.append(f"  use_backend {backend('b', share.pool)} if {chosen}{drawn}")
    return lines


# pools


def _pools_of(frontend: Frontend) -> set[str]:
    forwards = (rule.action for rule in frontend.rules if isinstance(rule.action, Forward))
    return {share.pool for forward in forwards for share in forward.shares}


def _backend(pool: Pool, servers: Sequence[Server], users: Iterable[Options], out: Compiled) -> list[str]:
    algorithm = {"least_outstanding_requests": "leastconn", "weighted_random": "random"}
    balance = "leastconn" if pool.kind == "queued" else algorithm.get(pool.algorithm, "roundrobin")
    idle = max((one.request_timeout or one.idle_timeout for one in users), default=0) // MILLISECOND
    lines = [f"backend {backend('b', pool.key)}", f"  balance {balance}", "  http-reuse safe"]
    if idle:
        lines.append(f"  timeout server {idle}ms")
    if pool.queue_wait:
        lines.append(f"  timeout queue {pool.queue_wait // MILLISECOND}ms")
    if pool.kind == "queued":
        # What has no place at a server would wait in a queue of the backend's, which has no end.
        lines.append("  http-request return status 429 if { connslots le 0 } { nbsrv gt 0 }")
    if pool.slow_start:
        out.refused.append((pool.key, HERE, "targets begin with all of their share: no slow start"))
    if pool.sticky is not None and pool.sticky.kind == "lb_cookie":
        lines.append(f"  cookie AWSALB insert indirect nocache maxlife {pool.sticky.seconds}s")
    elif pool.sticky is not None:
        out.refused.append((pool.key, HERE, "no stickiness by the application's cookie"))
    return [*lines, *(f"  server {server.line()}" for server in servers)]
