"""SSM over the wire with boto3: activations, and machines that register with them."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.test_iam import refusal
from tests.fault.waiting import until

Client = Callable[..., Any]
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": ["ec2.amazonaws.com", "ssm.amazonaws.com"]},
        "Action": "sts:AssumeRole",
    },
}
NO_SUCH = "00000000-0000-4000-8000-000000000000"
A_SECRET = "ab" * 32


@pytest.fixture
def ssm(client: Client) -> Any:
    client("iam").create_role(RoleName="ecsAnywhereRole", AssumeRolePolicyDocument=json.dumps(TRUST))
    return client("ssm")


def activation(ssm: Any, **more: Any) -> tuple[str, str]:
    made = ssm.create_activation(**{"IamRole": "ecsAnywhereRole", **more})
    return made["ActivationId"], made["ActivationCode"]


def ask(endpoint: str, activation: tuple[str, str], secret: str = A_SECRET, **more: Any) -> tuple[int, Any]:
    """What the plane says to a machine that registers: status and body."""
    asked = {
        "activation_id": activation[0],
        "activation_code": activation[1],
        "secret": secret,
        "cpu_units": 1024,
        "memory_mib": 2048,
        **more,
    }
    request = urllib.request.Request(
        f"{endpoint}/_windlass/node/registrations", method="POST", data=json.dumps(asked).encode()
    )
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def join(endpoint: str, activation: tuple[str, str], number: int = 1, **more: Any) -> str:
    status, answer = ask(endpoint, activation, f"{number:064x}", **more)
    assert status == 200, answer
    return str(answer["node_id"])


def test_an_activation(ssm: Any) -> None:
    """Made, described with all that it was given and without its code, deleted."""
    at = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    made = activation(
        ssm,
        Description="the lab",
        DefaultInstanceName="lab",
        RegistrationLimit=7,
        ExpirationDate=at,
        Tags=[{"Key": "room", "Value": "3"}],
    )
    assert re.fullmatch(r"[A-Za-z0-9+/]{20}", made[1])
    [shown] = ssm.describe_activations()["ActivationList"]
    assert (datetime.now(UTC) - shown.pop("CreatedDate")).total_seconds() < 60
    assert shown == {
        "ActivationId": made[0],
        "Description": "the lab",
        "DefaultInstanceName": "lab",
        "IamRole": "ecsAnywhereRole",
        "RegistrationLimit": 7,
        "RegistrationsCount": 0,
        "ExpirationDate": at,
        "Expired": False,
        "Tags": [{"Key": "room", "Value": "3"}],
    }
    ssm.delete_activation(ActivationId=made[0])
    assert ssm.describe_activations()["ActivationList"] == []
    assert refusal(ssm.delete_activation, ActivationId=made[0])[::2] == ("InvalidActivation", 400)


def test_what_is_not_given(ssm: Any) -> None:
    """One registration, for a day."""
    activation(ssm)
    [shown] = ssm.describe_activations()["ActivationList"]
    assert shown["RegistrationLimit"] == 1
    assert shown["ExpirationDate"] - shown["CreatedDate"] == timedelta(days=1)
    assert "Description" not in shown and "DefaultInstanceName" not in shown


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"IamRole": "nobody"}, "ValidationException", "Nonexistent role or missing ssm service principal"),
        ({"IamRole": "arn:aws:iam::123456789012:role/x"}, "ValidationException", "at 'iamRole' failed"),
        ({"RegistrationLimit": 0}, "ValidationException", "registrationLimit"),
        ({"RegistrationLimit": 1001}, "ValidationException", "registrationLimit"),
        ({"ExpirationDate": datetime(2020, 1, 1, tzinfo=UTC)}, "ValidationException", "ExpirationDate"),
        ({"ExpirationDate": datetime(2060, 1, 1, tzinfo=UTC)}, "ValidationException", "ExpirationDate"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "ValidationException", "reserved"),
        (
            {"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]},
            "TooManyTagsError",
            "50 tags",
        ),
        ({"RegistrationMetadata": [{"Key": "a", "Value": "b"}]}, "InvalidParameters", "internal"),
    ],
)
def test_activations_that_are_refused(client: Client, ssm: Any, changes: Any, code: str, words: str) -> None:
    found, message, status = refusal(
        client("ssm", parameter_validation=False).create_activation,
        **{"IamRole": "ecsAnywhereRole", **changes},
    )
    assert (found, status) == (code, 400)
    assert words in message


def test_a_role_that_does_not_trust_systems_manager(client: Client, ssm: Any) -> None:
    trust = json.dumps(TRUST).replace("ssm.amazonaws.com", "lambda.amazonaws.com")
    client("iam").create_role(RoleName="other", AssumeRolePolicyDocument=trust)
    assert "missing ssm service principal" in refusal(ssm.create_activation, IamRole="other")[1]


def test_activations_by_filter_and_page(ssm: Any) -> None:
    """By id, name and role; two at a time; a token is good for its own listing."""
    made = [activation(ssm, DefaultInstanceName=f"n{number % 2}")[0] for number in range(5)]
    pages = ssm.get_paginator("describe_activations").paginate(PaginationConfig={"PageSize": 2})
    assert [row["ActivationId"] for page in pages for row in page["ActivationList"]] == made

    def by(key: str, *values: str) -> list[str]:
        filters = [{"FilterKey": key, "FilterValues": list(values)}]
        return [row["ActivationId"] for row in ssm.describe_activations(Filters=filters)["ActivationList"]]

    assert by("ActivationIds", made[3], NO_SUCH) == [made[3]]
    assert by("DefaultInstanceName", "n1") == [made[1], made[3]]
    assert by("IamRole", "ecsAnywhereRole") == made
    assert refusal(ssm.describe_activations, NextToken="x")[0] == "InvalidNextToken"
    assert refusal(ssm.describe_activations, Filters=[{"FilterValues": ["x"]}])[0] == "InvalidFilter"


def test_a_machine_registers(client: Client, endpoint: str, ssm: Any, account: str) -> None:
    """It is a managed instance with the activation's tags and name, and one of its cluster's instances."""
    made = activation(ssm, DefaultInstanceName="lab", Tags=[{"Key": "room", "Value": "3"}])
    machine = join(
        endpoint,
        made,
        attributes={"rack": "7"},
        computer_name="box",
        ip_address="10.0.0.9",
        platform_name="Debian GNU/Linux",
        platform_version="12",
        architecture="aarch64",
    )
    assert re.fullmatch("mi-[0-9a-f]{17}", machine)
    [shown] = ssm.describe_instance_information()["InstanceInformationList"]
    assert shown.pop("RegistrationDate") == shown.pop("LastPingDateTime")
    assert shown == {
        "InstanceId": machine,
        "PingStatus": "ConnectionLost",
        "AgentVersion": "0.1.0",
        "IsLatestVersion": True,
        "PlatformType": "Linux",
        "PlatformName": "Debian GNU/Linux",
        "PlatformVersion": "12",
        "ActivationId": made[0],
        "IamRole": "ecsAnywhereRole",
        "ResourceType": "ManagedInstance",
        "Name": "lab",
        "IPAddress": "10.0.0.9",
        "ComputerName": "box",
        "SourceId": machine,
        "SourceType": "AWS::SSM::ManagedInstance",
    }
    tags = ssm.list_tags_for_resource(ResourceType="ManagedInstance", ResourceId=machine)["TagList"]
    assert tags == [{"Key": "room", "Value": "3"}]
    ecs = client("ecs")
    [arn] = until(lambda: ecs.list_container_instances()["containerInstanceArns"], "it is in the cluster")
    [instance] = ecs.describe_container_instances(containerInstances=[arn])["containerInstances"]
    assert (instance["ec2InstanceId"], instance["agentConnected"]) == (machine, False)
    told = {attribute["name"]: attribute.get("value") for attribute in instance["attributes"]}
    assert told["rack"] == "7" and told["ecs.cpu-architecture"] == "arm64"
    assert "ecs.capability.external" in told
    [row] = ssm.describe_activations()["ActivationList"]
    assert row["RegistrationsCount"] == 1


def test_a_used_up_activation(endpoint: str, ssm: Any) -> None:
    """Two machines may register; each may ask again, as an answer can be lost; a third may not."""
    made = activation(ssm, RegistrationLimit=2)
    first, second = join(endpoint, made, 1), join(endpoint, made, 2)
    assert first != second
    assert join(endpoint, made, 1) == first
    status, answer = ask(endpoint, made, f"{3:064x}")
    assert (status, answer["code"]) == (400, "InvalidActivation")
    assert join(endpoint, made, 2) == second
    ssm.deregister_managed_instance(InstanceId=first)
    assert ask(endpoint, made, f"{4:064x}")[0] == 400


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"activation_code": "x" * 20}, "InvalidActivation"),
        ({"activation_id": NO_SUCH}, "InvalidActivation"),
        ({"secret": "short"}, "ValidationException"),
        ({"cluster": "nowhere"}, "ClusterNotFoundException"),
        ({"attributes": {"ecs.mine": "1"}}, "ValidationException"),
        ({"attributes": {"a b": "1"}}, "ValidationException"),
        ({"attributes": {"a": " 1"}}, "ValidationException"),
        ({"attributes": {str(n): "" for n in range(11)}}, "ValidationException"),
        ({"cpu_units": -1}, None),
        ({"memory_mib": "much"}, None),
        ({"name": "x" * 256}, None),
    ],
)
def test_machines_that_are_refused(endpoint: str, ssm: Any, changes: Any, code: str | None) -> None:
    """Nothing is counted for them."""
    made = activation(ssm)
    status, answer = ask(endpoint, made, **changes)
    assert (status, answer.get("code")) == (400, code)
    [row] = ssm.describe_activations()["ActivationList"]
    assert row["RegistrationsCount"] == 0


def test_an_activation_that_was_deleted_or_expired(endpoint: str, ssm: Any) -> None:
    """Neither lets a machine in; both say so alike to a wrong code."""
    deleted = activation(ssm)
    ssm.delete_activation(ActivationId=deleted[0])
    assert "was deleted" in ask(endpoint, deleted)[1]["message"]
    brief = activation(ssm, ExpirationDate=datetime.now(UTC) + timedelta(seconds=2))
    until(lambda: ssm.describe_activations()["ActivationList"][0]["Expired"], "it expires")
    assert "has expired" in ask(endpoint, brief)[1]["message"]
    assert "do not match" in ask(endpoint, (brief[0], "x" * 20))[1]["message"]


def test_machines_by_filter_and_page(endpoint: str, ssm: Any) -> None:
    made = activation(ssm, RegistrationLimit=7)
    machines = [join(endpoint, made, number, name=f"n{number}") for number in range(1, 8)]
    ssm.add_tags_to_resource(
        ResourceType="ManagedInstance", ResourceId=machines[2], Tags=[{"Key": "room", "Value": "3"}]
    )
    pages = ssm.get_paginator("describe_instance_information").paginate(PaginationConfig={"PageSize": 5})
    assert [row["InstanceId"] for page in pages for row in page["InstanceInformationList"]] == machines

    def found(**params: Any) -> list[str]:
        rows = ssm.describe_instance_information(**params)["InstanceInformationList"]
        return [row["InstanceId"] for row in rows]

    def by(key: str, *values: str) -> list[str]:
        return found(Filters=[{"Key": key, "Values": list(values)}])

    assert by("InstanceIds", machines[4], machines[1]) == [machines[1], machines[4]]
    assert by("tag:room", "3") == by("tag-key", "room") == [machines[2]]
    assert by("PingStatus", "Online") == []
    assert by("ActivationIds", made[0]) == by("ResourceType", "ManagedInstance") == machines
    assert found(InstanceInformationFilterList=[{"key": "IamRole", "valueSet": ["x"]}]) == []
    one = [{"Key": "InstanceIds", "Values": ["mi-00000000000000000"]}]
    assert refusal(ssm.describe_instance_information, Filters=one)[0] == "InvalidInstanceId"
    other = [{"Key": "Colour", "Values": ["red"]}]
    assert refusal(ssm.describe_instance_information, Filters=other)[0] == "InvalidFilterKey"


def test_tags_of_a_machine(endpoint: str, ssm: Any) -> None:
    machine = join(endpoint, activation(ssm))
    named = {"ResourceType": "ManagedInstance", "ResourceId": machine}
    ssm.add_tags_to_resource(**named, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    ssm.add_tags_to_resource(**named, Tags=[{"Key": "a", "Value": "3"}])
    ssm.remove_tags_from_resource(**named, TagKeys=["b", "c"])
    assert ssm.list_tags_for_resource(**named)["TagList"] == [{"Key": "a", "Value": "3"}]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert refusal(ssm.add_tags_to_resource, **named, Tags=many)[0] == "TooManyTagsError"
    wrong = {"ResourceType": "Document", "ResourceId": machine}
    assert refusal(ssm.list_tags_for_resource, **wrong)[0] == "InvalidResourceType"
    gone = {"ResourceType": "ManagedInstance", "ResourceId": "mi-00000000000000000"}
    assert refusal(ssm.list_tags_for_resource, **gone)[0] == "InvalidResourceId"


def test_a_machine_of_another_account(plane: Any, endpoint: str, ssm: Any) -> None:
    """It is not there, whatever is asked of it."""
    machine = join(endpoint, activation(ssm))
    stranger = plane.client("ssm", "999999999999")
    assert stranger.describe_instance_information()["InstanceInformationList"] == []
    assert refusal(stranger.deregister_managed_instance, InstanceId=machine)[0] == "InvalidInstanceId"
    assert refusal(stranger.delete_activation, ActivationId=NO_SUCH)[0] == "InvalidActivation"


def test_a_role_of_its_own(client: Client, endpoint: str, ssm: Any) -> None:
    """UpdateManagedInstanceRole: to a role that is there and trusts Systems Manager."""
    machine = join(endpoint, activation(ssm))
    client("iam").create_role(RoleName="second", AssumeRolePolicyDocument=json.dumps(TRUST))
    ssm.update_managed_instance_role(InstanceId=machine, IamRole="second")
    [shown] = ssm.describe_instance_information()["InstanceInformationList"]
    assert shown["IamRole"] == "second"
    assert (
        "Nonexistent role"
        in refusal(ssm.update_managed_instance_role, InstanceId=machine, IamRole="nobody")[1]
    )


def test_what_is_not_there_is_refused(ssm: Any) -> None:
    assert refusal(ssm.list_documents)[::2] == ("NotImplemented", 501)
