"""Invocations through boto3: real processes, real code, results and logs as AWS gives them."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.test_cli import windlass
from tests.contract.test_lambda_functions import code_of, create
from tests.fault.waiting import until
from tests.process import PlaneProcess

Client = Callable[..., Any]


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


def deploy(aws: Any, account: str, source: str, name: str = "f", **params: Any) -> None:
    create(aws, account, name, source, **params)
    aws.get_waiter("function_active_v2").wait(FunctionName=name)


def invoke(aws: Any, event: Any = None, **params: Any) -> tuple[Any, dict[str, Any]]:
    """The payload as a value, and the whole answer."""
    answer = aws.invoke(**{"FunctionName": "f", "Payload": json.dumps(event), **params})
    body = answer["Payload"].read()
    return json.loads(body) if body else None, answer


def test_result_and_log(aws: Any, account: str) -> None:
    """200, the value, the version, the tail of the log with the request's id."""
    deploy(
        aws, account, "def handler(e, c):\n    print('got', e)\n    return {'n': e['n'] + 1}", MemorySize=256
    )
    value, answer = invoke(aws, {"n": 1}, LogType="Tail")
    assert (value, answer["StatusCode"], answer["ExecutedVersion"]) == ({"n": 2}, 200, "$LATEST")
    assert "FunctionError" not in answer
    request_id = answer["ResponseMetadata"]["RequestId"]
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[:3] == [
        f"START RequestId: {request_id} Version: $LATEST",
        "got {'n': 1}",
        f"END RequestId: {request_id}",
    ]
    report = (
        rf"REPORT RequestId: {request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB"
        r"\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t"
    )
    assert re.fullmatch(report, lines[3])
    _, again = invoke(aws, {"n": 1}, LogType="Tail")
    assert "Init Duration" not in base64.b64decode(again["LogResult"]).decode()


def test_boto3_in_the_function_comes_back_here(aws: Any, account: str) -> None:
    """With the role's credentials, in the function's Region, without any setting."""
    source = "import boto3\ndef handler(e, c): return boto3.client('sts').get_caller_identity()['Arn']"
    deploy(aws, account, source, Timeout=30)
    assert invoke(aws)[0] == f"arn:aws:sts::{account}:assumed-role/r/f"


def test_function_errors(aws: Any, account: str) -> None:
    """200 with FunctionError Unhandled: an exception, an import that fails, an exit, a time-out."""
    deploy(aws, account, "def handler(e, c): raise KeyError('x')")
    value, answer = invoke(aws)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (value["errorType"], value["errorMessage"]) == ("KeyError", "'x'")
    assert value["requestId"] == answer["ResponseMetadata"]["RequestId"] and value["stackTrace"]
    deploy(aws, account, "import nowhere", "imports")
    assert invoke(aws, FunctionName="imports")[0]["errorType"] == "Runtime.ImportModuleError"
    deploy(aws, account, "import os\ndef handler(e, c): os._exit(3)", "exits")
    for _ in range(2):
        assert invoke(aws, FunctionName="exits")[0]["errorType"] == "Runtime.ExitError"
    deploy(aws, account, "from time import sleep\ndef handler(e, c): sleep(100)", "hangs", Timeout=1)
    value, answer = invoke(aws, FunctionName="hangs")
    assert value["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")


def test_one_event_per_environment(aws: Any, account: str) -> None:
    """Four at once run in four processes; afterwards one of those is used again."""
    source = "import os\nfrom time import sleep\ndef handler(e, c):\n    sleep(e)\n    return os.getpid()"
    deploy(aws, account, source, Timeout=30)
    with ThreadPoolExecutor(4) as threads:
        processes = {value for value, _ in threads.map(lambda _: invoke(aws, 1), range(4))}
    assert len(processes) == 4
    assert invoke(aws, 0)[0] in processes


