"""Access logs: what is written of each request, as an Application Load Balancer does. Pure.

(ELB guide, "Access logs for your Application Load Balancer": syntax; read 2026-11-22.) Times of a request's
own processing are not measured apart: what the target took has all of it. Known gaps: no certificate's ARN,
no classification, and the connection's trace id is "-".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from windlass.fleet.proxy_messages import AccessLines, Fixed, Forward, Redirect
from windlass.kernel.clock import Instant

if TYPE_CHECKING:
    from windlass.proxy.exchange import Exchange
    from windlass.proxy.served import Served

_UNSAFE = {byte: f"\\x{byte:02x}" for byte in [*range(0x20), 0x22, 0x5C, *range(0x7F, 0x100)]}


_ACTIONS = {Forward: "forward", Fixed: "fixed-response", Redirect: "redirect"}


class AccessLog:
    """The lines of all frontends that want them, until they are told."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def answered(self, exchange: Exchange, now: Instant) -> None:
        """A request is done."""
        served = exchange.served
        if served.options.access_log:
            self._write(served, _entry(exchange, now))

    def refused(self, served: Served, status: int, now: Instant) -> None:
        """What came was no request."""
        if served.options.access_log:
            kind, balancer = served.scheme, _name(served)
            self._write(served, Entry(kind, balancer, status=status, began=now, ended=now))

    def take(self) -> list[AccessLines]:
        """What there is since the last time."""
        lines, self._lines = self._lines, {}
        return [AccessLines(key, tuple(found)) for key, found in lines.items()]

    def _write(self, served: Served, entry: Entry) -> None:
        self._lines.setdefault(served.frontend.key, []).append(line(entry))


def _entry(exchange: Exchange, now: Instant) -> Entry:
    request, via, target, choice = exchange.request, exchange.via, exchange.target, exchange.choice
    headers = {name.lower(): value.decode("latin-1") for name, value in request.kept}
    host = request.host.decode("latin-1")
    at = host if host.rpartition(":")[2].isdigit() else f"{host}:{via.port}"
    used = exchange.used.pool if exchange.used is not None else None
    return Entry(
        _kind(exchange, headers.get(b"content-type", "")),
        _name(exchange.served),
        client=f"{via.client}:{via.client_port}",
        target=f"{target.endpoint.host}:{target.endpoint.port}" if target is not None else "",
        target_s=exchange.target_s,
        status=exchange.status,
        target_status=exchange.target_status,
        received=exchange.received,
        sent=exchange.sent,
        method=request.method,
        url=f"{via.scheme}://{at}{request.target}",
        version="HTTP/2.0" if request.version == "2" else f"HTTP/{request.version}",
        agent=headers.get(b"user-agent", ""),
        cipher=via.cipher,
        tls=via.tls,
        pool=used.key if used is not None else "",
        trace=(exchange.trace or request.trace).decode("latin-1"),
        domain=host.rpartition(":")[0] or host if via.tls else "",
        priority=choice.rule.priority if choice is not None else 0,
        began=exchange.began_ns,
        ended=now,
        actions=_ACTIONS[type(choice.action)] if choice is not None else "",
        redirect=choice.location if choice is not None else "",
        error=exchange.error if used is not None and used.kind == "function" else "",
    )


def _kind(exchange: Exchange, content_type: str) -> str:
    scheme = exchange.via.scheme
    if exchange.tunnel is not None:
        return "wss" if scheme == "https" else "ws"
    if exchange.request.version != "2":
        return scheme
    return "grpcs" if content_type.startswith("application/grpc") else "h2"


def _name(served: Served) -> str:
    """app/NAME/ID"""
    return served.frontend.load_balancer.partition("loadbalancer/")[2]


class Entry(NamedTuple):
    """One request. Instants in nanoseconds; "" and 0 stand for what there was not."""

    kind: str
    load_balancer: str
    client: str = ""
    target: str = ""
    target_s: float = -1.0
    status: int = 0
    target_status: int = 0
    received: int = 0
    sent: int = 0
    method: str = ""
    url: str = ""
    version: str = ""
    agent: str = ""
    cipher: str = ""
    tls: str = ""
    pool: str = ""
    trace: str = ""
    domain: str = ""
    priority: int = 0
    began: Instant = 0
    ended: Instant = 0
    actions: str = ""
    redirect: str = ""
    error: str = ""


def line(entry: Entry) -> str:
    """Fields in AWS's order, with "-" for what is not there, and -1 for times and sizes that were not."""
    asked = f"{entry.method or '-'} {entry.url or '-'} {entry.version or '-'}"
    sent_on = entry.target_s >= 0
    fields = [
        entry.kind,
        _time(entry.ended),
        entry.load_balancer or "-",
        entry.client or "-",
        entry.target or "-",
        "0.000" if sent_on else "-1",
        f"{entry.target_s:.3f}" if sent_on else "-1",
        "0.000" if sent_on else "-1",
        str(entry.status or "-"),
        str(entry.target_status or "-"),
        str(entry.received),
        str(entry.sent),
        _quoted(asked),
        _quoted(entry.agent),
        entry.cipher or "-",
        entry.tls or "-",
        entry.pool or "-",
        _quoted(entry.trace),
        _quoted(entry.domain),
        '"-"',
        str(entry.priority) if entry.actions else "-",
        _time(entry.began),
        _quoted(entry.actions),
        _quoted(entry.redirect),
        _quoted(entry.error),
        _quoted(entry.target),
        _quoted(str(entry.target_status or "")),
        '"-"',
        '"-"',
        "-",
    ]
    return " ".join(fields)


def _quoted(text: str) -> str:
    """What a client sent must not look like other fields, nor like another line."""
    return f'"{text.translate(_UNSAFE) or "-"}"'


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at // 10**9, UTC):%Y-%m-%dT%H:%M:%S}.{at % 10**9 // 1000:06d}Z"
