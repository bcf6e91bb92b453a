"""What a scenario says of load balancers: Application Load Balancers, HTTP on every port. Pure."""

from __future__ import annotations

from typing import Any

from windlass.planner.live.draft import Draft
from windlass.planner.live.found import Found, Row

COUNTING = {
    "deregistration_delay.timeout_seconds": "300",
    "slow_start.duration_seconds": "0",
    "load_balancing.algorithm.type": "round_robin",
    "stickiness.enabled": "false",
}
"""Attributes of target groups that count for a plan → what they are unless somebody says so."""
FULL_NAME = {
    "targetgroup": "join('', ['targetgroup', after(@, ':targetgroup')])",
    "loadbalancer": "after(@, ':loadbalancer/')",
}
"""What CloudWatch and scaling policies call them, of their ARNs."""
SIMPLE = 2
"""Members of a condition that says Field and Values alone; others are described in two ways at once."""
EVERYTHING = [{"Field": "path-pattern", "Values": ["*"]}]
HTTP_PORT = 80
FORWARDING = ("forward", "redirect", "fixed-response")


def draft_balancers(draft: Draft) -> None:
    """Target groups, load balancers, listeners and rules."""
    found = draft.found
    apart = {
        one["LoadBalancerArn"]: one["LoadBalancerName"]
        for one in found.of("elbv2.load_balancers")
        if one.get("Type") != "application"
    }
    if apart:
        names = ", ".join(apart.values())
        draft.notes.append(f"left out, as only Application Load Balancers are played: {names}")
    for group in found.of("elbv2.target_groups"):
        if not set(group.get("LoadBalancerArns", ())) & set(apart):
            _draft_group(draft, group)
    for balancer in found.of("elbv2.load_balancers"):
        if balancer["LoadBalancerArn"] not in apart:
            _draft_balancer(draft, balancer)
    kept = set()
    for balancer in found.of("elbv2.load_balancers"):
        for listener, port in _listening(found, balancer["LoadBalancerArn"]):
            if balancer["LoadBalancerArn"] not in apart:
                kept.add(listener["ListenerArn"])
                _draft_listener(draft, listener, port)
    for rule in found.of("elbv2.rules"):
        if rule["ListenerArn"] in kept:
            _draft_rule(draft, rule)


def _draft_group(draft: Draft, group: Row) -> None:
    name, arn = group["TargetGroupName"], group["TargetGroupArn"]
    kind = group.get("TargetType", "instance")
    called = f"{name}-targets"
    path = "TargetGroups[0].TargetGroupArn"
    draft.add(
        "elbv2.CreateTargetGroup",
        {**group, "Name": name},
        called,
        {} if kind == "lambda" else {"VpcId": "${default.vpc}"},
        gives={arn: path, _tail(arn): f"{path} | {FULL_NAME['targetgroup']}"},
    )
    told = group.get("Attributes", {})
    differ = [
        {"Key": key, "Value": told[key]} for key, usual in COUNTING.items() if told.get(key, usual) != usual
    ]
    if differ:
        draft.add(
            "elbv2.ModifyTargetGroupAttributes", {}, name, {"TargetGroupArn": arn, "Attributes": differ}
        )
    if kind == "lambda" and group.get("Targets"):
        targets = [{"Id": one} for one in group["Targets"]]
        draft.add("elbv2.RegisterTargets", {}, name, {"TargetGroupArn": arn, "Targets": targets})


def _draft_balancer(draft: Draft, balancer: Row) -> None:
    name, arn = balancer["LoadBalancerName"], balancer["LoadBalancerArn"]
    path = "LoadBalancers[0].LoadBalancerArn"
    draft.add(
        "elbv2.CreateLoadBalancer",
        {**balancer, "Name": name},
        name,
        {"Subnets": draft.subnets([one["SubnetId"] for one in balancer.get("AvailabilityZones", [])])},
        gives={arn: path, _tail(arn).removeprefix("loadbalancer/"): f"{path} | {FULL_NAME['loadbalancer']}"},
    )


