"""Server certificates of IAM: kept, shown without their keys, used by load balancers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.certificate_build import a_certificate

Client = Callable[..., Any]


@pytest.fixture
def iam(client: Client) -> Any:
    return client("iam")


def upload(iam: Any, name: str = "web", **more: Any) -> str:
    made = a_certificate("web.example", "*.web.example")
    asked = {"CertificateBody": made.certificate, "PrivateKey": made.key, **more}
    answer = iam.upload_server_certificate(ServerCertificateName=name, **asked)
    return str(answer["ServerCertificateMetadata"]["Arn"])


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_certificate_is_kept(iam: Any) -> None:
    arn = upload(iam, Path="/cloudfront/", Tags=[{"Key": "a", "Value": "b"}])
    assert arn.endswith(":server-certificate/cloudfront/web")
    shown = iam.get_server_certificate(ServerCertificateName="web")["ServerCertificate"]
    assert "BEGIN CERTIFICATE" in shown["CertificateBody"]
    assert "PRIVATE" not in str(shown)
    assert shown["ServerCertificateMetadata"]["Expiration"] > shown["ServerCertificateMetadata"]["UploadDate"]
    iam.tag_server_certificate(ServerCertificateName="web", Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_server_certificate(ServerCertificateName="web", TagKeys=["a"])
    assert iam.list_server_certificate_tags(ServerCertificateName="web")["Tags"] == [
        {"Key": "c", "Value": "d"}
    ]
    iam.update_server_certificate(ServerCertificateName="web", NewServerCertificateName="site", NewPath="/")
    listed = iam.list_server_certificates()["ServerCertificateMetadataList"]
    assert [one["ServerCertificateName"] for one in listed] == ["site"]
    iam.delete_server_certificate(ServerCertificateName="site")
    with pytest.raises(ClientError) as caught:
        iam.get_server_certificate(ServerCertificateName="site")
    assert code(caught) == "NoSuchEntity"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"CertificateBody": "no"}, "MalformedCertificate"),
        ({"PrivateKey": "no"}, "MalformedCertificate"),
        ({"CertificateChain": "no"}, "MalformedCertificate"),
        ({"PrivateKey": a_certificate("other.example").key}, "KeyPairMismatch"),
    ],
)
def test_what_is_no_certificate(iam: Any, asked: Any, expected: str) -> None:
    with pytest.raises(ClientError) as caught:
        upload(iam, **asked)
    assert code(caught) == expected


def test_a_name_is_taken_once(iam: Any) -> None:
    upload(iam)
    with pytest.raises(ClientError) as caught:
        upload(iam, "WEB")
    assert code(caught) == "EntityAlreadyExists"


def test_listeners_have_certificates(iam: Any, client: Client) -> None:
    """One by default and others by name; what is used is not deleted."""
    elb, subnets = client("elbv2"), client("ec2").describe_subnets()["Subnets"]
    zones = sorted({one["AvailabilityZone"]: one["SubnetId"] for one in subnets}.values())[:2]
    balancer = elb.create_load_balancer(Name="web", Subnets=zones)["LoadBalancers"][0]["LoadBalancerArn"]
    first, second = upload(iam), upload(iam, "second")
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    listener = elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": first}],
        DefaultActions=[fixed],
    )["Listeners"][0]
    assert listener["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    arn = listener["ListenerArn"]
    elb.add_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": second}])
    shown = elb.describe_listener_certificates(ListenerArn=arn)["Certificates"]
    assert [(one["CertificateArn"], one["IsDefault"]) for one in shown] == [(first, True), (second, False)]
    for name in ("web", "second"):
        with pytest.raises(ClientError) as caught:
            iam.delete_server_certificate(ServerCertificateName=name)
        assert code(caught) == "DeleteConflict"
    elb.remove_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": second}])
    iam.delete_server_certificate(ServerCertificateName="second")
    with pytest.raises(ClientError) as caught:
        elb.remove_listener_certificates(ListenerArn=arn, Certificates=[{"CertificateArn": first}])
    assert code(caught) == "OperationNotPermitted"
    elb.modify_listener(ListenerArn=arn, Protocol="HTTP", Port=80)
    iam.delete_server_certificate(ServerCertificateName="web")
