"""What the plane and its proxies say to each other. Proxies may import it, as nodes may messages.py.

The plane offers one table: the frontends that clients reach and the pools of targets behind them, with a
generation; whole when a session opens, differences after that. Proxies say what they took, what they probe
and what they count. Durations and instants are integer nanoseconds unless a name says seconds.
Nothing here knows load balancers or App Runner: services compile their rows to these shapes.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from windlass.fleet.frames import BadFrame

SECOND = 10**9
"""Nanoseconds."""

FROM_PROXY_BYTES_MAX = 64 * 2**20
"""Longest message of a proxy; the longest there are carry a body for a function (1 MB at AWS)."""
TO_PROXY_BYTES_MAX = 256 * 2**20
"""Longest message of a plane: a whole table of many thousand targets."""

Scheme = Literal["http", "https"]
Algorithm = Literal["round_robin", "least_outstanding_requests", "weighted_random"]
Health = Literal["initial", "healthy", "unhealthy", "unused"]
PoolProtocol = Literal["HTTP1", "HTTP2", "GRPC"]


class Part(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Base of what a table is made of."""


class Certificate(Part, frozen=True):
    """A chain and its key, both PEM. `names` are DNS names ("*.x" too); the key is never shown."""

    names: tuple[str, ...]
    chain: str
    key: str

    def __repr__(self) -> str:
        return f"Certificate({self.names!r})"


class Bind(Part, frozen=True):
    """A real address to listen on: of a load balancer 127.x.y.z, its own."""

    host: str
    port: int


class Match(Part, frozen=True):
    """One condition of a rule: any of `values` (with the wildcards * and ?; ranges for source-ip), any of

    `regexes`, or any of `pairs` (query: key and value, "" for any key). `name` is a header's.
    """

    field: Literal["host", "path", "method", "source-ip", "header", "query"]
    name: str = ""
    values: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


class Share(Part, frozen=True):
    """What part of the requests a pool gets; a weight of 0 means none."""

    pool: str
    weight: int = 1


class Forward(Part, frozen=True, tag="forward"):
    """To one of these pools; `sticky_s` > 0: a client stays with its pool for that many seconds."""

    shares: tuple[Share, ...]
    sticky_s: int = 0


class Redirect(Part, frozen=True, tag="redirect"):
    """301 or 302; #{protocol}, #{host}, #{port}, #{path} and #{query} stand for the request's own."""

    status: int
    protocol: str = "#{protocol}"
    host: str = "#{host}"
    port: str = "#{port}"
    path: str = "/#{path}"
    query: str = "#{query}"


class Fixed(Part, frozen=True, tag="fixed"):
    """An answer of its own."""

    status: int
    content_type: str = "text/plain"
    body: str = ""


class Rewrite(Part, frozen=True):
    """Before it is forwarded: `pattern` found in the host, or in path and query, becomes `replacement`."""

    what: Literal["host", "url"]
    pattern: str
    replacement: str


Action: TypeAlias = Forward | Redirect | Fixed


class Rule(Part, frozen=True):
    """All of `matches` must hold. `key` is its ARN; `priority` is for logs, 0 for the default."""

    key: str
    matches: tuple[Match, ...]
    action: Action
    rewrites: tuple[Rewrite, ...] = ()
    priority: int = 0


class Options(Part, frozen=True):
    """A frontend's attributes, with an Application Load Balancer's defaults. Timeouts in nanoseconds.

    `keepalive` is client_keep_alive.seconds; `request_timeout` is for the whole request, 0: none (App Runner
    has 120 s); `insert` are headers that every response gets.
    """

    idle_timeout: int = 60 * SECOND
    keepalive: int = 3600 * SECOND
    http2: bool = True
    drop_invalid_headers: bool = False
    preserve_host: bool = False
    forwarded_for: Literal["append", "preserve", "remove"] = "append"
    client_port: bool = False
    desync: Literal["monitor", "defensive", "strictest"] = "defensive"
    server_header: bool = True
    request_timeout: int = 0
    access_log: bool = False
    insert: tuple[tuple[str, str], ...] = ()