def _listening(found: Found, arn: str) -> list[tuple[Row, int]]:
    """The listeners of a load balancer, and their ports: HTTPS takes the port of what redirects to it."""
    rows = [one for one in found.of("elbv2.listeners") if one["LoadBalancerArn"] == arn]
    secure = {one.get("Port") for one in rows if one["Protocol"] == "HTTPS"}
    answering = [one for one in rows if _redirects_to(one) not in secure]
    free = HTTP_PORT not in {one.get("Port") for one in answering}
    first = next((one["ListenerArn"] for one in answering if one["Protocol"] == "HTTPS"), "") if free else ""
    return [(one, HTTP_PORT if one["ListenerArn"] == first else one.get("Port", 0)) for one in answering]


def _redirects_to(listener: Row) -> int | None:
    """The port that a listener sends everybody to; None when it does not."""
    actions: list[Row] = listener.get("DefaultActions", [])
    redirect = actions[0].get("RedirectConfig", {}) if actions else {}
    port = str(redirect.get("Port", ""))
    return int(port) if redirect.get("Protocol") == "HTTPS" and port.isdigit() else None


def _draft_listener(draft: Draft, listener: Row, port: int) -> None:
    arn, notes = listener["ListenerArn"], []
    if listener["Protocol"] != "HTTP":
        notes.append(
            f"{listener['Protocol']} on {listener.get('Port')} of the account is HTTP on {port} here"
        )
    draft.add(
        "elbv2.CreateListener",
        listener,
        f"listener-{port}",
        {
            "Protocol": "HTTP",
            "Port": port,
            "DefaultActions": [_action(one) for one in _carrying(listener.get("DefaultActions", ()))],
            "Certificates": None,
            "SslPolicy": None,
        },
        notes=notes,
        gives={arn: "Listeners[0].ListenerArn"},
    )


def _draft_rule(draft: Draft, rule: Row) -> None:
    actions = _carrying(rule.get("Actions", ()))
    notes = ["who may come in is not asked here"] if len(actions) < len(rule.get("Actions", ())) else []
    told = rule.get("Conditions", ())
    asked = [one for one in told if one["Field"] != "http-header"]
    if len(asked) < len(told):
        notes.append("what headers have to be is left out, it may be a secret")
    conditions = [
        {key: value for key, value in one.items() if key != "Values" or len(one) == SIMPLE} for one in asked
    ]
    draft.add(
        "elbv2.CreateRule",
        rule,
        f"rule-{rule['Priority']}",
        {
            "Priority": int(rule["Priority"]),
            "Conditions": conditions or EVERYTHING,
            "Actions": [_action(one) for one in actions],
        },
        notes=notes,
        gives={rule["RuleArn"]: "Rules[0].RuleArn"},
    )


def _carrying(actions: Any) -> list[Row]:
    """Without those that ask who somebody is."""
    return [one for one in actions if one["Type"] in FORWARDING]


def _action(action: Row) -> Row:
    """An action said once: AWS describes a plain forward in two ways at once."""
    groups = action.get("ForwardConfig", {}).get("TargetGroups", ())
    if action["Type"] == "forward" and len(groups) == 1:
        return {"Type": "forward", "TargetGroupArn": groups[0]["TargetGroupArn"]}
    if groups:
        return {"Type": "forward", "ForwardConfig": action["ForwardConfig"]}
    found = {key: value for key, value in action.items() if key != "Order"}
    if "FixedResponseConfig" in found:
        found["FixedResponseConfig"] = {"StatusCode": found["FixedResponseConfig"]["StatusCode"]}
    return found


def _tail(arn: str) -> str:
    """loadbalancer/app/web/50dc6c495c0c9188 of a load balancer's ARN."""
    return arn.split(":", 5)[-1]
