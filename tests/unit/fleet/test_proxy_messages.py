from __future__ import annotations

import pytest

from windlass.fleet.frames import BadFrame, encode
from windlass.fleet.proxy_messages import (
    AccessLines,
    Bind,
    Certificate,
    Check,
    Count,
    Counted,
    End,
    Endpoint,
    Fixed,
    Forward,
    FromProxy,
    Frontend,
    FunctionAnswer,
    FunctionCall,
    Idle,
    Load,
    Match,
    Pool,
    Probed,
    ProxyHello,
    Redirect,
    Rule,
    Share,
    Sticky,
    Table,
    Took,
    ToProxy,
    decode_from_proxy,
    decode_to_proxy,
)

FRONTEND = Frontend(
    "listener",
    "alb",
    (Bind("127.64.0.1", 80),),
    ("app-1.us-east-1.elb.localhost",),
    "http",
    (
        Rule("r1", (Match("path", values=("/a*",)),), Redirect(301)),
        Rule("r2", (Match("query", pairs=(("", "x"),)),), Fixed(404)),
        Rule("default", (), Forward((Share("pool", 3),), 60)),
    ),
    certificates=(Certificate(("a.test",), "chain", "key"),),
)
POOL = Pool(
    "pool",
    sticky=Sticky("lb_cookie"),
    check=Check("HTTP"),
    endpoints=(Endpoint("10.0.0.1:80", "10.0.0.1", 80, netns="wv-1"),),
)


@pytest.mark.parametrize(
    "message",
    [Table(3, True, (FRONTEND,), (POOL,), ("gone",)), FunctionAnswer(1, 200, (("a", "b"),), b"x"), End()],
)
def test_to_proxy(message: ToProxy) -> None:
    """A plane's message comes out as it went in."""
    assert decode_to_proxy(encode(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        ProxyHello(0, 7, 3, "/x"),
        Took(3, (("listener", "127.64.0.1:80", "Permission denied"),)),
        Probed("pool", "a:80", "unhealthy", "Target.Timeout", "Request timed out", 5),
        Load("pool", 3, 1, (("a:80", 3),)),
        Idle("pool", "a:80"),
        Counted(1, 2, (Count("listener", "pool", requests=4, times=((0.01, 4),)),)),
        AccessLines("listener", ("http …",)),
        FunctionCall(1, "pool", "listener", "GET", "/", body=b"\xff"),
    ],
)
def test_from_proxy(message: FromProxy) -> None:
    """A proxy's message comes out as it went in."""
    assert decode_from_proxy(encode(message)) == message


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80", encode(End())])
def test_not_from_a_proxy(body: bytes) -> None:
    """Bytes that are no message, and messages of the other side, are refused."""
    with pytest.raises(BadFrame):
        decode_from_proxy(body)


@pytest.mark.parametrize("body", [b"", b"\xc1", encode(Idle("pool", "a:80"))])
def test_not_to_a_proxy(body: bytes) -> None:
    with pytest.raises(BadFrame):
        decode_to_proxy(body)


def test_keys_are_not_shown() -> None:
    """A private key must not reach a log by way of a message's text."""
    assert "key" not in repr(Certificate(("a.test",), "chain", "the key"))
