"""`--auth sigv4`: only signed requests of known keys, with AWS's error for each failure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.contract.raw import send
from tests.process import REGION, PlaneProcess, session

SERVICES = ["sqs", "ecs", "lambda", "sts", "iam", "events", "logs", "ec2"]
CALLS = {
    "sqs": "list_queues", "ecs": "list_clusters", "lambda": "list_functions", "sts": "get_caller_identity",
    "iam": "list_roles", "events": "list_rules", "logs": "describe_log_groups", "ec2": "describe_vpcs",
}  # fmt: skip


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaneProcess]:
    running = PlaneProcess(tmp_path_factory.mktemp("strict") / "data", "--auth", "sigv4").start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def root(strict: PlaneProcess) -> dict[str, str]:
    """The root credentials that the plane wrote beside its data, readable by its owner only."""
    path = strict.data / "root-credentials.json"
    assert path.stat().st_mode & 0o077 == 0
    found = json.loads(path.read_text())
    return {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
    }


@pytest.fixture
def make(strict: PlaneProcess) -> Callable[..., Any]:
    def client(service: str, **credentials: str) -> Any:
        return session().client(  # type: ignore[call-overload]
            service,
            endpoint_url=strict.endpoint,
            region_name=REGION,
            config=Config(retries={"max_attempts": 0}),
            **credentials,
        )

    return client


@pytest.mark.parametrize("service", SERVICES)
def test_signed_requests_pass(make: Callable[..., Any], root: dict[str, str], service: str) -> None:
    assert getattr(make(service, **root), CALLS[service])()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("service", "wrong_secret", "unknown_key"),
    [
        ("sqs", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        ("ecs", "InvalidSignatureException", "UnrecognizedClientException"),
        ("lambda", "InvalidSignatureException", "UnrecognizedClientException"),
        ("sts", "SignatureDoesNotMatch", "InvalidClientTokenId"),
        ("ec2", "AuthFailure", "AuthFailure"),
    ],
)
def test_wrong_secrets_and_unknown_keys(
    make: Callable[..., Any], root: dict[str, str], service: str, wrong_secret: str, unknown_key: str
) -> None:
    """Each family of services has its own codes."""
    with pytest.raises(ClientError) as caught:
        getattr(make(service, **root | {"aws_secret_access_key": "wrong"}), CALLS[service])()
    assert caught.value.response["Error"]["Code"] == wrong_secret
    with pytest.raises(ClientError) as caught:
        getattr(make(service, **root | {"aws_access_key_id": "AKIANOBODY"}), CALLS[service])()
    assert caught.value.response["Error"]["Code"] == unknown_key


def test_temporary_credentials_need_their_token(make: Callable[..., Any], root: dict[str, str]) -> None:
    """AssumeRole gives keys that work with their session token and not without."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    role = make("iam", **root).create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))
    answer = make("sts", **root).assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="session")[
        "Credentials"
    ]
    keys = {
        "aws_access_key_id": answer["AccessKeyId"],
        "aws_secret_access_key": answer["SecretAccessKey"],
    }
    identity = make("sts", **keys, aws_session_token=answer["SessionToken"]).get_caller_identity()
    assert identity["Arn"].endswith(":assumed-role/r/session")
    for token in ({}, {"aws_session_token": "wrong"}):
        with pytest.raises(ClientError) as caught:
            make("sts", **keys, **token).get_caller_identity()
        assert caught.value.response["Error"]["Code"] == "InvalidClientTokenId"


def test_unsigned_requests_are_refused(strict: PlaneProcess) -> None:
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    status, _, answer = send(strict.endpoint, "POST", "/", headers, body)
    assert status == 403
    assert b"MissingAuthenticationToken" in answer


def test_an_old_signature_is_refused(strict: PlaneProcess, root: dict[str, str]) -> None:
    """Signed well, in 2020."""
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("POST", strict.endpoint + "/", data=body)
    request.headers["Content-Type"] = "application/x-www-form-urlencoded"
    signer = SigV4Auth(Credentials(root["aws_access_key_id"], root["aws_secret_access_key"]), "sts", REGION)
    request.context["timestamp"] = "20200101T000000Z"
    request.headers["X-Amz-Date"] = "20200101T000000Z"
    canonical = signer.canonical_request(request)
    string_to_sign = signer.string_to_sign(request, canonical)
    signer._inject_signature_to_request(request, signer.signature(string_to_sign, request))
    status, _, answer = send(strict.endpoint, "POST", "/", dict(request.headers.items()), body)
    assert status == 403
    assert b"Signature expired" in answer


def test_open_is_refused_beyond_loopback() -> None:
    """`--host 0.0.0.0` needs `--auth sigv4`; one line says so."""
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "windlass", "up", "--host", "0.0.0.0", "--data", "memory"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "sigv4" in done.stderr
