"""What the head of a request says, read once, and whether it may be believed.

The parsers (httptools for HTTP/1.1, h2 for HTTP/2) have refused what is no HTTP: bare line feeds, folded
lines, spaces before colons, NUL, two lengths. Here is what two readers could still understand differently,
and an Application Load Balancer's limits. A request that is refused has a status and no second chance: what
follows it on the connection is never read. Knows bytes; not sockets, rules or targets.

Stricter than an Application Load Balancer in its desync mode "monitor": ambiguous requests never pass.
"""

from __future__ import annotations

import re

Headers = list[tuple[bytes, bytes]]
"""Names as they came, values without the spaces around them."""

LINE_BYTES_MAX = 16 * 1024
"""Request line, and each header; facts/autoscaling-elb-events.md section 4."""
HEAD_BYTES_MAX = 64 * 1024
"""The whole head of a request."""
RESPONSE_HEAD_BYTES_MAX = 32 * 1024
FORWARDED_MAX = 30
"""Addresses in X-Forwarded-For; with more the answer is 463."""

_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")
_NAME = re.compile(rb"[A-Za-z0-9-]+")
_READ = frozenset(
    {
        b"host",
        b"connection",
        b"content-length",
        b"transfer-encoding",
        b"expect",
        b"upgrade",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-port",
        b"x-amzn-trace-id",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"cookie",
    }
)


class Refused(Exception):
    """The request gets this status, and its connection ends."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Request:
    """The head of one request. `kept` are the headers that go to the target as they are.

    `length`: of the body; None: not told (chunked, or HTTP/2 without one). `body`: whether one may follow.
    `upgrade`: the protocol that is asked for, b"" if none. `wire_bytes`: size of the head, for logs.
    """

    __slots__ = (
        "body",
        "chunked",
        "close",
        "cookie",
        "expects",
        "forwarded_for",
        "headers",
        "host",
        "kept",
        "length",
        "method",
        "target",
        "te_trailers",
        "trace",
        "upgrade",
        "version",
        "wire_bytes",
    )

    def __init__(self, method: str, target: str, version: str, headers: Headers) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.host = b""
        self.length: int | None = None
        self.chunked = False
        self.body = False
        self.close = version == "1.0"
        self.upgrade = b""
        self.expects = False
        self.te_trailers = False
        self.forwarded_for: list[bytes] = []
        self.trace = b""
        self.cookie = b""
        self.kept: Headers = []
        self.wire_bytes = 0

    @property
    def path(self) -> str:
        """Without the query, as it came."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def drop_invalid(self) -> None:
        """Keep only headers whose names are letters, digits and hyphens, as an attribute may say."""
        self.kept = [pair for pair in self.kept if _NAME.fullmatch(pair[0])]

    @property
    def replayable(self) -> bool:
        """Whether doing it twice is as good as once (RFC 9110 section 9.2.2)."""
        return self.method in _IDEMPOTENT and not self.upgrade


_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
_VERSIONS = frozenset({"1.0", "1.1", "2"})


def read(method: str, target: str, version: str, headers: Headers) -> Request:
    """The request that this head is. Raises Refused.

    Of HTTP/2, pseudo headers are not among `headers`; `host` stands for :authority.
    """
    if version not in _VERSIONS:
        raise Refused(505 if version.startswith(("2", "3")) else 400, f"HTTP/{version}")
    if method in ("TRACE", "CONNECT"):
        raise Refused(405, method)
    if len(target) > LINE_BYTES_MAX - 16:
        raise Refused(414, "request line")
    request = Request(method, target, version, headers)
    special: list[tuple[bytes, bytes]] = []
    kept = request.kept
    size = len(method) + len(target) + 13
    for pair in headers:
        name, value = pair
        bytes_of = len(name) + len(value) + 4
        size += bytes_of
        if bytes_of > LINE_BYTES_MAX:
            raise Refused(400, "header too long")
        lower = name.lower()
        if lower in _READ:
            special.append((lower, value))
        else:
            kept.append(pair)
    if size > HEAD_BYTES_MAX:
        raise Refused(400, "head too long")
    request.wire_bytes = size
    _special(request, special)
    _path(request)
    return request


