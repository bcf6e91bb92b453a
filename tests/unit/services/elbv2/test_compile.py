"""What proxies are told, from rows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.proxy_messages import Check, Fixed, Forward, Match, Options, Redirect, Rewrite, Share
from windlass.kernel.clock import SECOND
from windlass.kernel.rows import replace
from windlass.services.elbv2 import actions, compile, conditions, health_checks, names
from windlass.services.elbv2.model import (
    DEFAULT_PRIORITY,
    Listener,
    LoadBalancer,
    Rule,
    Target,
    TargetGroup,
    Zone,
)

AT = 1_800_000_000 * SECOND
WHOSE = ("123456789012", "eu-west-1")
BALANCER = LoadBalancer(
    *WHOSE,
    name="Web",
    id="0123456789abcdef",
    number="1234567890",
    created_at=AT,
    active_at=AT,
    internal=False,
    vpc_id="vpc-1",
    zones=(Zone("eu-west-1a", "subnet-1"), Zone("eu-west-1b", "subnet-2")),
    security_groups=(),
    address="127.70.1.2",
)
LISTENER = Listener(*WHOSE, f"{BALANCER.path}/1", BALANCER.arn, 80, "HTTP", AT)
GROUP = TargetGroup(
    *WHOSE,
    name="web",
    id="fedcba9876543210",
    target_type="ip",
    check=health_checks.FIRST,
    created_at=AT,
    protocol="HTTP",
    version="HTTP1",
    port=80,
    vpc_id="vpc-1",
)


def a_rule(action: dict[str, Any], *given_: dict[str, Any], **columns: Any) -> Rule:
    checked = conditions.checked(given_) if given_ else ()
    transforms = conditions.transforms(columns.pop("transforms", ()))
    return Rule(
        *WHOSE,
        path=f"{LISTENER.path}/1",
        listener=LISTENER.arn,
        load_balancer=BALANCER.arn,
        priority=1 if given_ else DEFAULT_PRIORITY,
        actions=actions.checked((action,), "HTTP"),
        conditions=checked,
        transforms=transforms,
    )


def test_all_conditions() -> None:
    """Each under the proxies' name for it; wildcards and regular expressions stay apart."""
    rule = a_rule(
        {"Type": "forward", "TargetGroupArn": "arn:blue"},
        {"Field": "host-header", "Values": ["*.example.com"]},
        {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/a"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["1"]}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Value": "x"}]}},
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
        {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
    )
    assert compile.rule(rule).matches == (
        Match("host", values=("*.example.com",)),
        Match("path", regexes=("^/a",)),
        Match("header", name="X-A", values=("1",)),
        Match("query", pairs=(("", "x"),)),
        Match("method", values=("GET",)),
        Match("source-ip", values=("10.0.0.0/8",)),
    )


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"Type": "forward", "TargetGroupArn": "arn:blue"}, Forward((Share("arn:blue", 1),))),
        (
            {
                "Type": "forward",
                "ForwardConfig": {
                    "TargetGroups": [
                        {"TargetGroupArn": "arn:blue", "Weight": 9},
                        {"TargetGroupArn": "arn:green", "Weight": 0},
                    ],
                    "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
                },
            },
            Forward((Share("arn:blue", 9), Share("arn:green", 0)), 60),
        ),
        (
            {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_302", "Host": "b.example"}},
            Redirect(302, host="b.example"),
        ),
        ({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}, Fixed(503)),
        (
            {
                "Type": "fixed-response",
                "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/html", "MessageBody": "x"},
            },
            Fixed(200, "text/html", "x"),
        ),
    ],
)
def test_all_actions(action: Any, expected: object) -> None:
    assert compile.rule(a_rule(action)).action == expected


