"""Service Quotas with boto3: what holds, requests that are granted, and that they hold where it matters."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.process import PlaneProcess

CLUSTERS = {"ServiceCode": "ecs", "QuotaCode": "L-21C621EB"}
VPCS = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}
CONCURRENT = {"ServiceCode": "lambda", "QuotaCode": "L-B99A9384"}
UNLIMITED = 1e10


@pytest.fixture
def quotas(client: Callable[..., Any]) -> Any:
    return client("service-quotas")


def refusal(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**params)
    return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]


def test_a_quota_as_aws_shows_it(quotas: Any, account: str) -> None:
    """The local profile limits concurrent executions, and says so."""
    assert quotas.get_service_quota(**CONCURRENT)["Quota"] == {
        "ServiceCode": "lambda",
        "ServiceName": "AWS Lambda",
        "QuotaArn": f"arn:aws:servicequotas:eu-west-1:{account}:lambda/L-B99A9384",
        "QuotaCode": "L-B99A9384",
        "QuotaName": "Concurrent executions",
        "Value": 1000.0,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
        "Description": "lambda.concurrent_executions in the profile of Windlass",
    }
    default = quotas.get_aws_default_service_quota(**CONCURRENT)["Quota"]
    assert default["QuotaArn"] == "arn:aws:servicequotas:eu-west-1::lambda/L-B99A9384"


def test_what_the_profile_does_not_limit_is_the_largest_number(quotas: Any) -> None:
    """And cannot be raised any more."""
    shown = quotas.get_service_quota(**CLUSTERS)["Quota"]
    assert (shown["Value"], shown["Adjustable"]) == (UNLIMITED, False)
    assert shown["Description"].endswith("the profile sets no limit")
    refused = refusal(quotas.request_service_quota_increase, **CLUSTERS, DesiredValue=20_000)
    assert refused[0] == "IllegalArgumentException"


def test_services_and_quotas_by_page(quotas: Any) -> None:
    services = quotas.get_paginator("list_services").paginate(PaginationConfig={"PageSize": 2})
    codes = [service["ServiceCode"] for page in services for service in page["Services"]]
    assert {"ecs", "fargate", "vpc"} <= set(codes)
    assert codes == sorted(codes)
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        whole = getattr(quotas, operation)(ServiceCode="ecs")["Quotas"]
        pages = quotas.get_paginator(operation).paginate(ServiceCode="ecs", PaginationConfig={"PageSize": 7})
        by_page = [quota["QuotaCode"] for page in pages for quota in page["Quotas"]]
        assert by_page == [quota["QuotaCode"] for quota in whole]
        assert len(set(by_page)) == len(by_page) > 14
    one = quotas.list_service_quotas(ServiceCode="ecs", QuotaCode="L-21C621EB")["Quotas"]
    assert [quota["QuotaName"] for quota in one] == ["Clusters per account"]
    assert quotas.list_service_quotas(ServiceCode="ecs", QuotaAppliedAtLevel="RESOURCE")["Quotas"] == []


def test_an_increase_is_granted_and_told(quotas: Any, account: str) -> None:
    """1. Asked for. 2. In force. 3. The default stays. 4. In the history, newest first."""
    asked = quotas.request_service_quota_increase(**CONCURRENT, DesiredValue=1500)["RequestedQuota"]
    assert (asked["Status"], asked["DesiredValue"], asked["QuotaName"]) == (
        "APPROVED",
        1500,
        "Concurrent executions",
    )
    assert json.loads(asked["Requester"])["accountId"] == account
    assert quotas.get_service_quota(**CONCURRENT)["Quota"]["Value"] == 1500
    assert quotas.get_aws_default_service_quota(**CONCURRENT)["Quota"]["Value"] == 1000
    again = quotas.request_service_quota_increase(**CONCURRENT, DesiredValue=2000)["RequestedQuota"]
    assert quotas.get_requested_service_quota_change(RequestId=asked["Id"])["RequestedQuota"] == asked
    history = [again, asked]
    assert quotas.list_requested_service_quota_change_history()["RequestedQuotas"] == history
    by_service = quotas.list_requested_service_quota_change_history(ServiceCode="lambda", Status="APPROVED")
    assert by_service["RequestedQuotas"] == history
    by_quota = quotas.get_paginator("list_requested_service_quota_change_history_by_quota")
    pages = by_quota.paginate(**CONCURRENT, PaginationConfig={"PageSize": 1})
    assert [row for page in pages for row in page["RequestedQuotas"]] == history
    assert quotas.list_requested_service_quota_change_history(ServiceCode="ecs")["RequestedQuotas"] == []
    assert quotas.list_requested_service_quota_change_history(Status="PENDING")["RequestedQuotas"] == []


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("list_service_quotas", {"ServiceCode": "teapots"}, "NoSuchResourceException"),
        ("get_service_quota", {"ServiceCode": "ecs", "QuotaCode": "L-00000000"}, "NoSuchResourceException"),
        ("get_service_quota", {**CLUSTERS, "ContextId": "arn:aws:ecs:::x"}, "IllegalArgumentException"),
        ("get_service_quota", {"ServiceCode": "ecs", "QuotaCode": "?"}, "IllegalArgumentException"),
        ("get_requested_service_quota_change", {"RequestId": "no-such-request"}, "NoSuchResourceException"),
        ("list_services", {"NextToken": "AAAA"}, "InvalidPaginationTokenException"),
        ("list_services", {"MaxResults": 0}, "IllegalArgumentException"),
        ("request_service_quota_increase", {**CONCURRENT, "DesiredValue": 1000}, "IllegalArgumentException"),
        (
            "request_service_quota_increase",
            {**CONCURRENT, "DesiredValue": 1e10 + 1},
            "IllegalArgumentException",
        ),
        (
            "request_service_quota_increase",
            {**CONCURRENT, "DesiredValue": 1000.5},
            "IllegalArgumentException",
        ),
    ],
)
def test_refusals(client: Callable[..., Any], operation: str, params: dict[str, Any], code: str) -> None:
    unchecked = client("service-quotas", parameter_validation=False)
    assert refusal(getattr(unchecked, operation), **params)[0] == code


def test_another_account_sees_nothing_of_it(quotas: Any, plane: PlaneProcess) -> None:
    asked = quotas.request_service_quota_increase(**CONCURRENT, DesiredValue=1500)["RequestedQuota"]
    stranger = plane.client("service-quotas", "999999999999")
    assert stranger.get_service_quota(**CONCURRENT)["Quota"]["Value"] == 1000
    assert stranger.list_requested_service_quota_change_history()["RequestedQuotas"] == []
    refused = refusal(stranger.get_requested_service_quota_change, RequestId=asked["Id"])
    assert refused[0] == "NoSuchResourceException"


def test_grants_hold_where_it_matters_and_survive_a_kill(own_plane: Callable[..., PlaneProcess]) -> None:
    """1. No sixth VPC, and 21 clusters in a burst. 2. Raised: both work, for this account. 3.

    After a kill too.
    """
    plane = own_plane("--profile", "aws", "--no-agent")
    one, other = "111111111111", "222222222222"

    def create(account: str, count: int) -> list[str]:
        ec2 = plane.client("ec2", account)
        return [ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(count)]

    for account in (one, other):
        create(account, 4)  # with the default VPC, five
        assert (
            refusal(plane.client("ec2", account).create_vpc, CidrBlock="10.0.0.0/16")[0] == "VpcLimitExceeded"
        )
    mine = plane.client("service-quotas", one)
    mine.request_service_quota_increase(**VPCS, DesiredValue=7)
    burst = {"ServiceCode": "ecs", "QuotaCode": "W-ecs-cluster-modify-burst"}
    mine.request_service_quota_increase(**burst, DesiredValue=60)
    assert len(create(one, 1)) == 1
    assert refusal(plane.client("ec2", other).create_vpc, CidrBlock="10.0.0.0/16")[0] == "VpcLimitExceeded"
    plane.kill()
    plane.start()
    assert len(create(one, 1)) == 1
    assert refusal(plane.client("ec2", one).create_vpc, CidrBlock="10.0.0.0/16")[0] == "VpcLimitExceeded"
    for account, most in ((one, 60), (other, 20)):
        ecs = plane.client("ecs", account)
        for number in range(most):
            ecs.create_cluster(clusterName=f"c{number}")
        assert any(_throttled(ecs) for _ in range(40))


def _throttled(ecs: Any) -> bool:
    """Whether the next CreateCluster is: tokens come in meanwhile, one a second."""
    try:
        ecs.create_cluster(clusterName="one-more")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ThrottlingException"
        return True
    return False


def test_a_default_stays_what_it_was(quotas: Any) -> None:
    """GetAWSDefaultServiceQuota shows what holds for who has asked for nothing."""
    quotas.request_service_quota_increase(**CONCURRENT, DesiredValue=1_500)
    assert quotas.get_service_quota(**CONCURRENT)["Quota"]["Value"] == 1_500
    assert quotas.get_aws_default_service_quota(**CONCURRENT)["Quota"]["Value"] == 1_000