def _special(request: Request, special: Headers) -> None:
    """What the proxy itself must understand."""
    hosts = 0
    nominated: set[bytes] = set()
    upgrades: list[bytes] = []
    for name, value in special:
        if name == b"host":
            hosts += 1
            request.host = value
        elif name == b"cookie":
            request.cookie = request.cookie + b"; " + value if request.cookie else value
        elif name == b"connection":
            nominated.update(token.strip(b" \t").lower() for token in value.split(b","))
        elif name == b"upgrade":
            upgrades.append(value)
        else:
            _framing(request, name, value)
    if hosts != 1 and (hosts > 1 or request.version == "1.1"):
        raise Refused(400, f"{hosts} Host headers")
    if not _HOST.fullmatch(request.host):
        raise Refused(400, "Host")
    if nominated:
        _nominated(request, nominated, upgrades)
    request.body = request.chunked or bool(request.length)


def _framing(request: Request, name: bytes, value: bytes) -> None:
    if name == b"content-length":
        if request.length is not None or not value.isdigit() or len(value) > 18:
            raise Refused(400, "Content-Length")
        request.length = int(value)
    elif name == b"transfer-encoding":
        if request.chunked or request.version != "1.1":
            raise Refused(400, "Transfer-Encoding")
        if _is_unknown(value):
            raise Refused(501, "Transfer-Encoding")
        request.chunked = True
    elif name == b"expect":
        if value.lower() != b"100-continue":
            raise Refused(417, "Expect")
        request.expects = request.version != "1.0"
    elif name == b"x-forwarded-for":
        request.forwarded_for.append(value)
        if sum(each.count(b",") + 1 for each in request.forwarded_for) > FORWARDED_MAX:
            raise Refused(463, "X-Forwarded-For")
    elif name == b"x-amzn-trace-id":
        request.trace = value
    elif name == b"te":
        request.te_trailers = b"trailers" in value.lower()


def is_encoded_unknown(headers: Headers) -> bool:
    """Whether the body is in an encoding that nobody here takes: 501, also where no parser gets so far."""
    return any(name.lower() == b"transfer-encoding" and _is_unknown(value) for name, value in headers)


def _is_unknown(encoding: bytes) -> bool:
    """facts/autoscaling-elb-events.md section 4.2; "identity" is none any more (RFC 9112 section 7)."""
    return encoding.lower() != b"chunked"


def _nominated(request: Request, tokens: set[bytes], upgrades: list[bytes]) -> None:
    """The Connection header: whether it ends, what is only for this hop, and an upgrade."""
    if b"close" in tokens:
        request.close = True
    elif b"keep-alive" in tokens:
        request.close = False
    if b"upgrade" in tokens and len(upgrades) == 1 and request.version == "1.1":
        request.upgrade = upgrades[0]
    tokens -= _TAKEN
    if tokens:
        request.kept[:] = [pair for pair in request.kept if pair[0].lower() not in tokens]


_TAKEN = frozenset({b"close", b"keep-alive", b"upgrade", b"", b"te", b"http2-settings"})
"""Of the Connection header's tokens: those that name no header which would be kept."""


def _path(request: Request) -> None:
    """The target becomes a path; of an absolute one the authority is the host (RFC 9112 section 3.2.2)."""
    target = request.target
    if target.startswith("/"):
        if "#" in target:
            raise Refused(400, "request target")
        return
    if target == "*" and request.method == "OPTIONS":
        return
    scheme, found, rest = target.partition("://")
    if not found or scheme.lower() not in ("http", "https"):
        raise Refused(400, "request target")
    cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    request.host, path = rest[:cut].encode("latin-1"), rest[cut:]
    if "#" in path or not request.host or not _HOST.fullmatch(request.host):
        raise Refused(400, "request target")
    request.target = path if path.startswith("/") else "/" + path