class Frontend(Part, frozen=True):
    """What clients reach: a listener of a load balancer, or an App Runner service. `key` is its ARN.

    `hosts` are the lower-case Host names that it has on the endpoint ("*.x" too); with ":port" for all but a
    load balancer's first listener. `rules` are in order of priority; the last one has no matches.
    """

    key: str
    kind: Literal["alb", "apprunner"]
    binds: tuple[Bind, ...]
    hosts: tuple[str, ...]
    scheme: Scheme
    rules: tuple[Rule, ...]
    options: Options = Options()
    certificates: tuple[Certificate, ...] = ()
    load_balancer: str = ""


def host_names(host: str) -> tuple[str, str, str]:
    """What a Host header is looked up by in `Frontend.hosts`, in that order.

    "A.example:80" → ("a.example:80", "a.example", "*.example")
    """
    whole = host.lower()
    head, _, port = whole.rpartition(":")
    name = head if port.isdigit() else whole
    return whole, name, f"*.{name.partition('.')[2]}"


class Check(Part, frozen=True):
    """How targets are probed. `port` 0: the target's own. `codes` are ranges with both ends. `spread`: first

    probes fall somewhere into an interval, as AWS's do; without it they come at once, and quickly again.
    """

    protocol: Literal["HTTP", "HTTPS", "TCP", "GRPC"]
    path: str = "/"
    port: int = 0
    interval: int = 30 * SECOND
    timeout: int = 5 * SECOND
    healthy: int = 5
    unhealthy: int = 2
    codes: tuple[tuple[int, int], ...] = ((200, 200),)
    spread: bool = False


class Endpoint(Part, frozen=True):
    """A target: where to dial it, in which namespace of the network ("": that of the host).

    `key` is unique in its pool ("id:port"). `since`: when it was registered; `health`: as last known to the
    plane, which is what a proxy begins with; `ramped`: slow start applies to it. `standby`, in queued pools:
    it gets a request only when none of the others has room for it.
    """

    key: str
    host: str
    port: int
    netns: str = ""
    draining: bool = False
    since: int = 0
    health: Health = "initial"
    ramped: bool = True
    standby: bool = False


class Sticky(Part, frozen=True):
    """A client stays with its target: by the balancer's own cookie, or by the application's of that name."""

    kind: Literal["lb_cookie", "app_cookie"]
    cookie: str = ""
    seconds: int = 86400


class Pool(Part, frozen=True):
    """Targets that take the same requests. `key` is a target group's ARN, or an App Runner service's.

    "balanced": `algorithm` picks; "queued": each endpoint has `concurrency` requests at a time, and up to
    `queue` wait for it, each for `queue_wait` at most; "function": a Lambda function answers, of which
    `body_max` bytes (0: no limit) are taken. With fewer healthy than `healthy_min` all are used (fail open).
    """

    key: str
    kind: Literal["balanced", "queued", "function"] = "balanced"
    protocol: PoolProtocol = "HTTP1"
    tls: bool = False
    algorithm: Algorithm = "round_robin"
    sticky: Sticky | None = None
    slow_start: int = 0
    check: Check | None = None
    endpoints: tuple[Endpoint, ...] = ()
    concurrency: int = 0
    queue: int = 0
    queue_wait: int = 0
    function: str = ""
    multi_value: bool = False
    body_max: int = 0
    healthy_min: int = 1
    heir: str = ""
    """Of a queued one that gets no more requests: the pool to which those go that wait here."""


class Message(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, gc=False):
    """Base of everything on the link between plane and proxy."""


# plane → proxy


class Table(Message, frozen=True, tag="table"):
    """The table of that generation: all of it, or what changed and which keys are gone since the last one."""

    generation: int
    whole: bool
    frontends: tuple[Frontend, ...] = ()
    pools: tuple[Pool, ...] = ()
    gone: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Table({self.generation}, {len(self.frontends)} frontends, {len(self.pools)} pools)"


class FunctionAnswer(Message, frozen=True, tag="function_answer"):
    """What the function made of a `FunctionCall`; `error`: why the client gets 502 instead."""

    id: int
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""


