"""The front with input that no SDK sends: every answer is one that an SDK can read."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import botocore.exceptions
import pytest

from tests.contract.raw import authorization, send, send_json
from tests.fault.waiting import until
from tests.process import PlaneProcess

ECS = "AmazonEC2ContainerServiceV20141113"


@pytest.mark.parametrize(
    ("service", "target", "version", "body", "status", "code"),
    [
        ("ecs", f"{ECS}.NoSuchThing", "1.1", b"{}", 400, "UnknownOperationException"),
        ("ecs", f"{ECS}.RunTask", "1.1", b"{", 400, "SerializationException"),
        ("ecs", f"{ECS}.RunTask", "1.1", b"[1]", 400, "SerializationException"),
        ("ecs", f"{ECS}.RunTask", "1.1", b'{"count": "ten"}', 400, "SerializationException"),
        ("ecs", f"{ECS}.RunTask", "1.1", b'{"count": ' + b"[" * 5000, 400, "SerializationException"),
        ("ecs", f"{ECS}.RunTask", "1.1", b"\xff\xfe\x00", 400, "SerializationException"),
        ("ecs", f"{ECS}.RunTask", "1.1", b"{}", 400, "InvalidParameterException"),
        ("ecs", f"{ECS}.CreateDaemon", "1.1", b"{}", 501, "NotImplemented"),
        ("sqs", "AmazonSQS.SendMessage", "1.0", b'{"QueueUrl": 5}', 400, "SerializationException"),
        ("sqs", "AmazonSQS.SendMessage", "1.0", b"", 400, "MissingRequiredParameterException"),
        ("dynamodb", "DynamoDB_20120810.ListTables", "1.0", b"{}", 501, "NotImplemented"),
        ("nothing", "Nothing_2020.Do", "1.1", b"{}", 400, "UnknownOperationException"),
    ],
)  # fmt: skip
def test_json_requests_that_are_wrong(
    endpoint: str, account: str, service: str, target: str, version: str, body: bytes, status: int, code: str
) -> None:
    """Unknown operations, malformed JSON, wrong types, missing parameters: AWS's code for each."""
    got, answer = send_json(endpoint, account, service, target, body, version)
    assert (got, answer["__type"].split("#")[-1]) == (status, code), answer


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/", b"Action=Nothing&Version=2010-05-08", 400, "InvalidAction"),
        ("/", b"Action=GetRole&Version=2010-05-08", 400, "ValidationError"),
        ("/", b"Action=GetRole&Version=2010-05-08&RoleName=%zz%00", 400, "ValidationError"),
        ("/", b"Action=GetRole&Version=2010-05-08&RoleName=nobody", 404, "NoSuchEntity"),
    ],
)
def test_query_requests_that_are_wrong(
    endpoint: str, account: str, path: str, body: bytes, status: int, code: str
) -> None:
    """Query services answer XML with a Code, whatever is wrong."""
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "Authorization": authorization(account, "iam", "us-east-1"),
    }
    got, _, answer = send(endpoint, "POST", path, headers, body)
    assert got == status, answer
    assert f"<Code>{code}</Code>".encode() in answer


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("GET", "/2015-03-31/functions/nobody", b"", 404, "ResourceNotFoundException"),
        ("GET", "/2015-03-31/nothing", b"", 404, "UnknownOperationException"),
        ("POST", "/2015-03-31/functions", b"{", 400, "SerializationException"),
        ("POST", "/2015-03-31/functions", b'{"FunctionName": 5}', 400, "SerializationException"),
        ("POST", "/2015-03-31/functions", b"{}", 400, "ValidationException"),
        ("GET", "/2015-03-31/functions/%2e%2e%2f%00", b"", 400, "ValidationException"),
    ],
)
def test_rest_requests_that_are_wrong(
    endpoint: str, account: str, method: str, path: str, body: bytes, status: int, error: str
) -> None:
    """REST services name the error in a header."""
    headers = {"Authorization": authorization(account, "lambda"), "Content-Type": "application/json"}
    got, answer, text = send(endpoint, method, path, headers, body)
    assert (got, answer.get("x-amzn-errortype", "").split(":")[0]) == (status, error), text


def test_cbor_that_is_wrong(endpoint: str, account: str) -> None:
    """A service that speaks CBOR to nobody here still answers CBOR clients in CBOR."""
    import cbor2

    headers = {
        "smithy-protocol": "rpc-v2-cbor",
        "Content-Type": "application/cbor",
        "Authorization": authorization(account, "sqs"),
    }
    status, got, body = send(
        endpoint, "POST", "/service/AmazonSQS/operation/SendMessage", headers, b"\xbf\x61\xff\xff"
    )
    assert status == 400
    assert got["smithy-protocol"] == "rpc-v2-cbor"
    assert "SerializationException" in cbor2.loads(body)["__type"]


