"""What HAProxy is told; that it does what it is told is proven in tests/fault/test_proxy_engines.py."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from windlass.fleet.proxy_messages import (
    Bind,
    Certificate,
    Count,
    Endpoint,
    Fixed,
    Forward,
    Frontend,
    Health,
    Load,
    Match,
    Pool,
    Redirect,
    Rewrite,
    Rule,
    Share,
    Sticky,
)
from windlass.proxy.haproxy_config import HERE, Compiled, Places, compiled
from windlass.proxy.haproxy_servers import backend, commands, servers_of
from windlass.proxy.haproxy_stats import Names, counts, idle, loads, parsed

PLACES = Places("/d", "/s/", "/s/control0.sock", "/s/ingress.sock", 2)
A, B = Endpoint("a:80", "10.0.0.1", 80), Endpoint("b:80", "::1", 80)
RULE = Rule("default", (), Forward((Share("p"),)))


def a_frontend(*rules: Rule) -> Frontend:
    return Frontend("f", "alb", (Bind("127.77.1.1", 80),), ("f.test",), "http", rules or (RULE,))


def told(frontend: Frontend, *pools: Pool) -> Compiled:
    known = {one.key: one for one in (pools or (Pool("p", endpoints=(A,)),))}
    servers = {key: servers_of(pool, lambda one: "healthy") for key, pool in known.items()}
    return compiled({"f": frontend}, known, servers, PLACES)


@given(st.text(max_size=30))
def test_what_users_say_is_one_word(value: str) -> None:
    """No value ends a word or a line of the configuration; one with control characters is refused."""
    lines = {line.split(" -- ")[0] for line in told(a_frontend()).text.splitlines()}
    rule = Rule("r", (Match("path", values=(value,)),), Fixed(200))
    out = told(a_frontend(rule, RULE))
    odd = any(ord(char) < 32 or ord(char) == 127 for char in value)
    assert bool(out.refused) == odd
    if not odd:
        [line] = [line for line in out.text.split("\n") if "acl r0_0" in line]
        assert len(shlex.split(line)) == 7
    assert len(lines) < len(out.text.split("\n"))


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (Rule("r", (), Forward((Share("l"),))), "rule r answers 501: functions as targets"),
        (replace(RULE, key="r", rewrites=(Rewrite("url", "a", "b"),)), "rule r answers 501: rewrites"),
        (Rule("r", (Match("path", regexes=("(",)),), Fixed(200)), "rule r is left out: regular"),
        (Rule("r", (Match("header", "x y", ("z",)),), Fixed(200)), "rule r is left out: the header name"),
        (Rule("r", (), Forward((Share("p"),), 60)), "rule r keeps no client at one target group"),
    ],
)
def test_what_it_cannot_do(rule: Rule, why: str) -> None:
    [(key, where, said)] = told(a_frontend(rule), Pool("p"), Pool("l", "function")).refused
    assert (key, where) == ("f", HERE)
    assert said.startswith(why)


@pytest.mark.parametrize("pool", [Pool("p", slow_start=1), Pool("p", sticky=Sticky("app_cookie", "c"))])
def test_pools_that_it_cannot_have_so(pool: Pool) -> None:
    assert [key for key, _, _ in told(a_frontend(), pool).refused] == ["p"]


def test_shares_redirects_and_certificates() -> None:
    """Weights are drawn once; an empty query leaves no question mark; keys are in files of their own."""
    certificate = Certificate(("f.test",), "CHAIN", "KEY")
    shares = Rule("s", (), Forward((Share("p", 3), Share("q", 1), Share("r", 0))))
    frontend = replace(
        a_frontend(shares, Rule("m", (), Redirect(302, protocol="HTTPS", host="x%y"))),
        scheme="https",
        certificates=(certificate,),
    )
    out = told(frontend, Pool("p"), Pool("q"), Pool("r"))
    front = backend("f", "f")
    assert out.files == {f"{front}.certs/000.pem": "CHAIN\nKEY\n"}
    assert f"bind '127.77.1.1:80' ssl crt '/d/{front}.certs' alpn h2,http/1.1" in out.text
    assert "set-var(txn.share) rand(4)" in out.text
    assert f"use_backend {backend('b', 'p')} if {{ var(txn.rule) -m int 0 }} {{ var(txn.share)" in out.text
    assert 'location \'https://x%%y:%[dst_port]/%[path,regsub("^/","")]\' code 302' in out.text
    assert "KEY" not in out.text


def test_servers_and_who_is_up() -> None:
    """The healthy, or all that are registered; drained ones stay without requests."""
    health: dict[str, Health] = {"a:80": "unhealthy", "b:80": "healthy"}
    pool = Pool("p", endpoints=(A, B, replace(A, key="d:80", draining=True)))
    up = {one.endpoint: one.up for one in servers_of(pool, lambda one: health.get(one.key, "healthy"))}
    assert up == {"a:80": False, "b:80": True, "d:80": False}
    open_ = {one.endpoint: one.up for one in servers_of(pool, lambda one: "unhealthy")}
    assert open_ == {"a:80": True, "b:80": True, "d:80": False}
    [server] = servers_of(Pool("p", protocol="GRPC", tls=True, endpoints=(B,)), lambda one: "initial")
    assert server.line() == f"{backend('s', 'b:80')} [::1]:80 ssl verify none alpn h2"
    queued = Pool("p", "queued", concurrency=3, queue=9, endpoints=(A,))
    [server] = servers_of(queued, lambda one: "unused")
    assert server.line() == f"{backend('s', 'a:80')} 10.0.0.1:80 maxconn 3 maxqueue 9 disabled"


def test_commands() -> None:
    """Added, moved to another state, taken away; a namespace or a cookie takes a new configuration."""

    def of(*endpoints: Endpoint, health: Health = "healthy", **changes: object) -> tuple[object, ...]:
        return servers_of(replace(Pool("p", endpoints=endpoints), **changes), lambda one: health)

    here, a, b = backend("b", "p"), backend("s", A.key), backend("s", B.key)
    none = of()
    assert commands("p", none, of(A)) == [  # type: ignore[arg-type]
        f"add server {here}/{a} 10.0.0.1:80",
        f"set server {here}/{a} state ready",
    ]
    assert commands("p", of(A), of(A)) == []  # type: ignore[arg-type]
    assert commands("p", of(A, B), of(replace(A, draining=True))) == [  # type: ignore[arg-type]
        f"set server {here}/{a} state maint",
        f"set server {here}/{b} state maint",
        f"del server {here}/{b}",
    ]
    assert commands("p", none, of(replace(A, netns="windlass-x"))) is None  # type: ignore[arg-type]
    assert commands("p", none, of(A, sticky=Sticky("lb_cookie"))) is None  # type: ignore[arg-type]
    assert commands("p", of(A), of(replace(A, port=81))) is None  # type: ignore[arg-type]


def test_counts_loads_and_who_is_idle() -> None:
    front, back = backend("f", "f"), backend("b", "p")
    pool = Pool("p", "queued", endpoints=(A, replace(B, draining=True)))
    servers = {"p": servers_of(pool, lambda one: "healthy")}
    names = Names({"f": a_frontend()}, {"p": pool}, servers)
    head = (
        "# pxname,svname,scur,qcur,stot,bin,bout,econ,eresp,hrsp_2xx,hrsp_5xx,req_tot,conn_tot,rtime,status\n"
    )
    a, b = backend("s", A.key), backend("s", B.key)
    before = parsed(
        f"{head}{front},FRONTEND,1,,0,0,0,,,5,1,6,2,,OPEN\n{back},{a},0,0,5,10,20,0,0,5,0,,,7,UP\n"
    )
    now = parsed(
        f"{head}{front},FRONTEND,3,,0,100,200,,,9,3,12,4,,OPEN\n"
        f"{back},{a},2,1,9,40,60,1,1,9,0,,,250,UP\n{back},{b},0,0,0,0,0,0,0,0,0,,,0,MAINT\n"
        f"{back},BACKEND,2,4,0,0,0,0,0,0,0,,,0,UP\n"
    )
    assert counts(before, now, names) == (
        Count("f", "p", "a:80", 4, target_2xx=4, target_connection_errors=1, bytes=70, times=((0.25, 4),)),
        Count("f", requests=2, elb_5xx=2, elb_502=1, connections_new=2, connections_active=3, bytes=230),
    )
    assert loads(now, names) == [Load("p", 2, 5, (("a:80", 2), ("b:80", 0)))]
    assert idle(now, names) == {("p", "b:80")}
