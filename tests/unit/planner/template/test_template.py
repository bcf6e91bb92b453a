"""CloudFormation templates as resources: functions, types, order, and errors with their lines."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import jmespath
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from windlass.planner.live.shapes import models
from windlass.planner.playing.answers import Answers
from windlass.planner.scenario.reading import BadScenario, parse, read
from windlass.planner.template.faults import BadTemplate
from windlass.planner.template.intrinsics import Values
from windlass.planner.template.kinds import KINDS, STANDING_IN, WITHOUT
from windlass.planner.template.properties import counting, input_shape
from windlass.planner.template.short_forms import TemplateLoader
from windlass.planner.template.stack import operations
from windlass.services.catalogue import SERVICES

TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "Stage": {"Type": "String", "Default": "prod"},
        "Zones": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Net": {"Type": "List<AWS::EC2::Subnet::Id>", "Default": "subnet-1"},
    },
    "Mappings": {"Sizes": {"us-east-1": {"prod": 4}}},
    "Conditions": {
        "Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "Not": {"Fn::Not": [{"Condition": "Prod"}]},
        "Both": {"Fn::And": [{"Condition": "Prod"}, {"Condition": "Not"}]},
        "Any": {"Fn::Or": [{"Condition": "Prod"}, {"Condition": "Not"}]},
    },
    "Resources": {},
}


def refer(name: str, attribute: str | None, path: Any) -> str:
    return f"${{{name}.{attribute or 'Ref'}}}"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref Stage", "prod"),
        ("!Ref Zones", ["a", "b"]),
        ("!Ref Net", [f"${{default.subnets[{place}]}}" for place in range(3)]),
        ("!Ref Queue", "${Queue.Ref}"),
        ("!Ref AWS::Region", "us-east-1"),
        ("!GetAtt Queue.Arn", "${Queue.Arn}"),
        ("{Fn::GetAtt: [Queue, Arn]}", "${Queue.Arn}"),
        ("!Sub '${Stage}-${Queue}-${Queue.Arn}-${AWS::Partition}'", "prod-${Queue.Ref}-${Queue.Arn}-aws"),
        ("!Sub ['${a}/${Stage}', {a: !Ref Queue}]", "${Queue.Ref}/prod"),
        ("!Join ['-', [!Ref Stage, b]]", "prod-b"),
        ("!Join [',', !Ref Zones]", "a,b"),
        ("!Select [1, !Ref Zones]", "b"),
        ("!Select ['0', !GetAZs '']", "us-east-1a"),
        ("!Select [2, !Split ['/', !GetAtt Queue.Arn]]", "${Queue.Arn | part(@, '/', `2`)}"),
        ("!Select [1, !Split ['/', a/b]]", "b"),
        ("!Split [',', 'x,y']", ["x", "y"]),
        ("!If [Prod, 1, 2]", 1),
        ("!If [Not, 1, !If [Both, 3, 4]]", 4),
        ("!If [Any, [1, !Ref 'AWS::NoValue'], 2]", [1]),
        ("{a: !Ref AWS::NoValue, b: 1}", {"b": 1}),
        ("!FindInMap [Sizes, !Ref 'AWS::Region', !Ref Stage]", 4),
        ("!Base64 {Fn::Sub: 'x ${Stage}'}", base64.b64encode(b"x prod").decode()),
        ("{Fn::ToJsonString: {a: !Ref Stage}}", '{"a": "prod"}'),
        ("!Ref AWS::NoValue", None),
    ],
)
def test_functions(text: str, value: Any) -> None:
    values = Values(TEMPLATE, {}, "stack", refer)
    assert values.of(yaml.load(text, TemplateLoader), ()) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("!ImportValue x", "Fn::ImportValue is not played"),
        ("!Joyn ['', []]", "did you mean Fn::Join?"),
        ("!FindInMap [Sizes, x, y]", "there is no 'x': there are us-east-1"),
        ("!If [Prodd, 1, 2]", "there is no condition 'Prodd': did you mean Prod?"),
        ("!Select [5, [a]]", "there is no 5 in a list of 1"),
        ("!Join [a]", "Fn::Join takes 2 arguments"),
        ("!Split [',', !Ref Queue]", "known only when its resource is made"),
        ("!Base64 {Ref: Queue}", "known only when its resources are made"),
    ],
)
def test_what_functions_do_not_take(text: str, why: str) -> None:
    with pytest.raises(BadTemplate, match=re.escape(why)):
        Values(TEMPLATE, {}, "stack", refer).of(yaml.load(text, TemplateLoader), ())


def test_no_bomb() -> None:
    """Aliases say little and mean much."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(BadTemplate, match="at most"):
        Values(TEMPLATE, {}, "stack", refer).of(yaml.load("\n".join(lines), TemplateLoader), ())