def test_a_gzip_bomb_is_refused(endpoint: str, account: str) -> None:
    """200 MB of zeros in 200 KB."""
    bomb = gzip.compress(b'{"a": "' + bytes(200_000_000) + b'"}')
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.ListQueues",
        "Content-Encoding": "gzip",
        "Authorization": authorization(account, "sqs"),
    }
    status, _, _ = send(endpoint, "POST", "/", headers, bomb)
    assert status == 413


def test_a_body_that_is_too_large_is_not_read(endpoint: str) -> None:
    """The length alone is enough to refuse."""
    url = urlsplit(endpoint)
    with socket.create_connection((url.hostname or "", url.port or 0), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_clients_that_leave_in_mid_request_disturb_nobody(endpoint: str, client: Callable[..., Any]) -> None:
    """Half a head, half a body, a head that never ends: the next client is served."""
    url = urlsplit(endpoint)
    for sent in (
        b"POST / HT",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"\x00\xff" * 500,
    ):
        with socket.create_connection((url.hostname or "", url.port or 0), timeout=10) as connection:
            connection.sendall(sent)
    assert client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_requests_of_foreign_pages_are_refused(endpoint: str) -> None:
    """A web page of another site may not start functions here."""
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    status, _, _ = send(endpoint, "POST", "/2015-03-31/functions", headers, b"{}")
    assert status == 403


def test_admin_requests_that_change_something_need_the_header(endpoint: str) -> None:
    assert send(endpoint, "POST", "/_windlass/reset")[0] == 403
    status, _, body = send(endpoint, "POST", "/_windlass/reset", {"x-windlass": "1"})
    assert status == 403
    assert b"--allow-reset" in body
    assert send(endpoint, "GET", "/_windlass/nothing")[0] == 404


def test_health_says_ready(endpoint: str) -> None:
    status, _, body = send(endpoint, "GET", "/_windlass/health")
    assert status == 200
    assert json.loads(body)["status"] == "ready"


def test_a_client_that_leaves_takes_no_message(
    plane: PlaneProcess, client: Callable[..., Any], account: str
) -> None:
    """1. A long poll is parked. 2. Its client goes. 3. A message comes. 4. The next receive gets it."""
    sqs = client("sqs")
    queue = sqs.create_queue(QueueName="left")["QueueUrl"]
    url = urlsplit(plane.endpoint)
    body = json.dumps({"QueueUrl": queue, "WaitTimeSeconds": 20}).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: AmazonSQS.ReceiveMessage\r\nAuthorization: {authorization(account, 'sqs')}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connections = [
        socket.create_connection((url.hostname or "", url.port or 0), timeout=10) for _ in range(5)
    ]
    for connection in connections:
        connection.sendall(head.encode() + body)
    until(lambda: calls_waiting(plane) == 5, "five polls are parked")
    for connection in connections:
        connection.close()
    until(lambda: calls_waiting(plane) == 0, "the plane has noticed that they are gone")
    sqs.send_message(QueueUrl=queue, MessageBody="for who is there")
    got = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert [message["Body"] for message in got] == ["for who is there"]


def calls_waiting(plane: PlaneProcess) -> int:
    """How many calls only wait, on the whole plane."""
    status = json.loads(send(plane.endpoint, "GET", "/_windlass/status")[2])
    return int(status["calls_waiting"])


def test_two_accounts_see_nothing_of_each_other(plane: PlaneProcess, account: str) -> None:
    """The same name in two accounts and two Regions is three queues."""
    other = str(int(account) + 500_000)
    clients = [
        plane.client("sqs", account),
        plane.client("sqs", other),
        plane.client("sqs", account, region="us-west-2"),
    ]
    for number, sqs in enumerate(clients):
        queue = sqs.create_queue(QueueName="same")["QueueUrl"]
        for _ in range(number + 1):
            sqs.send_message(QueueUrl=queue, MessageBody="x")
    counts = [
        sqs.get_queue_attributes(
            QueueUrl=sqs.get_queue_url(QueueName="same")["QueueUrl"],
            AttributeNames=["ApproximateNumberOfMessages"],
        )["Attributes"]["ApproximateNumberOfMessages"]
        for sqs in clients
    ]
    assert counts == ["1", "2", "3"]


def test_many_clients_at_once(plane: PlaneProcess, account: str) -> None:
    """Twenty threads with clients of their own: every call is answered."""
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            sqs = plane.client("sqs", account)
            queue = sqs.create_queue(QueueName=f"many-{number}")["QueueUrl"]
            for _ in range(5):
                sqs.send_message(QueueUrl=queue, MessageBody="x")
        except botocore.exceptions.ClientError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(plane.client("sqs", account).list_queues(QueueNamePrefix="many-")["QueueUrls"]) == 20