def test_an_update_takes_effect(aws: Any, account: str) -> None:
    """New code and new variables are what the next event runs."""
    deploy(aws, account, "import os\ndef handler(e, c): return ['old', os.environ.get('MODE')]")
    assert invoke(aws)[0] == ["old", None]
    aws.update_function_configuration(FunctionName="f", Environment={"Variables": {"MODE": "x"}})
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    assert invoke(aws)[0] == ["old", "x"]


def test_invocation_types(aws: Any, account: str, client: Client) -> None:
    """DryRun 204 and Event 202 with nothing; the event's output is in the log group."""
    deploy(aws, account, "def handler(e, c): print('event', e)")
    dry = aws.invoke(FunctionName="f", InvocationType="DryRun")
    assert (dry["StatusCode"], dry["Payload"].read()) == (204, b"")
    event = aws.invoke(FunctionName="f", InvocationType="Event", Payload=b'"e1"')
    assert (event["StatusCode"], event["Payload"].read()) == (202, b"")
    assert "ExecutedVersion" not in event
    invoke(aws, "e2")
    logs = client("logs")
    found: list[str] = []
    while not {"event e1", "event e2"} <= set(found):
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]
        except logs.exceptions.ResourceNotFoundException:
            continue
        found = [entry["message"].rstrip() for entry in events]
    [stream, *_] = logs.describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream["logStreamName"])


def test_what_is_refused(aws: Any, account: str) -> None:
    """No function, no JSON, too large; no payload at all is {}."""
    missing = code_of(aws.invoke, FunctionName="none")
    assert missing[:2] == (404, "ResourceNotFoundException")
    deploy(aws, account, "def handler(e, c): return e")
    bad = code_of(aws.invoke, FunctionName="f", Payload=b"{no")
    assert bad[:2] == (400, "InvalidRequestContentException")
    assert bad[2].startswith("Could not parse request body into json: Could not parse payload into json: ")
    large = json.dumps("x" * 6_291_456)
    assert code_of(aws.invoke, FunctionName="f", Payload=large)[:2] == (413, "RequestTooLargeException")
    large = json.dumps("x" * 1_048_576)
    async_large = code_of(aws.invoke, FunctionName="f", InvocationType="Event", Payload=large)
    assert async_large[:2] == (413, "RequestTooLargeException")
    answer = aws.invoke(FunctionName="f")
    assert json.loads(answer["Payload"].read()) == {}


def test_throttled(aws: Any, account: str) -> None:
    """Reserved concurrency 0: 429 with the reason."""
    deploy(aws, account, "def handler(e, c): return e")
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    with pytest.raises(aws.exceptions.TooManyRequestsException) as caught:
        invoke(aws)
    answer = caught.value.response
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_client_context(aws: Any, account: str) -> None:
    """What the caller put in, base64 of JSON; anything else is refused."""
    deploy(
        aws, account, "def handler(e, c): return [c.client_context.custom, c.client_context.client.app_title]"
    )
    context = base64.b64encode(json.dumps({"custom": {"k": "ü"}, "client": {"app_title": "t"}}).encode())
    assert invoke(aws, ClientContext=context.decode())[0] == [{"k": "ü"}, "t"]
    assert code_of(aws.invoke, FunctionName="f", ClientContext="%%")[1] == "InvalidRequestContentException"


