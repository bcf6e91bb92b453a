"""Elastic Load Balancing over the wire, on a real plane: what its rows say (traffic: test_elbv2_traffic)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.fault.waiting import until

Client = Callable[..., Any]
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "nobody"}}
SOON = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture
def elb(client: Client) -> Any:
    return client("elbv2")


@pytest.fixture
def subnets(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client("ec2").describe_subnets()["Subnets"]
    return sorted(found, key=lambda one: one["AvailabilityZone"])


@pytest.fixture
def balancer(elb: Any, subnets: list[dict[str, Any]]) -> dict[str, Any]:
    """A load balancer called `web`."""
    made = elb.create_load_balancer(Name="web", Subnets=[one["SubnetId"] for one in subnets[:2]])
    found: dict[str, Any] = made["LoadBalancers"][0]
    return found


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def a_listener(elb: Any, balancer: Any, *actions: Any, port: int = 80) -> dict[str, Any]:
    made = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=port,
        DefaultActions=list(actions) or [FIXED],
    )
    found: dict[str, Any] = made["Listeners"][0]
    return found


def a_group(elb: Any, subnets: Any, name: str = "tg", **asked: Any) -> dict[str, Any]:
    wanted = {"Protocol": "HTTP", "Port": 8080, "VpcId": subnets[0]["VpcId"], "TargetType": "ip", **asked}
    found: dict[str, Any] = elb.create_target_group(Name=name, **wanted)["TargetGroups"][0]
    return found


def forward(*groups: Any, **config: Any) -> dict[str, Any]:
    tuples = [{"TargetGroupArn": one["TargetGroupArn"], "Weight": 1} for one in groups]
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples, **config}}


def path_is(*values: str) -> list[dict[str, Any]]:
    return [{"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}]


def test_a_load_balancer_lives_and_dies(elb: Any, balancer: Any, subnets: Any) -> None:
    """Created provisioning, active at once here, the same call answers it, deleted twice without a fault."""
    arn, zones = balancer["LoadBalancerArn"], [one["SubnetId"] for one in subnets[:2]]
    assert balancer["State"]["Code"] == "provisioning"
    assert balancer["DNSName"].startswith("web-")
    assert balancer["DNSName"].endswith(f".{elb.meta.region_name}.elb.localhost")
    assert [one["SubnetId"] for one in balancer["AvailabilityZones"]] == zones
    addresses = {one["LoadBalancerAddresses"][0]["IpAddress"] for one in balancer["AvailabilityZones"]}
    assert len(addresses) == 1
    first, second, *_ = map(int, addresses.pop().split("."))
    assert first == 127
    assert 64 <= second < 128
    assert len(balancer["SecurityGroups"]) == 1
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn], WaiterConfig=SOON)
    again = elb.create_load_balancer(Name="web", Subnets=zones)["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == arn
    with pytest.raises(ClientError) as caught:
        elb.create_load_balancer(Name="web", Subnets=zones, Scheme="internal")
    assert code(caught) == "DuplicateLoadBalancerName"
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[arn], WaiterConfig=SOON)
    with pytest.raises(ClientError) as caught:
        elb.describe_load_balancers(Names=["web"])
    assert code(caught) == "LoadBalancerNotFound"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"Name": "-web"}, "ValidationError"),
        ({"Name": "internal-web"}, "ValidationError"),
        ({"Name": "w" * 33}, "ValidationError"),
        ({"Type": "gateway"}, "InvalidConfigurationRequest"),
        ({"Type": "network"}, "InvalidConfigurationRequest"),
        ({"IpAddressType": "dualstack"}, "InvalidConfigurationRequest"),
        ({"Subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]}, "SubnetNotFound"),
        ({"Subnets": []}, "ValidationError"),
        ({"SecurityGroups": ["sg-0123456789abcdef0"]}, "InvalidSecurityGroup"),
    ],
)
def test_what_no_load_balancer_may_be(elb: Any, subnets: Any, asked: Any, expected: str) -> None:
    usual = {"Name": "web", "Subnets": [one["SubnetId"] for one in subnets[:2]]}
    with pytest.raises(ClientError) as caught:
        elb.create_load_balancer(**usual | asked)
    assert code(caught) == expected


def test_a_load_balancer_is_in_two_zones(elb: Any, balancer: Any, subnets: Any) -> None:
    arn = balancer["LoadBalancerArn"]
    with pytest.raises(ClientError) as caught:
        elb.set_subnets(LoadBalancerArn=arn, Subnets=[subnets[0]["SubnetId"]])
    assert code(caught) == "ValidationError"
    mappings = [{"SubnetId": one["SubnetId"]} for one in subnets[:3]]
    after = elb.set_subnets(LoadBalancerArn=arn, SubnetMappings=mappings)
    assert len(after["AvailabilityZones"]) == 3
    assert elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="ipv4")["IpAddressType"] == "ipv4"


def test_security_groups_are_set(elb: Any, balancer: Any, client: Client) -> None:
    made = client("ec2").create_security_group(GroupName="web", Description="web", VpcId=balancer["VpcId"])
    arn, group = balancer["LoadBalancerArn"], made["GroupId"]
    assert elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[group])["SecurityGroupIds"] == [group]
    shown = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    assert shown["SecurityGroups"] == [group]


def test_attributes_of_a_load_balancer(elb: Any, balancer: Any) -> None:
    """Deletion protection protects; values are checked; logs need a bucket."""
    arn = balancer["LoadBalancerArn"]

    def modify(**pairs: str) -> dict[str, str]:
        given = [{"Key": key.replace("__", "."), "Value": value} for key, value in pairs.items()]
        after = elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=given)["Attributes"]
        return {one["Key"]: one["Value"] for one in after}

    assert modify(idle_timeout__timeout_seconds="10")["idle_timeout.timeout_seconds"] == "10"
    for wrong in ({"idle_timeout__timeout_seconds": "0"}, {"no__such": "1"}):
        with pytest.raises(ClientError) as caught:
            modify(**wrong)
        assert code(caught) == "ValidationError"
    with pytest.raises(ClientError) as caught:
        modify(access_logs__s3__enabled="true")
    assert code(caught) == "InvalidConfigurationRequest"
    modify(deletion_protection__enabled="true")
    with pytest.raises(ClientError) as caught:
        elb.delete_load_balancer(LoadBalancerArn=arn)
    assert code(caught) == "OperationNotPermitted"
    modify(deletion_protection__enabled="false")
    shown = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    assert {"Key": "routing.http2.enabled", "Value": "true"} in shown


def test_listeners(elb: Any, balancer: Any) -> None:
    """One of a port, modified, described, with attributes of its own, deleted."""
    listener = a_listener(elb, balancer)
    arn = listener["ListenerArn"]
    assert a_listener(elb, balancer)["ListenerArn"] == arn
    with pytest.raises(ClientError) as caught:
        a_listener(elb, balancer, {**FIXED, "FixedResponseConfig": {"StatusCode": "200"}})
    assert code(caught) == "DuplicateListener"
    changed = elb.modify_listener(ListenerArn=arn, Port=81)["Listeners"][0]
    assert (changed["Port"], changed["DefaultActions"]) == (81, listener["DefaultActions"])
    given = [{"Key": "routing.http.response.x_frame_options.header_value", "Value": "DENY"}]
    elb.modify_listener_attributes(ListenerArn=arn, Attributes=given)
    assert given[0] in elb.describe_listener_attributes(ListenerArn=arn)["Attributes"]
    listed = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    assert listed == elb.describe_listeners(ListenerArns=[arn])["Listeners"] == [changed]
    elb.delete_listener(ListenerArn=arn)
    with pytest.raises(ClientError) as caught:
        elb.describe_listeners(ListenerArns=[arn])
    assert code(caught) == "ListenerNotFound"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"Protocol": "TCP"}, "UnsupportedProtocol"),
        ({"Protocol": "HTTPS"}, "ValidationError"),
        ({"Certificates": [{"CertificateArn": "arn:aws:acm:us-east-1:1:certificate/x"}]}, "InvalidConfig"),
        (
            {"Protocol": "HTTPS", "Certificates": [{"CertificateArn": "arn:aws:acm:x:1:c/x"}]},
            "CertificateNot",
        ),
        ({"DefaultActions": [{"Type": "forward"}]}, "ValidationError"),
        ({"DefaultActions": [FIXED, FIXED]}, "InvalidLoadBalancerAction"),
        ({"MutualAuthentication": {"Mode": "verify"}}, "InvalidConfigurationRequest"),
        (
            {"DefaultActions": [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}]},
            "InvalidLoadBalancerAction",
        ),
        (
            {
                "DefaultActions": [
                    {"Type": "jwt-validation", "JwtValidationConfig": {"JwksEndpoint": "a", "Issuer": "b"}}
                ]
            },
            "InvalidConfigurationRequest",
        ),
    ],
)
def test_what_no_listener_may_be(elb: Any, balancer: Any, asked: Any, expected: str) -> None:
    usual = {"Protocol": "HTTP", "Port": 80, "DefaultActions": [FIXED]}
    with pytest.raises(ClientError) as caught:
        elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], **usual | asked)
    assert code(caught).startswith(expected)


def test_rules_have_an_order(elb: Any, balancer: Any, subnets: Any) -> None:
    """By priority, the default one last; priorities change places in one call; taken ones are refused."""
    listener, group = a_listener(elb, balancer)["ListenerArn"], a_group(elb, subnets)

    def create(priority: int, path: str, *actions: Any) -> Any:
        asked = {"Conditions": path_is(path), "Actions": list(actions) or [FIXED]}
        return elb.create_rule(ListenerArn=listener, Priority=priority, **asked)["Rules"][0]

    first, second = create(20, "/a/*"), create(10, "/b/*", forward(group))
    with pytest.raises(ClientError) as caught:
        create(10, "/c")
    assert code(caught) == "PriorityInUse"

    def order() -> list[str]:
        return [rule["RuleArn"] for rule in elb.describe_rules(ListenerArn=listener)["Rules"]]

    assert order()[:2] == [second["RuleArn"], first["RuleArn"]]
    elb.set_rule_priorities(
        RulePriorities=[
            {"RuleArn": first["RuleArn"], "Priority": 10},
            {"RuleArn": second["RuleArn"], "Priority": 20},
        ]
    )
    assert order()[:2] == [first["RuleArn"], second["RuleArn"]]
    with pytest.raises(ClientError) as caught:
        elb.set_rule_priorities(RulePriorities=[{"RuleArn": first["RuleArn"], "Priority": 20}])
    assert code(caught) == "PriorityInUse"
    for half in ({"RuleArn": first["RuleArn"]}, {"Priority": 30}):
        with pytest.raises(ClientError) as caught:
            elb.set_rule_priorities(RulePriorities=[half])
        assert code(caught) == "ValidationError"
    default = elb.describe_rules(ListenerArn=listener)["Rules"][-1]
    assert (default["IsDefault"], default["Priority"]) == (True, "default")
    for refused in (elb.delete_rule, elb.modify_rule):
        with pytest.raises(ClientError) as caught:
            refused(RuleArn=default["RuleArn"])
        assert code(caught) == "OperationNotPermitted"
    elb.delete_rule(RuleArn=second["RuleArn"])
    with pytest.raises(ClientError) as caught:
        elb.describe_rules(RuleArns=[second["RuleArn"]])
    assert code(caught) == "RuleNotFound"


def test_a_rule_says_what_it_was_told(elb: Any, balancer: Any, subnets: Any) -> None:
    """All conditions, a weighted and sticky forward, both transforms; then modified."""
    listener = a_listener(elb, balancer)["ListenerArn"]
    blue, green = a_group(elb, subnets, "blue"), a_group(elb, subnets, "green")
    conditions = [
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
        {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/v[0-9]+/"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Beta", "Values": ["yes"]}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2"}]}},
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
        {"Field": "source-ip", "SourceIpConfig": {"Values": ["127.0.0.0/8"]}},
    ]
    rewrite = {"Rewrites": [{"Regex": "^/v1/(.*)", "Replace": "/$1"}]}
    action = forward(blue, green, TargetGroupStickinessConfig={"Enabled": True, "DurationSeconds": 60})
    rule = elb.create_rule(
        ListenerArn=listener,
        Priority=1,
        Conditions=conditions,
        Actions=[action],
        Transforms=[{"Type": "url-rewrite", "UrlRewriteConfig": rewrite}],
    )["Rules"][0]
    assert [one["Field"] for one in rule["Conditions"]] == [one["Field"] for one in conditions]
    assert rule["Actions"][0]["ForwardConfig"] == action["ForwardConfig"]
    assert rule["Transforms"] == [{"Type": "url-rewrite", "UrlRewriteConfig": rewrite}]
    old = [{"Field": "path-pattern", "Values": ["/img/*"]}]
    changed = elb.modify_rule(RuleArn=rule["RuleArn"], Conditions=old, ResetTransforms=True)["Rules"][0]
    assert changed["Conditions"][0]["PathPatternConfig"] == {"Values": ["/img/*"]}
    assert changed["Transforms"] == []
    assert changed["Actions"] == rule["Actions"]


def test_target_groups(elb: Any, balancer: Any, subnets: Any) -> None:
    """With AWS's numbers at first; used by one load balancer; not deleted while a rule forwards to it."""
    group = a_group(elb, subnets)
    arn = group["TargetGroupArn"]
    assert (group["HealthCheckIntervalSeconds"], group["HealthyThresholdCount"]) == (30, 5)
    assert (group["UnhealthyThresholdCount"], group["Matcher"]) == (2, {"HttpCode": "200"})
    assert a_group(elb, subnets)["TargetGroupArn"] == arn
    with pytest.raises(ClientError) as caught:
        a_group(elb, subnets, Port=81)
    assert code(caught) == "DuplicateTargetGroupName"
    listener = a_listener(elb, balancer, forward(group))
    shown = elb.describe_target_groups(LoadBalancerArn=balancer["LoadBalancerArn"])["TargetGroups"]
    assert shown[0]["LoadBalancerArns"] == [balancer["LoadBalancerArn"]]
    with pytest.raises(ClientError) as caught:
        elb.delete_target_group(TargetGroupArn=arn)
    assert code(caught) == "ResourceInUse"
    other = elb.create_load_balancer(Name="other", Subnets=[one["SubnetId"] for one in subnets[:2]])
    with pytest.raises(ClientError) as caught:
        a_listener(elb, other["LoadBalancers"][0], forward(group))
    assert code(caught) == "TargetGroupAssociationLimit"
    changed = elb.modify_target_group(
        TargetGroupArn=arn, HealthCheckPath="/up", Matcher={"HttpCode": "200-299"}
    )
    assert changed["TargetGroups"][0]["HealthCheckPath"] == "/up"
    given = [{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}]
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=given)
    assert given[0] in elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    elb.delete_listener(ListenerArn=listener["ListenerArn"])
    elb.delete_target_group(TargetGroupArn=arn)
    with pytest.raises(ClientError) as caught:
        elb.describe_target_groups(Names=["tg"])
    assert code(caught) == "TargetGroupNotFound"


