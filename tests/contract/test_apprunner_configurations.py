"""App Runner with boto3: what services refer to, and tags. Their own life: test_apprunner_services.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests import apprunner_build as build
from tests import batch_build

Client = Callable[..., Any]
IN_USE = "It's used by one or more services"


@pytest.fixture
def apprunner(client: Client) -> Any:
    return client("apprunner", parameter_validation=False)


def a_scaling(apprunner: Any, name: str = "busy", **members: Any) -> dict[str, Any]:
    made = apprunner.create_auto_scaling_configuration(AutoScalingConfigurationName=name, **members)
    return dict(made["AutoScalingConfiguration"])


def scaling_names(apprunner: Any, **asked: Any) -> list[tuple[str, int]]:
    listed = apprunner.list_auto_scaling_configurations(**asked)["AutoScalingConfigurationSummaryList"]
    return [(one["AutoScalingConfigurationName"], one["AutoScalingConfigurationRevision"]) for one in listed]


def a_service(apprunner: Any, name: str = "web-app", **members: Any) -> dict[str, Any]:
    members.setdefault("SourceConfiguration", build.an_image("sleep 1000"))
    return dict(apprunner.create_service(ServiceName=name, **members)["Service"])


def test_every_account_has_a_default_configuration(apprunner: Any, account: str) -> None:
    """100 requests, 1 to 25 instances; services get it, and it cannot be deleted."""
    [listed] = apprunner.list_auto_scaling_configurations()["AutoScalingConfigurationSummaryList"]
    assert listed["AutoScalingConfigurationName"] == "DefaultConfiguration"
    assert (listed["IsDefault"], listed["HasAssociatedService"]) == (True, False)
    arn = listed["AutoScalingConfigurationArn"]
    shown = apprunner.describe_auto_scaling_configuration(AutoScalingConfigurationArn=arn)
    found = shown["AutoScalingConfiguration"]
    assert (found["MaxConcurrency"], found["MinSize"], found["MaxSize"]) == (100, 1, 25)
    assert found["Latest"] is True
    used = a_service(apprunner)["AutoScalingConfigurationSummary"]
    assert (used["AutoScalingConfigurationArn"], used["HasAssociatedService"]) == (arn, True)
    apprunner.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "b"}])
    assert apprunner.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    with build.refused("InvalidRequestException", "default auto scaling configuration"):
        apprunner.delete_auto_scaling_configuration(AutoScalingConfigurationArn=arn)


def test_revisions_of_a_scaling_configuration(apprunner: Any) -> None:
    """Each create of a name is the next revision; a partial ARN means the newest that is active."""
    first = a_scaling(apprunner, MaxConcurrency=10, MinSize=2, MaxSize=4)
    assert (first["AutoScalingConfigurationRevision"], first["Latest"], first["Status"]) == (
        1,
        True,
        "ACTIVE",
    )
    second = a_scaling(apprunner, MaxConcurrency=20)
    assert (second["AutoScalingConfigurationRevision"], second["MinSize"], second["MaxSize"]) == (2, 1, 25)
    described = apprunner.describe_auto_scaling_configuration
    by_name = first["AutoScalingConfigurationArn"].rsplit("/", 2)[0]
    find = lambda arn: described(AutoScalingConfigurationArn=arn)["AutoScalingConfiguration"]  # noqa: E731
    assert find(by_name)["MaxConcurrency"] == 20
    assert find(f"{by_name}/1")["MaxConcurrency"] == 10
    assert find(first["AutoScalingConfigurationArn"])["Latest"] is False
    assert scaling_names(apprunner) == [("DefaultConfiguration", 1), ("busy", 2)]
    both = scaling_names(apprunner, AutoScalingConfigurationName="busy", LatestOnly=False)
    assert both == [("busy", 1), ("busy", 2)]
    gone = apprunner.delete_auto_scaling_configuration(AutoScalingConfigurationArn=by_name)
    found = gone["AutoScalingConfiguration"]
    assert (found["Status"], found["AutoScalingConfigurationRevision"]) == ("INACTIVE", 2)
    assert found["DeletedAt"] >= found["CreatedAt"]
    assert find(by_name)["AutoScalingConfigurationRevision"] == 1
    assert find(second["AutoScalingConfigurationArn"])["Status"] == "INACTIVE"
    assert a_scaling(apprunner)["AutoScalingConfigurationRevision"] == 3
    with build.refused("ResourceNotFoundException"):
        find(f"{by_name}/2")
    for _ in range(3):
        a_scaling(apprunner)
    with build.refused("ServiceQuotaExceededException", "at most 5 active revisions"):
        a_scaling(apprunner)
    with build.refused("InvalidRequestException", "must end with the name"):
        apprunner.delete_auto_scaling_configuration(
            AutoScalingConfigurationArn=f"{by_name}/1", DeleteAllRevisions=True
        )
    apprunner.delete_auto_scaling_configuration(AutoScalingConfigurationArn=by_name, DeleteAllRevisions=True)
    assert scaling_names(apprunner, LatestOnly=False) == [("DefaultConfiguration", 1)]
    assert a_scaling(apprunner)["AutoScalingConfigurationRevision"] == 7


def test_another_default_configuration(apprunner: Any) -> None:
    """New services get it; those there keep what they have."""
    first = a_service(apprunner, "first-app")
    small = a_scaling(apprunner, "small", MaxSize=2)
    arn = small["AutoScalingConfigurationArn"]
    made = apprunner.update_default_auto_scaling_configuration(
        AutoScalingConfigurationArn=arn.rsplit("/", 2)[0]
    )
    assert made["AutoScalingConfiguration"]["IsDefault"] is True
    second = a_service(apprunner, "second-app")
    assert second["AutoScalingConfigurationSummary"]["AutoScalingConfigurationArn"] == arn
    listed = apprunner.list_services_for_auto_scaling_configuration(AutoScalingConfigurationArn=arn)
    assert listed["ServiceArnList"] == [second["ServiceArn"]]
    shown = apprunner.describe_service(ServiceArn=first["ServiceArn"])["Service"]
    old = shown["AutoScalingConfigurationSummary"]
    assert (old["AutoScalingConfigurationName"], old["IsDefault"]) == ("DefaultConfiguration", False)
    apprunner.update_default_auto_scaling_configuration(
        AutoScalingConfigurationArn=old["AutoScalingConfigurationArn"]
    )
    with build.refused("InvalidRequestException", IN_USE):
        apprunner.delete_auto_scaling_configuration(AutoScalingConfigurationArn=arn)


def test_sizes_that_cannot_be(apprunner: Any) -> None:
    for members, why in (
        ({"MinSize": 3, "MaxSize": 2}, "MinSize"),
        ({"MaxConcurrency": 201}, "less than or equal to 200"),
        ({"MinSize": 26}, "less than or equal to 25"),
        ({"MaxSize": 0}, "greater than or equal to 1"),
    ):
        with build.refused("InvalidRequestException", why):
            a_scaling(apprunner, **members)
    for name in ("abc", "-name", "n" * 33, "na me"):
        with build.refused("InvalidRequestException"):
            a_scaling(apprunner, name)


def test_observability_configurations(apprunner: Any) -> None:
    """Revisions, as of auto scaling; stored with their trace configuration, in use by a service."""
    create = apprunner.create_observability_configuration
    trace = {"Vendor": "AWSXRAY"}
    made = create(ObservabilityConfigurationName="xray", TraceConfiguration=trace)
    first = made["ObservabilityConfiguration"]
    assert (first["TraceConfiguration"], first["Latest"], first["Status"]) == (trace, True, "ACTIVE")
    second = create(ObservabilityConfigurationName="xray")["ObservabilityConfiguration"]
    assert second["ObservabilityConfigurationRevision"] == 2
    listed = apprunner.list_observability_configurations(LatestOnly=False)
    assert [
        one["ObservabilityConfigurationRevision"] for one in listed["ObservabilityConfigurationSummaryList"]
    ] == [1, 2]
    name_only = first["ObservabilityConfigurationArn"].rsplit("/", 2)[0]
    on = {"ObservabilityEnabled": True, "ObservabilityConfigurationArn": name_only}
    service = a_service(apprunner, ObservabilityConfiguration=on)
    used = service["ObservabilityConfiguration"]["ObservabilityConfigurationArn"]
    assert used == second["ObservabilityConfigurationArn"]
    delete = apprunner.delete_observability_configuration
    with build.refused("InvalidRequestException", IN_USE):
        delete(ObservabilityConfigurationArn=name_only)
    gone = delete(ObservabilityConfigurationArn=f"{name_only}/1")["ObservabilityConfiguration"]
    assert gone["Status"] == "INACTIVE"
    shown = apprunner.describe_observability_configuration(
        ObservabilityConfigurationArn=first["ObservabilityConfigurationArn"]
    )
    assert shown["ObservabilityConfiguration"]["Status"] == "INACTIVE"
    with build.refused("InvalidRequestException", "reserved"):
        create(ObservabilityConfigurationName="DefaultConfiguration")
    with build.refused("InvalidRequestException", "inactive"):
        arn = first["ObservabilityConfigurationArn"]
        off = {"ObservabilityEnabled": True, "ObservabilityConfigurationArn": arn}
        a_service(apprunner, "other", ObservabilityConfiguration=off)


def test_connections(apprunner: Any) -> None:
    """AVAILABLE at once; one of a name; not deleted while a service uses it."""
    create = apprunner.create_connection
    made = create(ConnectionName="github", ProviderType="GITHUB")["Connection"]
    assert (made["Status"], made["ProviderType"]) == ("AVAILABLE", "GITHUB")
    create(ConnectionName="bucket", ProviderType="BITBUCKET")
    with build.refused("InvalidRequestException", "already exists: github"):
        create(ConnectionName="github", ProviderType="GITHUB")
    with build.refused("InvalidRequestException", "providerType"):
        create(ConnectionName="other", ProviderType="CVS")
    listed = apprunner.list_connections()["ConnectionSummaryList"]
    assert [one["ConnectionName"] for one in listed] == ["bucket", "github"]
    page = apprunner.list_connections(MaxResults=1)
    assert len(page["ConnectionSummaryList"]) == 1
    rest = apprunner.list_connections(MaxResults=1, NextToken=page["NextToken"])
    assert [one["ConnectionName"] for one in rest["ConnectionSummaryList"]] == ["github"]
    assert "NextToken" not in rest
    with build.refused("InvalidRequestException", "NextToken"):
        apprunner.list_connections(MaxResults=1, NextToken="mine")
    source = {
        **build.some_code("https://github.com/a/b"),
        "AuthenticationConfiguration": {"ConnectionArn": made["ConnectionArn"]},
    }
    a_service(apprunner, SourceConfiguration=source)
    with build.refused("InvalidRequestException", IN_USE):
        apprunner.delete_connection(ConnectionArn=made["ConnectionArn"])
    bucket = listed[0]["ConnectionArn"]
    assert apprunner.delete_connection(ConnectionArn=bucket)["Connection"]["Status"] == "DELETED"
    with build.refused("ResourceNotFoundException"):
        apprunner.delete_connection(ConnectionArn=bucket)


def test_vpc_connectors(apprunner: Any, client: Client) -> None:
    """Of subnets of one VPC; without security groups its default one."""
    network = batch_build.network(client("ec2"))
    create = apprunner.create_vpc_connector
    made = create(VpcConnectorName="inside", Subnets=network["subnets"])["VpcConnector"]
    assert (made["VpcConnectorRevision"], made["Status"]) == (1, "ACTIVE")
    assert made["SecurityGroups"][0].startswith("sg-")
    arn = made["VpcConnectorArn"]
    assert apprunner.describe_vpc_connector(VpcConnectorArn=arn)["VpcConnector"] == made
    with build.refused("InvalidRequestException", "already exists: inside"):
        create(VpcConnectorName="inside", Subnets=network["subnets"])
    with build.refused("InvalidRequestException", "subnet-0123456789abcdef0"):
        create(VpcConnectorName="other", Subnets=["subnet-0123456789abcdef0"])
    with build.refused("InvalidRequestException", "at least one subnet"):
        create(VpcConnectorName="other", Subnets=[])
    egress = {"EgressType": "VPC", "VpcConnectorArn": arn}
    service = a_service(apprunner, NetworkConfiguration={"EgressConfiguration": egress})
    assert service["NetworkConfiguration"]["EgressConfiguration"] == egress
    with build.refused("InvalidRequestException", IN_USE):
        apprunner.delete_vpc_connector(VpcConnectorArn=arn)
    second = create(VpcConnectorName="second", Subnets=network["subnets"])["VpcConnector"]
    gone = apprunner.delete_vpc_connector(VpcConnectorArn=second["VpcConnectorArn"])["VpcConnector"]
    assert gone["Status"] == "INACTIVE"
    listed = apprunner.list_vpc_connectors()["VpcConnectors"]
    assert [one["VpcConnectorName"] for one in listed] == ["inside"]
    with build.refused("InvalidRequestException", "isn't valid"):
        apprunner.describe_vpc_connector(VpcConnectorArn=arn.rsplit("/", 2)[0])


def test_tags(apprunner: Any) -> None:
    """Given with the resource, added, replaced, taken away."""
    made = a_scaling(apprunner, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    arn = made["AutoScalingConfigurationArn"]
    tags = apprunner.list_tags_for_resource
    assert tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    apprunner.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}])
    apprunner.untag_resource(ResourceArn=arn, TagKeys=["b", "c"])
    assert tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "2"}]
    with build.refused("InvalidRequestException", "given twice"):
        apprunner.tag_resource(ResourceArn=arn, Tags=[{"Key": "x"}, {"Key": "x"}])
    with build.refused("InvalidRequestException", "at most 50 tags"):
        apprunner.tag_resource(ResourceArn=arn, Tags=[{"Key": f"k{n}"} for n in range(50)])
    with build.refused("InvalidRequestException"):
        apprunner.tag_resource(ResourceArn=arn, Tags=[{"Key": "aws:mine"}])
    with build.refused("ResourceNotFoundException"):
        apprunner.tag_resource(ResourceArn=f"{arn[:-1]}x", Tags=[])
    with build.refused("InvalidRequestException", "isn't valid"):
        tags(ResourceArn=arn.replace("autoscaling", "something"))
