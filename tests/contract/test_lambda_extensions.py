"""Extensions through boto3: a layer with an external extension, as a user would publish it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.test_lambda_invoke import deploy, invoke
from tests.fault.waiting import until

Client = Callable[..., Any]
LISTENER = """#!/usr/bin/env python3
import http.client, http.server, json, os, sys, threading
line = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None, **headers):
    line.request(method, "/2020-01-01/extension/" + path, body, headers)
    answer = line.getresponse()
    return answer, json.loads(answer.read())
name = {"Lambda-Extension-Name": os.path.basename(sys.argv[0])}
answer, about = call("POST", "register", '{"events":["INVOKE","SHUTDOWN"]}', **name)
me = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
print("registered for", about["functionName"], flush=True)
class Listener(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        for event in json.loads(self.rfile.read(int(self.headers["Content-Length"]))):
            print("told", event["type"], event["record"].get("requestId", ""), flush=True)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
try:
    server = http.server.HTTPServer(("sandbox.localdomain", 0), Listener)
except OSError:  # not isolated: the host does not know that name
    server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
threading.Thread(target=server.serve_forever, daemon=True).start()
wanted = {"types": ["platform"], "buffering": {"timeoutMs": 25}, "destination": {
    "protocol": "HTTP", "URI": "http://sandbox.localdomain:%d/" % server.server_port}}
line.request("PUT", "/2022-07-01/telemetry", json.dumps(wanted), me)
print("subscribed", line.getresponse().read().decode(), flush=True)
while True:
    event = call("GET", "event/next", **me)[1]
    print("heard", event["eventType"], event.get("requestId") or event["shutdownReason"], flush=True)
    if event["eventType"] == "SHUTDOWN":
        break
"""


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


def layer(aws: Any, files: dict[str, str]) -> str:
    """Publish these as executable files; the layer version's ARN."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as package:
        for name, text in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = 0o755 << 16
            package.writestr(member, text)
    published = aws.publish_layer_version(LayerName="tools", Content={"ZipFile": data.getvalue()})
    return str(published["LayerVersionArn"])


def test_an_extension_of_a_layer(aws: Any, account: str, client: Client) -> None:
    """It hears of every event, and of the function's end; it is told the platform's records; what it prints
    is in the function's log.
    """
    arn = layer(aws, {"extensions/listener": LISTENER})
    deploy(aws, account, "def handler(e, c): return e", Layers=[arn], Timeout=30)
    ids = []
    for number in range(2):
        value, answer = invoke(aws, number)
        assert value == number
        ids.append(answer["ResponseMetadata"]["RequestId"])
    aws.delete_function(FunctionName="f")
    logs = client("logs")

    def messages() -> list[str]:
        events = logs.filter_log_events(logGroupName="/aws/lambda/f")["events"]
        return [event["message"] for event in events]

    wanted = {"heard SHUTDOWN spindown", *(f"told platform.report {request_id}" for request_id in ids)}
    until(lambda: wanted <= set(messages()), "the extension hears of events, reports and the end")
    found = messages()
    assert 'subscribed "OK"' in found and "told platform.initStart" in map(str.strip, found)
    assert "registered for f" in found and all(f"heard INVOKE {request_id}" in found for request_id in ids)
    assert "EXTENSION\tName: listener\tState: Ready\tEvents: [INVOKE,SHUTDOWN]" in found
    assert sum(line.startswith("REPORT RequestId: ") for line in found) == 2
