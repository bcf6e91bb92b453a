"""Actions, conditions, health checks and attributes of requests: what is completed, what refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.elbv2 import actions, attributes, conditions, health_checks, names
from windlass.services.elbv2.model import HealthCheck

BLUE, GREEN = "arn:blue", "arn:green"


def forward(*shares: tuple[str, int], **config: Any) -> dict[str, Any]:
    tuples = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in shares]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples, **config}}


def redirect(**config: Any) -> dict[str, Any]:
    return {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", **config}}


def test_a_short_forward_is_completed() -> None:
    """A lone target group is shown in both forms, as AWS shows it."""
    (shown,) = actions.checked(({"Type": "forward", "TargetGroupArn": BLUE},), "HTTP")
    assert shown["TargetGroupArn"] == BLUE
    assert shown["ForwardConfig"] == {
        "TargetGroups": [{"TargetGroupArn": BLUE, "Weight": 1}],
        "TargetGroupStickinessConfig": {"Enabled": False},
    }


def test_a_redirect_keeps_what_it_does_not_name() -> None:
    (shown,) = actions.checked((redirect(Protocol="HTTPS", Port="443"),), "HTTP")
    assert shown["RedirectConfig"] == {
        "StatusCode": "HTTP_301",
        "Protocol": "HTTPS",
        "Port": "443",
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
    }


@pytest.mark.parametrize(
    ("action", "protocol", "expected"),
    [
        (forward((BLUE, 1), (BLUE, 2)), "HTTP", "InvalidLoadBalancerActionException"),
        (forward((BLUE, 1_000)), "HTTP", "ValidationError"),
        (forward(*((f"arn:{n}", 1) for n in range(6))), "HTTP", "InvalidLoadBalancerActionException"),
        (forward((BLUE, 1), TargetGroupStickinessConfig={"Enabled": True}), "HTTP", "ValidationError"),
        ({**forward((BLUE, 1)), "TargetGroupArn": GREEN}, "HTTP", "InvalidLoadBalancerActionException"),
        (redirect(), "HTTP", "InvalidLoadBalancerActionException"),
        (redirect(Query="a=b"), "HTTP", "InvalidLoadBalancerActionException"),
        (redirect(Protocol="HTTP"), "HTTPS", "InvalidLoadBalancerActionException"),
        (redirect(Path="/#{no}"), "HTTP", "InvalidLoadBalancerActionException"),
        (redirect(Path="x"), "HTTP", "ValidationError"),
        (redirect(Port="0"), "HTTP", "ValidationError"),
        ({"Type": "redirect"}, "HTTP", "ValidationError"),
        (
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "ContentType": "a/b"}},
            "HTTP",
            "ValidationError",
        ),
        ({"Type": "authenticate-oidc"}, "HTTPS", "InvalidConfigurationRequestException"),
    ],
)
def test_actions_that_cannot_be(action: Any, protocol: str, expected: str) -> None:
    with pytest.raises(Fault) as caught:
        actions.checked((action,), protocol)
    assert caught.value.code == expected


weights = st.lists(
    st.tuples(st.sampled_from("abcde"), st.integers(0, 999)), min_size=1, unique_by=lambda w: w[0]
)


@given(before=weights, after=weights, sticky=st.booleans())
def test_traffic_is_shifted_and_nothing_else(before: Any, after: Any, sticky: bool) -> None:
    """`forwarding` changes groups and weights; stickiness stays, and it can be said twice."""
    stickiness = {"Enabled": True, "DurationSeconds": 9} if sticky else {"Enabled": False}
    held = actions.checked((forward(*before, TargetGroupStickinessConfig=stickiness),), "HTTP")
    shifted = actions.forwarding(held, after)
    assert shifted is not None
    assert actions.shares(shifted) == tuple(after)
    assert shifted[0]["ForwardConfig"]["TargetGroupStickinessConfig"] == stickiness
    assert actions.forwarding(shifted, after) == shifted
    assert actions.checked(shifted, "HTTP") == shifted


def condition(field: str, **config: Any) -> dict[str, Any]:
    return {"Field": field, conditions.CONFIG[field]: config}


@pytest.mark.parametrize(
    "given_",
    [
        [],
        [{"Field": "no-such"}],
        [condition("path-pattern", Values=[])],
        [condition("path-pattern", Values=["a"])],
        [condition("path-pattern", Values=["/" + "a" * 128])],
        [condition("path-pattern", Values=["/a"]), condition("path-pattern", Values=["/b"])],
        [condition("path-pattern", Values=["/a"], RegexValues=["/b"])],
        [condition("path-pattern", RegexValues=["(?=x)"])],
        [condition("path-pattern", Values=[f"/{n}" for n in range(6)])],
        [condition("path-pattern", Values=["/*?*?*?"])],
        [condition("host-header", Values=["localhost"])],
        [condition("host-header", Values=["example.com1"])],
        [condition("http-header", HttpHeaderName="Host", Values=["x"])],
        [condition("http-header", Values=["x"])],
        [condition("http-request-method", Values=["get"])],
        [condition("http-request-method", RegexValues=["GET"])],
        [condition("source-ip", Values=["10.0.0.1"])],
        [condition("source-ip", Values=["10.0.0.1/33"])],
        [condition("query-string", Values=[{"Key": "a"}])],
        [{"Field": "source-ip", "Values": ["10.0.0.0/8"]}],
        [{**condition("path-pattern", Values=["/a"]), "Values": ["/a"]}],
        [{"Field": "path-pattern", "HostHeaderConfig": {"Values": ["a.b"]}}],
    ],
)
def test_conditions_that_cannot_be(given_: Any) -> None:
    with pytest.raises(Fault) as caught:
        conditions.checked(given_)
    assert caught.value.code == "ValidationError"


def test_conditions_are_shown_in_both_forms() -> None:
    """Values and its config say the same, whichever came; what is shown may be handed in again."""
    long = conditions.checked([condition("host-header", Values=["*.example.com"])])
    short = conditions.checked([{"Field": "host-header", "Values": ["*.example.com"]}])
    assert long == short
    assert short[0]["Values"] == ["*.example.com"]


@pytest.mark.parametrize(
    "transforms",
    [
        [{"Type": "url-rewrite"}],
        [{"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "(", "Replace": ""}]}}],
        [
            {
                "Type": "host-header-rewrite",
                "HostHeaderRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]},
            }
        ]
        * 2,
    ],
)
def test_transforms_that_cannot_be(transforms: Any) -> None:
    with pytest.raises(Fault) as caught:
        conditions.transforms(transforms)
    assert caught.value.code == "ValidationError"


def changed(kind: str = "ip", version: str = "HTTP1", **params: Any) -> HealthCheck:
    return health_checks.changed(health_checks.first(kind, version), params, kind, version)


def test_health_checks_at_first() -> None:
    assert changed().timeout == 5
    assert changed(version="GRPC").codes == "12"
    assert changed("lambda").enabled is False
    assert changed("lambda", HealthCheckEnabled=True).interval == 35


@pytest.mark.parametrize(
    ("kind", "version", "params"),
    [
        ("ip", "HTTP1", {"HealthCheckTimeoutSeconds": 30}),
        ("ip", "HTTP1", {"HealthCheckEnabled": False}),
        ("ip", "HTTP1", {"HealthCheckProtocol": "TCP"}),
        ("ip", "HTTP1", {"HealthCheckPath": "up"}),
        ("ip", "HTTP1", {"HealthCheckPort": "70000"}),
        ("ip", "HTTP1", {"Matcher": {"HttpCode": "200-599"}}),
        ("ip", "HTTP1", {"Matcher": {"HttpCode": "ok"}}),
        ("ip", "HTTP1", {"Matcher": {"GrpcCode": "0"}}),
        ("ip", "GRPC", {"Matcher": {"GrpcCode": "0-100"}}),
        ("lambda", "", {"HealthCheckProtocol": "HTTP"}),
    ],
)
def test_health_checks_that_cannot_be(kind: str, version: str, params: Any) -> None:
    with pytest.raises(Fault):
        changed(kind, version, **params)


def test_attributes_at_first_are_not_kept() -> None:
    """Only what was changed is in a row, so that AWS's new defaults would reach old rows."""
    asked = [{"Key": "slow_start.duration_seconds", "Value": "30"}]
    set_ = attributes.changed(attributes.GROUP, {}, asked, "target group")
    assert set_ == {"slow_start.duration_seconds": "30"}
    back = [{"Key": "slow_start.duration_seconds", "Value": "0"}]
    assert attributes.changed(attributes.GROUP, set_, back, "target group") == {}
    assert len(attributes.shown(attributes.GROUP, {})) == len(attributes.GROUP)


@pytest.mark.parametrize(
    "set_",
    [
        {"slow_start.duration_seconds": "30", "load_balancing.algorithm.type": "least_outstanding_requests"},
        {"load_balancing.algorithm.anomaly_mitigation": "on"},
        {"stickiness.enabled": "true", "stickiness.type": "app_cookie"},
    ],
)
def test_attributes_that_do_not_go_together(set_: dict[str, str]) -> None:
    with pytest.raises(Fault) as caught:
        attributes.check_group(set_)
    assert caught.value.code == "InvalidConfigurationRequestException"


@given(st.text(max_size=40))
def test_names_are_labels_of_a_host(name: str) -> None:
    """Whatever name is taken can stand in a DNS name."""
    try:
        names.checked(name, "Target group")
    except Fault as fault:
        assert fault.code == "ValidationError"
        return
    assert 0 < len(name) <= 32
    assert name.isascii()
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
    assert name.strip("-") == name
