"""Certificate Manager over the wire: imported certificates, and load balancers that use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.certificate_build import a_certificate

Client = Callable[..., Any]


@pytest.fixture
def acm(client: Client) -> Any:
    return client("acm")


def imported(acm: Any, *names: str, **more: Any) -> str:
    made = a_certificate(*(names or ("web.example", "*.web.example")))
    asked = {"Certificate": made.certificate.encode(), "PrivateKey": made.key.encode(), **more}
    return str(acm.import_certificate(**asked)["CertificateArn"])


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_certificate_lives_and_dies(acm: Any) -> None:
    arn = imported(acm, Tags=[{"Key": "a", "Value": "b"}])
    shown = acm.describe_certificate(CertificateArn=arn)["Certificate"]
    assert (shown["DomainName"], shown["Status"], shown["Type"]) == ("web.example", "ISSUED", "IMPORTED")
    assert shown["SubjectAlternativeNames"] == ["web.example", "*.web.example"]
    assert (shown["KeyAlgorithm"], shown["SignatureAlgorithm"]) == ("EC_prime256v1", "SHA256WITHECDSA")
    got = acm.get_certificate(CertificateArn=arn)
    assert got["Certificate"] == a_certificate("web.example", "*.web.example").certificate
    assert imported(acm, "new.example", CertificateArn=arn) == arn
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainName"] == "new.example"
    acm.add_tags_to_certificate(CertificateArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    removed = [{"Key": "a"}, {"Key": "c", "Value": "other"}]
    acm.remove_tags_from_certificate(CertificateArn=arn, Tags=removed)
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    acm.delete_certificate(CertificateArn=arn)
    with pytest.raises(ClientError) as caught:
        acm.describe_certificate(CertificateArn=arn)
    assert code(caught) == "ResourceNotFoundException"


def test_pages_and_filters(acm: Any) -> None:
    arns = [imported(acm) for _ in range(3)]
    pages = acm.get_paginator("list_certificates").paginate(PaginationConfig={"PageSize": 2})
    listed = [one["CertificateArn"] for one in pages.search("CertificateSummaryList[]")]
    assert sorted(listed) == sorted(arns)
    assert acm.list_certificates(CertificateStatuses=["EXPIRED"])["CertificateSummaryList"] == []
    assert acm.list_certificates(Includes={"keyTypes": ["RSA_2048"]})["CertificateSummaryList"] == []


def test_what_cannot_be_imported(acm: Any) -> None:
    other = a_certificate("other.example").key.encode()
    for wrong in ({"PrivateKey": other}, {"Certificate": b"no"}, {"CertificateChain": "ü".encode()}):
        with pytest.raises(ClientError) as caught:
            imported(acm, **wrong)
        assert code(caught) == "ValidationException"
    for arn, expected in (
        ("arn:aws:acm:x:1:no/1", "InvalidArn"),
        (imported(acm)[:-4] + "0000", "ResourceNot"),
    ):
        with pytest.raises(ClientError) as caught:
            acm.get_certificate(CertificateArn=arn)
        assert code(caught).startswith(expected)


def test_what_a_listener_uses_stays(acm: Any, client: Client) -> None:
    elb, subnets = client("elbv2"), client("ec2").describe_subnets()["Subnets"]
    zones = sorted({one["AvailabilityZone"]: one["SubnetId"] for one in subnets}.values())[:2]
    balancer = elb.create_load_balancer(Name="web", Subnets=zones)["LoadBalancers"][0]["LoadBalancerArn"]
    arn = imported(acm)
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    of = {"LoadBalancerArn": balancer, "Protocol": "HTTPS", "Port": 8443}
    elb.create_listener(**of, Certificates=[{"CertificateArn": arn}], DefaultActions=[fixed])
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"] == [balancer]
    with pytest.raises(ClientError) as caught:
        acm.delete_certificate(CertificateArn=arn)
    assert code(caught) == "ResourceInUseException"
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    acm.delete_certificate(CertificateArn=arn)
