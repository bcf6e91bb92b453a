"""Requests as the SDKs of other languages put them on the wire: their headers and framing, byte by byte."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import cbor2
import pytest

from tests.contract.raw import authorization
from tests.process import PlaneProcess

WAIT_S = 10.0
GO = {
    "User-Agent": "aws-sdk-go-v2/1.41.0 ua/2.1 os/linux lang/go#1.25.1 md/GOOS#linux api/sqs#1.42.5 m/E,e",
    "Accept-Encoding": "identity",
    "Amz-Sdk-Invocation-Id": "6d0f8a4a-2d69-4b52-8f68-0b6a2f5c0a53",
    "Amz-Sdk-Request": "attempt=1; max=3",
    "X-Amz-Date": "20260101T000000Z",
}
JAVA = {
    "amz-sdk-invocation-id": "bb2f5a84-0b26-f1a1-3a85-a6c2b9f2a0de",
    "amz-sdk-request": "attempt=1; max=4",
    "amz-sdk-retry": "0/0/500",
    "User-Agent": "aws-sdk-java/2.31.9 md/io#async md/http#NettyNio ua/2.1 os/Linux lang/java#21.0.2 m/D,N",
    "X-Amz-Date": "20260101T000000Z",
}
RUST = {"x-amz-user-agent": "aws-sdk-rust/1.3.9 os/linux lang/rust/1.88.0", "accept-encoding": "gzip"}
FORM = "application/x-www-form-urlencoded"


class Wire:
    """One connection. `send` writes bytes as they are; `answer` reads the next response."""

    def __init__(self, endpoint: str, account: str) -> None:
        url = urlsplit(endpoint)
        self.host = url.netloc
        self.account = account
        self._socket = socket.create_connection((url.hostname or "", url.port or 0), timeout=WAIT_S)
        self._file: BinaryIO = self._socket.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def request(
        self, service: str, headers: dict[str, str], body: bytes = b"", line: str = "POST / HTTP/1.1"
    ) -> bytes:
        """A request's bytes; Host, Authorization and Content-Length are added unless `headers` has them."""
        given = {name.lower() for name in headers}
        length = {} if "transfer-encoding" in given else {"Content-Length": str(len(body))}
        added = {"Host": self.host, "Authorization": authorization(self.account, service)} | length
        all_headers = {name: value for name, value in added.items() if name.lower() not in given} | headers
        head = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
        return f"{line}\r\n{head}\r\n".encode() + body

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """(status, headers with lower-case names, body); a chunked body is joined."""
        status = int(self._file.readline().split()[1])
        headers: dict[str, str] = {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, b"".join(self._chunks())
        return status, headers, self._file.read(int(headers.get("content-length", "0")))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._file.readline(), 16):
            yield self._file.read(size)
            self._file.readline()
        self._file.readline()

    def ended(self) -> bool:
        """Whether the plane has closed the connection."""
        return self._file.read(1) == b""


@pytest.fixture
def wire(endpoint: str, account: str) -> Iterator[Wire]:
    made = Wire(endpoint, account)
    yield made
    made.close()


def sqs(operation: str) -> dict[str, str]:
    return {"X-Amz-Target": f"AmazonSQS.{operation}", "Content-Type": "application/x-amz-json-1.0"}


def lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def upper(headers: dict[str, str]) -> dict[str, str]:
    return {name.upper(): value for name, value in headers.items()}


CREATE = sqs("CreateQueue")
WITH_CHARSET = CREATE | {"Content-Type": "application/x-amz-json-1.0; charset=utf-8"}


@pytest.mark.parametrize(
    "headers",
    [GO | CREATE, JAVA | CREATE, RUST | CREATE, lower(GO | CREATE), upper(JAVA | CREATE), WITH_CHARSET,
     CREATE | {"Connection": "Keep-Alive", "Expect": "100-continue"}, CREATE | {"X-Amzn-Query-Mode": "true"}],
    ids=["go", "java", "rust", "lower", "upper", "charset", "php", "query-mode"],
)  # fmt: skip
def test_headers_of_the_sdks(wire: Wire, endpoint: str, headers: dict[str, str]) -> None:
    """Extra headers, any case, a charset: the same answer, which is never compressed."""
    wire.send(wire.request("sqs", headers, b'{"QueueName":"jobs"}'))
    status, got, body = wire.answer()
    if status == 100:
        status, got, body = wire.answer()
    assert status == 200, body
    assert json.loads(body) == {"QueueUrl": f"{endpoint}/{wire.account}/jobs"}
    assert "content-encoding" not in got and got["x-amzn-requestid"]