def test_rewrites_are_in_order() -> None:
    rule = a_rule(
        {"Type": "forward", "TargetGroupArn": "arn:blue"},
        {"Field": "path-pattern", "Values": ["/*"]},
        transforms=[
            {
                "Type": "host-header-rewrite",
                "HostHeaderRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]},
            },
            {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/x", "Replace": "/y"}]}},
        ],
    )
    assert compile.rule(rule).rewrites == (Rewrite("host", "a", "b"), Rewrite("url", "^/x", "/y"))


def test_attributes_are_honoured() -> None:
    """At first they are a proxy's own defaults; changed, they are what was said."""
    assert compile.options(BALANCER, LISTENER) == Options()
    balancer = replace(
        BALANCER,
        attributes={
            "idle_timeout.timeout_seconds": "10",
            "client_keep_alive.seconds": "60",
            "routing.http2.enabled": "false",
            "routing.http.drop_invalid_header_fields.enabled": "true",
            "routing.http.preserve_host_header.enabled": "true",
            "routing.http.xff_header_processing.mode": "remove",
            "routing.http.xff_client_port.enabled": "true",
            "routing.http.desync_mitigation_mode": "strictest",
            "access_logs.s3.enabled": "true",
        },
    )
    listener = replace(
        LISTENER,
        attributes={
            "routing.http.response.server.enabled": "false",
            "routing.http.response.x_frame_options.header_value": "DENY",
        },
    )
    assert compile.options(balancer, listener) == Options(
        idle_timeout=10 * SECOND,
        keepalive=60 * SECOND,
        http2=False,
        drop_invalid_headers=True,
        preserve_host=True,
        forwarded_for="remove",
        client_port=True,
        desync="strictest",
        access_log=True,
        server_header=False,
        insert=(("X-Frame-Options", "DENY"),),
    )


def test_pools() -> None:
    """Health checks and attributes of a group; a function has neither targets nor checks."""
    pool = compile.pool(GROUP, ())
    assert pool.check == Check("HTTP")
    assert (pool.algorithm, pool.sticky, pool.slow_start, pool.tls) == ("round_robin", None, 0, False)
    sticky = {
        "stickiness.enabled": "true",
        "stickiness.type": "app_cookie",
        "stickiness.app_cookie.cookie_name": "SESSION",
        "slow_start.duration_seconds": "30",
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "2",
    }
    pool = compile.pool(replace(GROUP, attributes=sticky, protocol="HTTPS"), ())
    assert pool.sticky is not None
    assert (pool.sticky.kind, pool.sticky.cookie, pool.sticky.seconds) == ("app_cookie", "SESSION", 86_400)
    assert (pool.slow_start, pool.healthy_min, pool.tls) == (30 * SECOND, 2, True)
    functions = replace(GROUP, target_type="lambda", check=health_checks.FIRST_FUNCTION, version="")
    pool = compile.pool(functions, (), "arn:function")
    assert (pool.kind, pool.function, pool.check, pool.body_max) == ("function", "arn:function", None, 2**20)


@given(
    target_id=st.one_of(st.ip_addresses(v=4).map(str), st.from_regex(r"i-[0-9a-f]{17}", fullmatch=True)),
    port=st.integers(1, 65_535),
    state=st.sampled_from(["initial", "healthy", "unhealthy", "draining"]),
)
def test_endpoints_are_found_again(target_id: str, port: int, state: Any) -> None:
    """What a proxy says of an endpoint is of that target; one that drains is used by what it has only."""
    endpoint = compile.endpoint(Target(GROUP.arn, target_id, port, AT, state=state), "127.0.0.1")
    assert compile.target_of(endpoint.key) == (target_id, port)
    assert endpoint.draining == (state == "draining")


@given(st.lists(st.integers(1, 65_535), unique=True, max_size=6))
def test_a_host_means_one_listener(ports: list[int]) -> None:
    """No two listeners have the same host; one has the name alone: that of port 80, if any."""
    rows = [replace(LISTENER, path=f"{BALANCER.path}/{port}", port=port) for port in ports]
    first = names.first_of(rows)
    hosts = {row.port: compile.frontend(BALANCER, row, (), first=row is first).hosts for row in rows}
    said = [host for some in hosts.values() for host in some]
    assert len(said) == len(set(said))
    assert all(host == host.lower() for host in said)
    alone = [port for port, some in hosts.items() if names.dns_name(BALANCER) in some]
    assert alone == ([80] if 80 in ports else [min(ports)] if ports else [])


def test_hosts_of_express_services_are_the_first_listeners_too() -> None:
    """They are reached at the endpoint; other hosts that rules name are not, whatever they are."""
    named = ["web-1.ecs.eu-west-1.localhost", "web-1.ecs.eu-west-1.on.aws", "sqs.localhost", "*.localhost"]
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    condition = {"Field": "host-header", "HostHeaderConfig": {"Values": named}}
    rules = [a_rule(action, condition), a_rule(action)]
    plain = names.hosts(BALANCER, LISTENER, True)
    assert compile.frontend(BALANCER, LISTENER, rules, first=True).hosts == (*plain, *named[:2])
    later = compile.frontend(BALANCER, LISTENER, rules, first=False)
    assert later.hosts == names.hosts(BALANCER, LISTENER, False)