def test_types_say_what_operations_take_and_answer() -> None:
    """Each operation is played; names are parameters, references are of the answer."""
    played = {f"{service.name}.{operation}" for service in SERVICES for operation in service.handlers}
    for name, kind in KINDS.items():
        assert kind.operation in played, name
        members = set(input_shape(kind.operation).members)
        assert not kind.name or kind.name in members, name
        assert set(kind.renamed.values()) <= members and set(counting(kind.operation)) <= members, name
        assert not set(kind.also) & members, name
        service, _, operation = kind.operation.partition(".")
        model = models().operation(service, operation)
        assert model is not None
        for value in (kind.ref, *kind.attributes.values()):
            if value.startswith("."):
                jmespath.compile(value[1:])
                head = re.split(r"[.\[]", value[1:])[0].split(" ")[0]
                assert model.output_shape is not None and head in model.output_shape.members, (name, value)


def test_the_page_names_all_types() -> None:
    page = (Path(__file__).parents[4] / "docs" / "planner" / "templates.md").read_text()
    named = set(re.findall(r"`((?:AWS|Custom)::[\w:]*)`", page))
    assert named == {*KINDS, *STANDING_IN, "AWS::EC2::Subnet", *WITHOUT}


HEAD = "name: x\nresources:\n"


SERVICE = "  A:\n    Type: AWS::ECS::Service\n    Properties:\n"
CLUSTER = "  Cluster:\n    Type: AWS::ECS::Cluster\n"
QUEUE = "  A:\n    Type: AWS::SQS::Queue\n"
PARAMETER = "  Parameters: {P: {Type: String}}\n  Resources:\n    A:\n      Type: AWS::SQS::Queue\n"


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("  A:\n    Type: AWS::ECS::Servise\n", 4, "did you mean AWS::ECS::Service?"),
        (QUEUE + "    Properties:\n      VisibilityTimeot: 3\n", 6, "did you mean VisibilityTimeout?"),
        (SERVICE + "      DesireCount: 3\n", 6, "AWS::ECS::Service has no property 'DesireCount'"),
        (SERVICE + "      DesiredCount: many\n", 6, "is a number, not 'many'"),
        (SERVICE + "      Cluster: !Ref Clster\n" + CLUSTER, 6, "nothing is called 'Clster': did you mean"),
        (SERVICE + "      Cluster: !GetAtt Cluster.Arm\n" + CLUSTER, 6, "has no attribute 'Arm'"),
        (QUEUE + "    DependsOn: B\n", 5, "there is no resource 'B'"),
        (QUEUE + "    DependsOn: B\n" + QUEUE.replace("A:", "B:") + "    DependsOn: A\n", 6, "a circle"),
        ("  A: {}\n", 3, "A has no Type"),
        ("  Transform: x\n  Resources: {}\n", 3, "transforms are not played"),
        (PARAMETER + "      Properties:\n        QueueName: !Ref P\n", 3, "say parameters: {P: …}"),
    ],
)
def test_errors_name_the_line(text: str, line: int, why: str) -> None:
    with pytest.raises(BadScenario) as raised:
        parse(HEAD + text, "x.yaml")
    assert str(raised.value).startswith(f"x.yaml:{line}: ") and why in str(raised.value), raised.value


