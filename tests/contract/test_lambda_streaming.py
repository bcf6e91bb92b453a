"""Responses that are read while the function runs: InvokeWithResponseStream and streaming URLs.

The functions are a Node.js handler, and a custom runtime that streams what its event says.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.test_lambda_events import refused
from tests.contract.test_lambda_invoke import deploy, invoke
from tests.contract.test_lambda_urls import Visit, open_to_all, visit
from tests.fault.waiting import until
from tests.lambda_build import a_zip_of

__all__ = ["visit"]
Client = Callable[..., Any]
BOOTSTRAP = """#!/usr/bin/env python3
import base64, json, os, socket, time
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
from http.client import HTTPConnection
api = HTTPConnection(host, int(port))
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    event, request_id = json.loads(answer.read()), answer.headers["Lambda-Runtime-Aws-Request-Id"]
    api.putrequest("POST", f"/2018-06-01/runtime/invocation/{request_id}/response")
    api.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
    api.putheader("Transfer-Encoding", "chunked")
    api.putheader("Content-Type", event.get("type", "text/plain"))
    api.endheaders()
    def say(data):
        api.send(b"%x\\r\\n%s\\r\\n" % (len(data), data))
    for text in event.get("say", ()):
        say(text.encode())
    for _ in range(event.get("pieces", 0)):
        say(b"x" * event["of"])
        with open(event["noted"], "a") as noted:
            noted.write(".")
    while event.get("gate") and not os.path.exists(event["gate"]):
        time.sleep(0.01)
    if event.get("exit") is not None:
        os._exit(event["exit"])
    say(b"end") if event.get("end") else None
    trailers = b""
    if "error" in event:
        body = base64.b64encode(json.dumps({"errorMessage": event["error"]}).encode())
        trailers = b"Lambda-Runtime-Function-Error-Type: Function.Odd\\r\\n"
        trailers += b"Lambda-Runtime-Function-Error-Body: " + body + b"\\r\\n"
    api.send(b"0\\r\\n" + trailers + b"\\r\\n")
    api.getresponse().read()
