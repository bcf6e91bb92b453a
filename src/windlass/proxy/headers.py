"""The headers that a request carries to its target, and a response to its client: an Application Load
Balancer's rules. Pure; what is not settled here is which headers there are at all (framing.py).

X-Forwarded-Proto and -Port are always ours; X-Forwarded-For is appended to, left, or removed, as an attribute
says. A trace that came with the request keeps its Root and gets our Self in front of it.
(facts/autoscaling-elb-events.md section 4; ALB guide, "X-Forwarded headers" and "Request tracing")
"""

from __future__ import annotations

from typing import NamedTuple

from windlass.fleet.proxy_messages import Options, Scheme
from windlass.proxy.framing import RESPONSE_HEAD_BYTES_MAX, Headers, Request

_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Via(NamedTuple):
    """How a request came to us: the client's address and port, which listener it met, and with what TLS."""

    client: str
    client_port: int
    scheme: Scheme
    port: int
    cipher: str = ""
    tls: str = ""


def to_target(request: Request, via: Via, options: Options, trace: bytes, host: bytes) -> Headers:
    """The headers for the target, but those that frame the body. `host`: perhaps rewritten by a rule."""
    headers: Headers = []
    forwarded = b", ".join(request.forwarded_for)
    if options.forwarded_for == "append":
        client = via.client.encode()
        if options.client_port:
            client = (
                b"[%b]:%d" % (client, via.client_port)
                if b":" in client
                else b"%b:%d" % (client, via.client_port)
            )
        headers.append((b"X-Forwarded-For", forwarded + b", " + client if forwarded else client))
    elif forwarded and options.forwarded_for == "preserve":
        headers.append((b"X-Forwarded-For", forwarded))
    headers.append((b"X-Forwarded-Proto", via.scheme.encode()))
    headers.append((b"X-Forwarded-Port", b"%d" % via.port))
    headers.append((b"Host", host_for_target(host, via, options)))
    headers.append((b"X-Amzn-Trace-Id", traced(request.trace, trace)))
    if request.cookie:
        headers.append((b"Cookie", request.cookie))
    headers.extend(request.kept)
    return headers


def host_for_target(host: bytes, via: Via, options: Options) -> bytes:
    """Unless it is preserved, Host names the listener's port when that is not its scheme's own."""
    if options.preserve_host or not host or via.port == _DEFAULT_PORTS[via.scheme]:
        return host
    if host.rpartition(b":")[2].isdigit() and not host.endswith(b"]"):
        return host
    return b"%b:%d" % (host, via.port)


def traced(came: bytes, ours: bytes) -> bytes:
    """X-Amzn-Trace-Id with this request's id, "1-TIME-ID".

    b"" → Root=ours; b"Root=1-a-b;Foo=c" → Self=ours;Root=1-a-b;Foo=c
    """
    fields = [field.strip() for field in came.split(b";") if field.strip()]
    if not any(field.lower().startswith(b"root=") for field in fields):
        return b";".join([b"Root=" + ours, *(f for f in fields if not f.lower().startswith(b"self="))])
    return b";".join([b"Self=" + ours, *(f for f in fields if not f.lower().startswith(b"self="))])


class Malformed(Exception):
    """A target's answer that is none: the client gets 502."""


class Answer(NamedTuple):
    """A response's head: what goes on to the client, and how long the body is (None: not told)."""

    status: int
    headers: Headers
    length: int | None
    cookies: tuple[bytes, ...]


def from_target(status: int, headers: Headers, options: Options) -> Answer:
    """What of a target's response goes on. Raises Malformed."""
    kept: Headers = []
    length: int | None = None
    nominated: frozenset[bytes] = frozenset()
    cookies: tuple[bytes, ...] = ()
    size = 0
    for pair in headers:
        name, value = pair
        size += len(name) + len(value) + 4
        lower = name.lower()
        if lower == b"content-length":
            if not value.isdigit() or len(value) > 18 or (length is not None and length != int(value)):
                raise Malformed("Content-Length")
            length = int(value)
        elif lower not in _HOP_BY_HOP:
            kept.append(pair)
            if lower == b"set-cookie":
                cookies = (*cookies, value)
        elif lower == b"connection":
            nominated |= {token.strip(b" \t").lower() for token in value.split(b",")}
    if size > RESPONSE_HEAD_BYTES_MAX:
        raise Malformed("head too long")
    nominated -= {b"close", b"keep-alive", b"upgrade", b""}
    if nominated:
        kept = [pair for pair in kept if pair[0].lower() not in nominated]
    return Answer(status, inserted(kept, options), length, cookies)


def inserted(headers: Headers, options: Options) -> Headers:
    """With the headers that the listener gives every response; they take the place of a target's."""
    if not options.insert:
        return headers
    ours = {name.lower().encode("latin-1") for name, _ in options.insert}
    kept = [pair for pair in headers if pair[0].lower() not in ours]
    return kept + [(name.encode("latin-1"), value.encode("latin-1")) for name, value in options.insert]