@pytest.mark.parametrize(
    "line",
    ["POST / HTTP/1.1", "POST // HTTP/1.1", "POST /?x HTTP/1.1", "POST {endpoint}/ HTTP/1.1"],
)  # fmt: skip
def test_request_targets_of_json_services(wire: Wire, endpoint: str, line: str) -> None:
    """The path says nothing where X-Amz-Target does; proxies send the whole URL (RFC 9112, 3.2.2)."""
    wire.send(wire.request("sqs", sqs("ListQueues"), b"{}", line.format(endpoint=endpoint)))
    status, _, body = wire.answer()
    assert (status, json.loads(body)) == (200, {})


@pytest.mark.parametrize(
    "target",
    ["/2015-03-31/functions", "/2015-03-31/functions/", "/2015-03-31/functions/?MaxItems=5",
     "{endpoint}/2015-03-31/functions/"],
)  # fmt: skip
def test_request_targets_of_rest_services(wire: Wire, endpoint: str, target: str) -> None:
    """With and without the trailing slash, and as a whole URL."""
    wire.send(wire.request("lambda", GO, b"", f"GET {target.format(endpoint=endpoint)} HTTP/1.1"))
    status, _, body = wire.answer()
    assert (status, json.loads(body)) == (200, {"Functions": []})


def test_a_body_in_chunks_without_a_length(wire: Wire) -> None:
    """Streams of unknown length: chunks that cut a character in two, then a trailer."""
    body = '{"QueueName":"jobs","tags":{"k":"é"}}'.encode()
    cut = body.index(b"\xa9")
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:cut], body[cut:]))
    headers = CREATE | {"Transfer-Encoding": "chunked"}
    wire.send(wire.request("sqs", headers, pieces + b"0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n"))
    assert wire.answer()[0] == 200
    wire.send(wire.request("sqs", sqs("ListQueues"), b"{}"))
    assert len(json.loads(wire.answer()[2])["QueueUrls"]) == 1


def test_a_client_that_waits_for_100_continue(wire: Wire) -> None:
    """Java's and curl's way with bodies: the head first, the body only when the plane asks for it."""
    body = b'{"QueueName":"jobs"}'
    headers = CREATE | {"Expect": "100-continue", "Content-Length": str(len(body))}
    wire.send(wire.request("sqs", headers))
    assert wire.answer()[0] == 100
    wire.send(body)
    assert wire.answer()[0] == 200


