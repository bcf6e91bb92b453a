"""What proxies are told of a listener and of a target group, made from their rows. Pure.

Rows are checked when they are written (actions.py, conditions.py), so nothing is refused here. Knows neither
when this is sent nor where targets are: publisher.py does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

from windlass.fleet.proxy_messages import (
    Bind,
    Certificate,
    Check,
    Endpoint,
    Fixed,
    Forward,
    Frontend,
    Match,
    Options,
    Pool,
    Redirect,
    Rewrite,
    Share,
    Sticky,
)
from windlass.fleet.proxy_messages import Rule as Routing
from windlass.kernel.clock import SECOND
from windlass.services.elbv2 import actions, attributes, conditions, health_checks, names
from windlass.services.elbv2.limits import BODY_BYTES_MAX
from windlass.services.elbv2.model import Document, Listener, LoadBalancer, Rule, Target, TargetGroup

_FIELDS: Mapping[str, Any] = {
    "host-header": "host",
    "path-pattern": "path",
    "http-header": "header",
    "query-string": "query",
    "http-request-method": "method",
    "source-ip": "source-ip",
}


def frontend(
    balancer: LoadBalancer,
    listener: Listener,
    rules: Sequence[Rule],
    *,
    first: bool,
    certificates: Iterable[Certificate] = (),
) -> Frontend:
    """A listener with its rules in order of priority, the default one last.

    `first`: names without a port mean it.
    """
    return Frontend(
        key=listener.arn,
        kind="alb",
        binds=(Bind(balancer.address, listener.port),),
        hosts=(*names.hosts(balancer, listener, first), *(names.express_hosts(rules) if first else ())),
        scheme="https" if listener.protocol == "HTTPS" else "http",
        rules=tuple(map(rule, rules)),
        options=options(balancer, listener),
        certificates=tuple(certificates),
        load_balancer=balancer.arn,
    )


def rule(row: Rule) -> Routing:
    return Routing(
        key=row.arn,
        matches=tuple(map(_match, row.conditions)),
        action=_action(row.actions[0]),
        rewrites=tuple(rewrite for transform in row.transforms for rewrite in _rewrites(transform)),
        priority=0 if row.is_default else row.priority,
    )


def options(balancer: LoadBalancer, listener: Listener) -> Options:
    """The attributes of a load balancer and of its listener that proxies honour."""

    def of(key: str) -> Any:
        return attributes.value(attributes.LOAD_BALANCER, balancer.attributes, key)

    known = attributes.of_listener(listener.protocol)
    inserted = (
        (attributes.HEADERS[key], value)
        for key, value in sorted(listener.attributes.items())
        if key in attributes.HEADERS and value
    )
    return Options(
        idle_timeout=int(of("idle_timeout.timeout_seconds")) * SECOND,
        keepalive=int(of("client_keep_alive.seconds")) * SECOND,
        http2=of("routing.http2.enabled") == "true",
        drop_invalid_headers=of("routing.http.drop_invalid_header_fields.enabled") == "true",
        preserve_host=of("routing.http.preserve_host_header.enabled") == "true",
        forwarded_for=of("routing.http.xff_header_processing.mode"),
        client_port=of("routing.http.xff_client_port.enabled") == "true",
        desync=of("routing.http.desync_mitigation_mode"),
        server_header=attributes.value(known, listener.attributes, "routing.http.response.server.enabled")
        == "true",
        access_log=of("access_logs.s3.enabled") == "true",
        insert=tuple(inserted),
    )


def pool(
    group: TargetGroup, endpoints: Iterable[Endpoint], function: str = "", *, spread: bool = False
) -> Pool:
    """A target group with its targets; `function` is the ARN of the one that a group of functions has.

    `spread`: first checks of targets fall somewhere into their interval.
    """

    def of(key: str) -> Any:
        return attributes.value(attributes.of_group(group.target_type), group.attributes, key)

    enough = int(of("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count"))
    if group.target_type == "lambda":
        return Pool(
            key=group.arn,
            kind="function",
            function=function,
            multi_value=of("lambda.multi_value_headers.enabled") == "true",
            body_max=BODY_BYTES_MAX,
            healthy_min=enough,
        )
    return Pool(
        key=group.arn,
        kind="balanced",
        protocol=cast(Literal["HTTP1", "HTTP2", "GRPC"], group.version),
        tls=group.protocol == "HTTPS",
        algorithm=of("load_balancing.algorithm.type"),
        sticky=_sticky(of) if of("stickiness.enabled") == "true" else None,
        slow_start=int(of("slow_start.duration_seconds")) * SECOND,
        check=_check(group, spread),
        endpoints=tuple(endpoints),
        healthy_min=enough,
    )


def endpoint(target: Target, host: str, netns: str = "") -> Endpoint:
    """A target that is dialled there."""
    draining = target.state == "draining"
    return Endpoint(
        key=endpoint_key(target.id, target.port),
        host=host,
        port=target.port,
        netns=netns,
        draining=draining,
        since=target.registered_at,
        health="healthy" if target.state == "draining" else target.state,
        ramped=target.ramped,
    )


def endpoint_key(target_id: str, port: int) -> str:
    """How proxies name a target: `target_of` reads it."""
    return f"{target_id}:{port}"


def target_of(key: str) -> tuple[str, int]:
    """(id, port) of a target by its endpoint's key.

    >>> target_of(endpoint_key("10.0.0.1", 80))
    ('10.0.0.1', 80)
    """
    target_id, _, port = key.rpartition(":")
    return target_id, int(port)


def _match(condition: Document) -> Match:
    config: Document = condition[conditions.CONFIG[condition["Field"]]]
    field = _FIELDS[condition["Field"]]
    if field == "query":
        pairs = tuple((pair.get("Key") or "", pair["Value"]) for pair in config["Values"])
        return Match(field, pairs=pairs)
    return Match(
        field,
        name=config.get("HttpHeaderName", ""),
        values=tuple(config.get("Values", ())),
        regexes=tuple(config.get("RegexValues", ())),
    )


def _action(action: Document) -> Forward | Redirect | Fixed:
    match action["Type"]:
        case "forward":
            sticky = action["ForwardConfig"]["TargetGroupStickinessConfig"]
            shares = tuple(Share(arn, weight) for arn, weight in actions.shares((action,)))
            return Forward(shares, sticky["DurationSeconds"] if sticky["Enabled"] else 0)
        case "redirect":
            config: Document = action["RedirectConfig"]
            return Redirect(
                status=int(config["StatusCode"].removeprefix("HTTP_")),
                protocol=config["Protocol"],
                host=config["Host"],
                port=config["Port"],
                path=config["Path"],
                query=config["Query"],
            )
        case _:
            config = action["FixedResponseConfig"]
            return Fixed(
                status=int(config["StatusCode"]),
                content_type=config.get("ContentType") or "text/plain",
                body=config.get("MessageBody", ""),
            )


def _rewrites(transform: Document) -> Iterable[Rewrite]:
    what: Literal["host", "url"] = "host" if transform["Type"] == "host-header-rewrite" else "url"
    config: Document = transform["HostHeaderRewriteConfig" if what == "host" else "UrlRewriteConfig"]
    return [Rewrite(what, one["Regex"], one["Replace"]) for one in config["Rewrites"]]


def _sticky(of: Any) -> Sticky:
    if of("stickiness.type") == "app_cookie":
        seconds = int(of("stickiness.app_cookie.duration_seconds"))
        return Sticky("app_cookie", of("stickiness.app_cookie.cookie_name"), seconds)
    return Sticky("lb_cookie", seconds=int(of("stickiness.lb_cookie.duration_seconds")))


def _check(group: TargetGroup, spread: bool) -> Check:
    check = group.check
    return Check(
        protocol="GRPC" if group.version == "GRPC" else cast(Literal["HTTP", "HTTPS"], check.protocol),
        path=check.path,
        port=0 if check.port == health_checks.TRAFFIC_PORT else int(check.port),
        interval=check.interval * SECOND,
        timeout=check.timeout * SECOND,
        healthy=check.healthy,
        unhealthy=check.unhealthy,
        codes=health_checks.ranges(check.codes),
        spread=spread,
    )