"""
NODE = """
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  stream = awslambda.HttpResponseStream.from(stream, {
    statusCode: 206, headers: {"x-said": "yes"}, cookies: ["a=1"]
  });
  stream.write("one ");
  stream.write("two");
  stream.end();
});
"""


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


def deploy_runtime(aws: Any, account: str) -> None:
    """f, which does what its event says."""
    files = a_zip_of({"bootstrap": BOOTSTRAP})
    deploy(aws, account, "", Runtime="provided.al2023", Code={"ZipFile": files}, Timeout=60)


def events(aws: Any, event: Any, **params: Any) -> Generator[dict[str, Any], None, None]:
    """The events of the stream as they come; closing it hangs up."""
    answer = aws.invoke_with_response_stream(FunctionName="f", Payload=json.dumps(event), **params)
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    with closing(answer["EventStream"]) as stream:
        yield from stream


def said(aws: Any, event: Any, **params: Any) -> tuple[bytes, dict[str, Any]]:
    """All that was said, and the last event."""
    *chunks, last = events(aws, event, **params)
    return b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks), last["InvokeComplete"]


def test_pieces_come_while_the_function_runs(aws: Any, account: str, tmp_path: Path) -> None:
    """The first is here before the function has said the last; then the end, with its log."""
    deploy_runtime(aws, account)
    gate = tmp_path / "gate"
    stream = events(aws, {"say": ["a", "b"], "gate": str(gate), "end": True}, LogType="Tail")
    first = next(stream)["PayloadChunk"]["Payload"]
    assert first in (b"a", b"ab")
    gate.touch()
    *rest, last = stream
    assert first + b"".join(chunk["PayloadChunk"]["Payload"] for chunk in rest) == b"abend"
    assert last["InvokeComplete"].keys() == {"LogResult"}


def test_functions_that_do_not_stream(aws: Any, account: str) -> None:
    """Their result is one piece; their error is told at the end; throttles before anything."""
    deploy(aws, account, "def handler(event, context):\n    return [event] if event else 1 / 0")
    assert said(aws, "x") == (b'["x"]', {})
    body, last = said(aws, None)
    assert (body, last["ErrorCode"]) == (b"", "Unhandled")
    assert json.loads(last["ErrorDetails"])["errorType"] == "ZeroDivisionError"
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    code, _, status = refused(aws.invoke_with_response_stream, FunctionName="f")
    assert (code, status) == ("TooManyRequestsException", 429)


def test_errors_amid_a_response(aws: Any, account: str) -> None:
    """Trailers and deaths of the runtime: what was said came, and the end tells; the next event runs."""
    deploy_runtime(aws, account)
    body, last = said(aws, {"say": ["so far"], "error": "no more"})
    assert (body, last["ErrorCode"]) == (b"so far", "Unhandled")
    assert json.loads(last["ErrorDetails"]) == {"errorMessage": "no more"}
    body, last = said(aws, {"say": ["so far"], "exit": 3})
    assert body == b"so far" and json.loads(last["ErrorDetails"])["errorType"] == "Runtime.ExitError"
    assert said(aws, {"say": ["again"]}) == (b"again", {})


def test_a_whole_response_of_a_runtime_that_streams(aws: Any, account: str) -> None:
    """Invoke collects it; what came before an error amid it counts as the response."""
    deploy_runtime(aws, account)
    assert invoke(aws, {"say": ['{"a"', ": 1}"]})[0] == {"a": 1}
    value, answer = invoke(aws, {"say": ['"so far"'], "error": "no"})
    assert value == "so far" and "FunctionError" not in answer


def test_a_reader_that_is_slow_and_one_that_leaves(aws: Any, account: str, tmp_path: Path) -> None:
    """20 MB: the function waits for its reader; when that has gone, it goes on to its end."""
    deploy_runtime(aws, account)
    noted = tmp_path / "noted"
    event = {"pieces": 320, "of": 65_536, "noted": str(noted), "say": ["begin"]}
    stream = events(aws, event)
    assert next(stream)["PayloadChunk"]["Payload"][:5] == b"begin"
    until(lambda: noted.exists(), "the function writes")
    stream.close()
    until(lambda: len(noted.read_text()) == 320, "the function has written everything")
    noted.unlink()
    for _ in range(3):  # on one connection of the runtime, whatever it had to wait before
        body, last = said(aws, event)
        assert (len(body), last) == (5 + 320 * 65_536, {})


def test_a_streaming_url(aws: Any, account: str, visit: Visit) -> None:
    """Its head, in front of the stream, is the answer's; what has none is a plain stream."""
    files = a_zip_of({"index.js": NODE})
    deploy(aws, account, "", Runtime="nodejs20.x", Handler="index.handler", Code={"ZipFile": files})
    open_to_all(aws)
    made = aws.create_function_url_config(FunctionName="f", AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    status, headers, body = visit(made["FunctionUrl"])
    assert (status, headers["x-said"], headers["set-cookie"], body) == (206, "yes", "a=1", b"one two")
    assert headers["transfer-encoding"] == "chunked"
    deploy(
        aws,
        account,
        "def handler(event, context):\n    return {'statusCode': 1 // len(event['rawPath'][1:])}",
        "g",
    )
    open_to_all(aws, "g")
    made = aws.create_function_url_config(FunctionName="g", AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    status, headers, body = visit(made["FunctionUrl"], "GET", "/x")
    assert (status, headers["content-type"], body) == (200, "application/json", b'{"statusCode": 1}')
    assert visit(made["FunctionUrl"])[0] == 502


def test_a_streaming_url_that_breaks_off(aws: Any, account: str, plane: Any) -> None:
    """The connection is cut: nobody takes the beginning for the whole."""
    source = BOOTSTRAP.replace(
        "json.loads(answer.read())", "(answer.read(), {'say': ['so far'], 'exit': 1})[1]"
    )
    deploy(aws, account, "", Runtime="provided.al2023", Code={"ZipFile": a_zip_of({"bootstrap": source})})
    open_to_all(aws)
    made = aws.create_function_url_config(FunctionName="f", AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60)
    connection.request("GET", "/", headers={"Host": urlsplit(made["FunctionUrl"]).netloc})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")
    with pytest.raises(http.client.IncompleteRead) as broken:
        answer.read()
    assert broken.value.partial == b"so far"