def test_many_requests_on_one_connection(wire: Wire) -> None:
    """Keep-alive, also after errors: of the caller, of routing, and of what is not there."""
    for operation, status in [
        ("ListQueues", 200),
        ("GetQueueUrl", 400),
        ("Nothing", 400),
        ("ListQueues", 200),
    ]:
        wire.send(wire.request("sqs", sqs(operation), b'{"QueueName":"nobody"}'))
        assert wire.answer()[0] == status
    wire.send(wire.request("ecs", {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListDaemons"}, b"{}"))
    assert wire.answer()[0] == 501
    wire.send(wire.request("sqs", sqs("ListQueues") | {"Connection": "close"}, b"{}"))
    assert wire.answer()[0] == 200 and wire.ended()


def test_requests_one_after_another_without_waiting(wire: Wire) -> None:
    """Pipelining: the answers come in the order of the requests, whatever the requests are."""
    names = [f"q{number}" for number in range(20)]
    creates = (wire.request("sqs", CREATE, json.dumps({"QueueName": name}).encode()) for name in names)
    wire.send(b"".join(creates))
    answers = [wire.answer() for _ in names]
    assert [json.loads(body)["QueueUrl"].rsplit("/", 1)[1] for _, _, body in answers] == names


def test_a_request_that_arrives_byte_by_byte(wire: Wire) -> None:
    """A slow network tears heads and bodies anywhere."""
    for byte in wire.request("sqs", CREATE, b'{"QueueName":"jobs"}'):
        wire.send(bytes([byte]))
    assert wire.answer()[0] == 200


def test_compressed_bodies(wire: Wire) -> None:
    """Requests that Go, Java and boto3 compress (`requestMinCompressionSizeBytes`) say so in a header."""
    wire.send(
        wire.request("sqs", CREATE | {"Content-Encoding": "gzip"}, gzip.compress(b'{"QueueName":"jobs"}'))
    )
    assert wire.answer()[0] == 200


def test_http_1_0(wire: Wire) -> None:
    """Health checks of old: the connection ends after the answer."""
    wire.send(wire.request("sqs", sqs("ListQueues"), b"{}", "POST / HTTP/1.0"))
    assert wire.answer()[0] == 200 and wire.ended()


@pytest.mark.parametrize(
    "content_type", [FORM, f"{FORM}; charset=utf-8", f"{FORM};charset=UTF-8", FORM.upper()]
)
def test_forms(wire: Wire, content_type: str) -> None:
    """Query services: Java and Go name the charset, each in its way."""
    form = b"Action=GetCallerIdentity&Version=2011-06-15"
    wire.send(wire.request("sts", {"Content-Type": content_type}, form))
    status, headers, body = wire.answer()
    assert status == 200, body
    assert (
        headers["content-type"].startswith("text/xml")
        and f"<Account>{wire.account}</Account>".encode() in body
    )


def cbor(
    wire: Wire, operation: str, params: dict[str, Any], **headers: str
) -> tuple[int, dict[str, str], Any]:
    """One call in Smithy RPC v2 CBOR, with the headers that Go and Java send."""
    named = {
        "Smithy-Protocol": "rpc-v2-cbor",
        "Accept": "application/cbor",
        "Content-Type": "application/cbor",
    }
    line = f"POST /service/AmazonSQS/operation/{operation} HTTP/1.1"
    wire.send(wire.request("sqs", GO | named | headers, cbor2.dumps(params), line))
    status, got, body = wire.answer()
    assert (got["smithy-protocol"], got["content-type"]) == ("rpc-v2-cbor", "application/cbor")
    return status, got, cbor2.loads(body) if body else {}


def test_cbor(wire: Wire) -> None:
    """SQS lists no CBOR, but every service is spoken to in it: text, bytes, lists, errors."""
    status, _, made = cbor(wire, "CreateQueue", {"QueueName": "jobs", "Attributes": {"DelaySeconds": "0"}})
    assert status == 200
    attributes = {"b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}}
    sent = {"QueueUrl": made["QueueUrl"], "MessageBody": "é😀", "MessageAttributes": attributes}
    assert cbor(wire, "SendMessage", sent)[0] == 200
    asked = {"QueueUrl": made["QueueUrl"], "MessageAttributeNames": ["All"], "WaitTimeSeconds": 5}
    [message] = cbor(wire, "ReceiveMessage", asked)[2]["Messages"]
    assert (message["Body"], message["MessageAttributes"]) == ("é😀", attributes)
    assert cbor(wire, "PurgeQueue", {"QueueUrl": made["QueueUrl"]})[0] == 200
    status, _, error = cbor(wire, "GetQueueUrl", {"QueueName": "nobody"})
    assert (status, error["__type"].split("#")[1]) == (400, "QueueDoesNotExist")


def test_a_function_invoked_as_java_does(wire: Wire, plane: PlaneProcess, client: Callable[..., Any]) -> None:
    """The payload's own bytes in chunks, a client context and a log tail in headers of lower case."""
    from tests.contract.test_lambda_functions import create

    create(client("lambda"), wire.account, "f", "def handler(e, c): return e")
    client("lambda").get_waiter("function_active_v2").wait(FunctionName="f")
    headers = lower(JAVA) | {
        "transfer-encoding": "chunked",
        "content-type": "application/json",
        "x-amz-invocation-type": "RequestResponse",
        "x-amz-log-type": "Tail",
        "x-amz-client-context": "e30=",
    }
    line = "POST /2015-03-31/functions/f/invocations HTTP/1.1"
    wire.send(wire.request("lambda", headers, b'4\r\n{"a"\r\n4\r\n: 1}\r\n0\r\n\r\n', line))
    status, got, body = wire.answer()
    assert (status, json.loads(body), got["x-amz-executed-version"]) == (200, {"a": 1}, "$LATEST")
    assert got["x-amz-log-result"]