def test_logs_in_json(aws: Any, account: str) -> None:
    """LoggingConfig JSON: shown with its levels; the log has objects; in text there are no levels."""
    source = "import logging\ndef handler(e, c):\n    logging.info('low')\n    logging.error('high')"
    deploy(aws, account, source, LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN"})
    shown = aws.get_function_configuration(FunctionName="f")["LoggingConfig"]
    assert shown == {
        "LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "INFO",
        "LogGroup": "/aws/lambda/f",
    }  # fmt: skip
    _, answer = invoke(aws, LogType="Tail")
    lines = [json.loads(line) for line in base64.b64decode(answer["LogResult"]).decode().splitlines()]
    assert [line.get("type", line.get("message")) for line in lines] == [
        "platform.start", "high", "platform.report",
    ]  # fmt: skip
    config = {"LogFormat": "Text", "SystemLogLevel": "WARN"}
    refused = code_of(aws.update_function_configuration, FunctionName="f", LoggingConfig=config)
    assert refused[:2] == (400, "InvalidParameterValueException")


def test_the_trace_header(aws: Any, account: str) -> None:
    """The caller's X-Amzn-Trace-Id is the function's; without one it gets a new one, not sampled."""
    deploy(aws, account, "import os\ndef handler(e, c): return os.environ['_X_AMZN_TRACE_ID']")
    made, _ = invoke(aws)
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0(;Lineage=.*)?", made)
    given = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"]["X-Amzn-Trace-Id"] = given

    aws.meta.events.register("before-call.lambda.Invoke", add)
    assert invoke(aws)[0].startswith(given)


def test_a_client_that_leaves(aws: Any, account: str, tmp_path: Path) -> None:
    """It hangs up in mid-invoke: the function runs to its end, and its environment takes the next event."""
    source = (
        "import os, pathlib\n"
        "def handler(e, c):\n"
        "    if e: open(e[0], 'w').close(); open(e[1]).read(); pathlib.Path(e[0]).unlink()\n"
        "    return os.getpid()"
    )
    deploy(aws, account, source, Timeout=30)
    aws.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    pid = invoke(aws)[0]
    here, gate = tmp_path / "here", tmp_path / "gate"
    os.mkfifo(gate)
    body = json.dumps([str(here), str(gate)])
    url = urlsplit(aws.meta.endpoint_url)
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(
            f"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: {url.netloc}\r\n"
            f"Authorization: AWS4-HMAC-SHA256 Credential={account}/20260101/{aws.meta.region_name}/lambda/"
            "aws4_request, SignedHeaders=host, Signature=0\r\nX-Amz-Date: 20260101T000000Z\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        until(here.exists, "the function runs")
    gate.write_text("go on")
    until(lambda: not here.exists(), "the function ends")
    assert invoke_when_free(aws) == pid


def invoke_when_free(aws: Any) -> Any:
    """The value of a function that may run once at a time, as soon as it does not run."""
    values: list[Any] = []

    def free() -> bool:
        try:
            values.append(invoke(aws)[0])
        except aws.exceptions.TooManyRequestsException:
            return False
        return True

    until(free, "the function is free")
    return values[0]


def test_cold_starts_are_shown(aws: Any, account: str, plane: PlaneProcess) -> None:
    """1. Two environments, two records with their phases. 2. `lambda ps` and `logs` know the function too."""
    name = f"cold-{account}"
    source = "import time\ntime.sleep(0.1)\ndef handler(e, c):\n    time.sleep(0.5)\n    return e"
    deploy(aws, account, source, name)
    with ThreadPoolExecutor(2) as two:
        list(two.map(lambda event: invoke(aws, event, FunctionName=name), range(2)))
    shown = json.loads(windlass("lambda", "cold-starts", name, "--json", endpoint=plane.endpoint).stdout)
    [function] = shown["functions"]
    assert function["account"] == account and len(function["cold_starts"]) == 2
    for start in function["cold_starts"]:
        phases = start["phases_s"]
        assert list(phases) == shown["phases"] and min(phases["runtime"], phases["init"]) > 0
        assert phases["runtime"] + phases["init"] >= 0.1  # a busy agent hears late that the runtime dialled
        assert start["total_s"] == pytest.approx(sum(phases.values()))
        assert start["segment"]["subsegments"][-1]["name"] == "invocation"
    listed = windlass("lambda", "ps", endpoint=plane.endpoint).stdout
    [line] = [line for line in listed.splitlines() if line.startswith(name)]
    assert line.split("\t")[1:3] == [f"{account}/{aws.meta.region_name}", "Active"]
    plain = windlass("lambda", "cold-starts", name, endpoint=plane.endpoint).stdout.splitlines()
    assert [row.split("\t")[1:3] for row in plain] == [[name, "on-demand"]] * 2
    assert (
        "no function is called 'nobody'"
        in windlass("lambda", "cold-starts", "nobody", endpoint=plane.endpoint).stderr
    )