class End(Message, frozen=True, tag="end"):
    """Finish what is open, briefly, and end: the plane goes on purpose."""


# proxy → plane


class ProxyHello(Message, frozen=True, tag="hello"):
    """Opens a session. `index`: which worker it is; `ingress`: the path of the Unix socket that takes

    connections handed on by the plane's endpoint.
    """

    index: int
    pid: int
    generation: int
    ingress: str


class Took(Message, frozen=True, tag="took"):
    """The proxy serves that generation. `refused`: all binds that it cannot have now, as (frontend's key,

    "host:port", why).
    """

    generation: int
    refused: tuple[tuple[str, str, str], ...] = ()


class Probed(Message, frozen=True, tag="probed"):
    """A target's health changed. `reason` and `description` are those of elbv2's TargetHealth."""

    pool: str
    endpoint: str
    state: Literal["initial", "healthy", "unhealthy"]
    reason: str = ""
    description: str = ""
    at: int = 0
    since: int = 0
    """`Endpoint.since` of what was probed: registered again it is another target. 0: not said."""


class Load(Message, frozen=True, tag="load"):
    """How busy a queued pool is: within 10 ms of a change, and at most that often.

    `endpoints`: requests at each; `refused`: those answered 429 since the last of these.
    """

    pool: str
    in_flight: int
    queued: int
    endpoints: tuple[tuple[str, int], ...] = ()
    refused: int = 0


class Idle(Message, frozen=True, tag="idle"):
    """A draining endpoint has no open request any more."""

    pool: str
    endpoint: str


class Count(Part, frozen=True):
    """What happened at one frontend, by pool and endpoint ("": what concerns none).

    `times` are response times of targets, (seconds, how many), in steps of 2 %. `connections_active` is as of
    now, the others are sums.
    """

    frontend: str
    pool: str = ""
    endpoint: str = ""
    requests: int = 0
    target_2xx: int = 0
    target_3xx: int = 0
    target_4xx: int = 0
    target_5xx: int = 0
    elb_3xx: int = 0
    elb_4xx: int = 0
    elb_5xx: int = 0
    elb_502: int = 0
    elb_503: int = 0
    elb_504: int = 0
    elb_fixed: int = 0
    elb_redirect: int = 0
    connections_new: int = 0
    connections_active: int = 0
    rejected: int = 0
    target_connection_errors: int = 0
    bytes: int = 0
    times: tuple[tuple[float, int], ...] = ()


class Counted(Message, frozen=True, tag="counted"):
    """What was counted between two instants: each second, if anything happened."""

    since: int
    until: int
    counts: tuple[Count, ...]


class AccessLines(Message, frozen=True, tag="access"):
    """Lines of a frontend's access log, in AWS's format, without newlines."""

    frontend: str
    lines: tuple[str, ...]


class FunctionCall(Message, frozen=True, tag="function_call"):
    """A request for a function behind a pool; answered by the `FunctionAnswer` with that id."""

    id: int
    pool: str
    frontend: str
    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    client: str = ""


ToProxy: TypeAlias = Table | FunctionAnswer | End
FromProxy: TypeAlias = (
    ProxyHello | Took | Probed | Load | Idle | Counted | AccessLines | FunctionCall
)  # fmt: skip

_from_proxy = msgspec.msgpack.Decoder(FromProxy)
_to_proxy = msgspec.msgpack.Decoder(ToProxy)


def decode_from_proxy(body: bytes) -> FromProxy:
    """Raises BadFrame. The other direction of it is frames.encode."""
    try:
        message: FromProxy = _from_proxy.decode(body)
    except msgspec.DecodeError as error:
        raise BadFrame(f"not a message from a proxy: {error}") from error
    return message


def decode_to_proxy(body: bytes) -> ToProxy:
    """Raises BadFrame."""
    try:
        message: ToProxy = _to_proxy.decode(body)
    except msgspec.DecodeError as error:
        raise BadFrame(f"not a message to a proxy: {error}") from error
    return message