def test_a_file_of_json(tmp_path: Path) -> None:
    """Beside the scenario, indented with tabs; its errors are of its own lines."""
    template = {"Resources": {"Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True}}}}
    (tmp_path / "stack.json").write_text(json.dumps(template, indent="\t"))
    scenario = tmp_path / "s.yaml"
    scenario.write_text("name: x\nresources: stack.json\n")
    [made] = read(scenario).resources
    assert made["sqs.CreateQueue"] == {"QueueName": "Jobs.fifo", "Attributes": {"FifoQueue": "true"}}
    (tmp_path / "stack.json").write_text(json.dumps(template, indent="\t").replace("FifoQueue", "FifoQueu"))
    with pytest.raises(BadScenario, match=r"stack\.json:6: .*did you mean FifoQueue\?"):
        read(scenario)
    scenario.write_text("name: x\nresources: nothing.json\n")
    with pytest.raises(BadScenario, match=r"nothing\.json"):
        read(scenario)


@given(st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=1, max_size=8))
def test_each_comes_after_what_it_needs(needs: list[list[int]]) -> None:
    """Only names before it in a hidden order: never a circle."""
    names = [f"Q{number}" for number in range(len(needs))]
    resources = {
        name: {"Type": "AWS::SQS::Queue", "DependsOn": sorted({names[one] for one in wanted if one < place})}
        for place, (name, wanted) in reversed(list(enumerate(zip(names, needs, strict=True))))
    }
    made = [one["as"] for one in operations({"Resources": resources}, {}, "x")]
    assert sorted(made) == sorted(names)
    for name, said in resources.items():
        assert all(made.index(one) < made.index(name) for one in said["DependsOn"])


def test_what_the_cdk_writes() -> None:
    """Its own types say nothing, long ids are cut where names are short, listeners tell load balancers."""
    listener = {"Fn::Split": ["/", {"Ref": "ServiceLBPublicListener46709EAA"}]}
    resources = {
        "Meta": {"Type": "AWS::CDK::Metadata"},
        "Restrict": {"Type": "Custom::VpcRestrictDefaultSG", "Properties": {"Any": "thing"}},
        "ServiceLBPublicListenerECSGroup0CC8688C": {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup"},
        "ServiceLBPublicListener46709EAA": {"Type": "AWS::ElasticLoadBalancingV2::Listener"},
        "Jobs": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Select": [2, listener]}}},
    }
    group, _, queue = operations({"Resources": resources}, {}, "x")
    assert group["elbv2.CreateTargetGroup"]["Name"] == "eLBPublicListenerECSGroup0CC8688C"[-32:]
    listened = "${ServiceLBPublicListener46709EAA.Listeners[0].ListenerArn | part(@, '/', `2`)}"
    assert queue["sqs.CreateQueue"]["QueueName"] == listened
    answers = Answers()
    answers.keep(
        "ServiceLBPublicListener46709EAA", {"Listeners": [{"ListenerArn": "arn:listener/app/web/1/2"}]}
    )
    assert answers.filled(listened) == "web"


def test_https_changes_ports_with_what_redirects_to_it() -> None:
    """So that requests to port 80 are answered, by the rules of the listener of HTTPS."""
    kind = "AWS::ElasticLoadBalancingV2::Listener"
    to = {"LoadBalancerArn": {"Ref": "Web"}}
    redirect = {
        "Type": "redirect",
        "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
    }
    resources: dict[str, Any] = {
        "Web": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer"},
        "Open": {
            "Type": kind,
            "Properties": {**to, "Protocol": "HTTP", "Port": 80, "DefaultActions": [redirect]},
        },
        "Secure": {"Type": kind, "Properties": {**to, "Protocol": "HTTPS", "Port": "443"}},
        "Other": {"Type": kind, "Properties": {**to, "Protocol": "HTTP", "Port": 8080}},
    }

    def ports() -> list[Any]:
        made = operations({"Resources": resources}, {}, "x")
        return [one["elbv2.CreateListener"]["Port"] for one in made if "elbv2.CreateListener" in one]

    assert ports() == [443, 80, 8080]
    del resources["Open"], resources["Other"]
    assert ports() == [80]


def test_ids_of_an_old_network() -> None:
    """Ids that somebody wrote down are the simulated account's; words are spelt as the API wants them."""
    ids = ["subnet-0a1b2c3d", "subnet-1a1b2c3d", "subnet-0a1b2c3d"]
    resources = {"Type": "FARGATE", "Subnets": ids, "SecurityGroupIds": ["sg-0a1b2c3d"]}
    template = {
        "Resources": {
            "Work": {
                "Type": "AWS::Batch::ComputeEnvironment",
                "Properties": {"Type": "managed", "ComputeResources": resources},
            }
        }
    }
    [made] = operations(template, {}, "x")
    params = made["batch.CreateComputeEnvironment"]
    assert params["type"] == "MANAGED" and params["computeResources"]["subnets"] == [
        "${default.subnets[0]}",
        "${default.subnets[1]}",
        "${default.subnets[0]}",
    ]
    assert params["computeResources"]["securityGroupIds"] == ["${default.security_groups[0]}"]


def test_conditions_and_stand_ins() -> None:
    """What a condition leaves out is not made; roles and networks are the simulated account's own."""
    template = {
        **TEMPLATE,
        "Resources": {
            "A": {"Type": "AWS::SQS::Queue", "Condition": "Not"},
            "Role": {"Type": "AWS::IAM::Role"},
            "Vpc": {"Type": "AWS::EC2::VPC"},
            "Targets": {
                "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
                "Properties": {"Name": {"Ref": "Role"}, "VpcId": {"Ref": "Vpc"}, "Port": "80"},
            },
        },
    }
    [made] = operations(template, {}, "x")
    assert made == {
        "elbv2.CreateTargetGroup": {"Name": "Role", "Port": 80, "VpcId": "${default.vpc}"},
        "as": "Targets",
    }
    template["Resources"]["Targets"]["Properties"]["Name"] = {"Ref": "A"}
    with pytest.raises(BadTemplate, match="A is not there: its condition does not hold"):
        operations(template, {}, "x")


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["Jobs", "Prod", "x", "a.b", "${Jobs}", "3"]),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Ref", "Fn::Sub", "Fn::Join", "Fn::If", "Fn::GetAtt", "Fn::Select", "Fn::FindInMap"]
            )
            | st.sampled_from(
                ["Fn::Split", "Fn::Base64", "Key", "Targets", "Condition", "Fn::Not", "Fn::Equals"]
            ),
            inside,
            max_size=2,
        )
    ),
    max_leaves=12,
)
PROPERTIES = {
    "AWS::ECS::Service": ["Cluster", "LoadBalancers", "DesiredCount", "NetworkConfiguration", "ServiceName"],
    "AWS::ElasticLoadBalancingV2::TargetGroup": ["TargetGroupAttributes", "Targets", "Port", "Matcher"],
    "AWS::Lambda::Alias": ["ProvisionedConcurrencyConfig", "FunctionName", "Name"],
    "AWS::Lambda::Function": ["ReservedConcurrentExecutions", "VpcConfig", "Runtime", "Code"],
    "AWS::ElasticLoadBalancingV2::Listener": ["Port", "Protocol", "DefaultActions", "LoadBalancerArn"],
    "AWS::SQS::Queue": ["RedrivePolicy", "FifoQueue", "QueueName"],
    "AWS::Events::Rule": ["Targets", "EventPattern"],
    "AWS::ApplicationAutoScaling::ScalingPolicy": ["ScalingTargetId", "PolicyType"],
    "AWS::ApplicationAutoScaling::ScalableTarget": ["ScheduledActions", "MinCapacity"],
    "AWS::Batch::JobDefinition": ["ContainerProperties", "PlatformCapabilities"],
    "AWS::Batch::ComputeEnvironment": ["ComputeResources"],
    "AWS::AutoScaling::AutoScalingGroup": ["VPCZoneIdentifier", "MinSize"],
    "AWS::EC2::LaunchTemplate": ["LaunchTemplateData"],
    "AWS::AppRunner::Service": ["SourceConfiguration"],
    "AWS::EC2::Subnet": ["AvailabilityZone"],
}


@given(st.sampled_from(sorted(PROPERTIES)), st.data())
def test_junk_is_refused(kind: str, data: st.DataObject) -> None:
    """Whatever stands in a template: operations, or one line."""
    properties = data.draw(st.dictionaries(st.sampled_from(PROPERTIES[kind]), JUNK))
    resources = {"A": {"Type": kind, "Properties": properties}, "Jobs": {"Type": "AWS::SQS::Queue"}}
    conditions = {"Prod": data.draw(JUNK)}
    try:
        made = operations({"Resources": resources, "Conditions": conditions}, {}, "x")
    except BadTemplate as error:
        assert "\n" not in error.why
    else:
        assert all(len([name for name in one if name != "as"]) == 1 for one in made)