def test_targets_of_a_group_that_nobody_uses(elb: Any, subnets: Any) -> None:
    """They are unused, as are those that are not there; the waiter for their end is content."""
    arn = a_group(elb, subnets)["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1"}, {"Id": "127.0.0.1", "Port": 81}])
    said = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert {one["Target"]["Port"] for one in said} == {8080, 81}
    assert {one["TargetHealth"]["Reason"] for one in said} == {"Target.NotInUse"}
    elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "127.0.0.1", "Port": 81}])
    gone = {"TargetGroupArn": arn, "Targets": [{"Id": "127.0.0.1", "Port": 81}]}
    elb.get_waiter("target_deregistered").wait(**gone, WaiterConfig=SOON)
    said = elb.describe_target_health(**gone)["TargetHealthDescriptions"][0]["TargetHealth"]
    assert (said["State"], said["Reason"]) == ("unused", "Target.NotRegistered")
    with pytest.raises(WaiterError):
        left = [{"Id": "127.0.0.1"}]
        impatient = {"Delay": 1, "MaxAttempts": 1}
        elb.get_waiter("target_in_service").wait(TargetGroupArn=arn, Targets=left, WaiterConfig=impatient)


@pytest.mark.parametrize(
    ("kind", "target", "expected"),
    [
        ("ip", {"Id": "8.8.8.8"}, "ValidationError"),
        ("ip", {"Id": "10.1.2.3"}, "ValidationError"),
        ("ip", {"Id": "127.64.0.1"}, "InvalidTarget"),
        ("ip", {"Id": "web"}, "ValidationError"),
        ("instance", {"Id": "i-0123456789abcdef0"}, "InvalidTarget"),
        ("lambda", {"Id": "arn:aws:lambda:us-east-1:1:function:no"}, "InvalidTarget"),
    ],
)
def test_what_cannot_be_a_target(elb: Any, subnets: Any, kind: str, target: Any, expected: str) -> None:
    if kind == "lambda":
        arn = elb.create_target_group(Name="tg", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    else:
        arn = a_group(elb, subnets, TargetType=kind)["TargetGroupArn"]
    with pytest.raises(ClientError) as caught:
        elb.register_targets(TargetGroupArn=arn, Targets=[target])
    assert code(caught) == expected


def test_tags(elb: Any, balancer: Any, subnets: Any) -> None:
    arns = [balancer["LoadBalancerArn"], a_listener(elb, balancer)["ListenerArn"]]
    arns.append(a_group(elb, subnets)["TargetGroupArn"])
    elb.add_tags(ResourceArns=arns, Tags=[{"Key": "team", "Value": "a"}, {"Key": "more"}])
    elb.remove_tags(ResourceArns=arns, TagKeys=["more"])
    told = elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
    assert told == [{"ResourceArn": arn, "Tags": [{"Key": "team", "Value": "a"}]} for arn in arns]
    with pytest.raises(ClientError) as caught:
        elb.add_tags(ResourceArns=arns, Tags=[{"Key": "a"}, {"Key": "a"}])
    assert code(caught) == "DuplicateTagKeys"


def test_pages(elb: Any, balancer: Any, subnets: Any) -> None:
    """botocore's paginators find all there are, whatever the size of a page."""
    listener = a_listener(elb, balancer)["ListenerArn"]
    for number in range(1, 4):
        actions = {"Conditions": path_is(f"/{number}"), "Actions": [FIXED]}
        elb.create_rule(ListenerArn=listener, Priority=number, **actions)
        a_group(elb, subnets, f"tg{number}")
    of = {"PaginationConfig": {"PageSize": 2}}
    rules = elb.get_paginator("describe_rules").paginate(ListenerArn=listener, **of)
    assert [rule["Priority"] for rule in rules.search("Rules[]")] == ["1", "2", "3", "default"]
    groups = elb.get_paginator("describe_target_groups").paginate(**of)
    assert [one["TargetGroupName"] for one in groups.search("TargetGroups[]")] == ["tg1", "tg2", "tg3"]
    policies = list(elb.get_paginator("describe_ssl_policies").paginate(**of).search("SslPolicies[]"))
    assert len(policies) > 2
    limits = elb.describe_account_limits()["Limits"]
    assert {"Name": "condition-values-per-alb-rule", "Max": "5"} in limits


def test_accounts_do_not_see_each_other(client: Client, plane: Any, elb: Any, balancer: Any) -> None:
    stranger = plane.client("elbv2", "999999999999")
    with pytest.raises(ClientError) as caught:
        stranger.describe_load_balancers(LoadBalancerArns=[balancer["LoadBalancerArn"]])
    assert code(caught) == "LoadBalancerNotFound"
    stranger.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    assert elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"] == balancer["LoadBalancerArn"]


def test_an_instance_that_goes_is_unused(elb: Any, balancer: Any, subnets: Any, client: Client) -> None:
    """Instances register when they run; terminated ones get no requests, and say so."""
    ec2 = client("ec2")
    ran = ec2.run_instances(ImageId="ami-12345678", InstanceType="t3.small", MinCount=1, MaxCount=1)
    machine = ran["Instances"][0]["InstanceId"]
    zone = ran["Instances"][0]["Placement"]["AvailabilityZone"]
    home = next(one for one in subnets if one["AvailabilityZone"] == zone)
    other = next(one for one in subnets if one["AvailabilityZone"] != zone)
    zones = [home["SubnetId"], other["SubnetId"]]
    elb.set_subnets(LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=zones)
    arn = a_group(elb, subnets, TargetType="instance")["TargetGroupArn"]
    a_listener(elb, balancer, forward({"TargetGroupArn": arn}))

    def state() -> tuple[str, str]:
        said = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"][0]
        return said["TargetHealth"]["State"], said["TargetHealth"].get("Reason", "")

    ec2.get_waiter("instance_running").wait(InstanceIds=[machine], WaiterConfig=SOON)
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": machine}])
    assert state()[0] in ("initial", "unhealthy")
    outside = [one["SubnetId"] for one in subnets if one["AvailabilityZone"] != zone]
    elb.set_subnets(LoadBalancerArn=balancer["LoadBalancerArn"], Subnets=outside)
    assert state() == ("unused", "Target.NotInUse")
    ec2.terminate_instances(InstanceIds=[machine])
    until(lambda: state() == ("unused", "Target.InvalidState"), "the instance is gone")
    with pytest.raises(ClientError) as caught:
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": machine, "Port": 81}])
    assert code(caught) == "InvalidTarget"
