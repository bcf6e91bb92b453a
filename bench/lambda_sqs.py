"""SQS to Lambda: from SendMessage to the handler's first line, and how fast a queue is drained.

The sender waits on its own clock for nothing: it writes the time into the message, and the handler tells by a
datagram how long ago that was. Both run on one machine, so there is one clock.
"""

from __future__ import annotations

import io
import socket
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import uvloop

from bench.load import ACCOUNT, REGION, json_request, run
from bench.planes import plane_command, server
from bench.result import Result

MESSAGES = 300
DRAINED = 5_000
SOURCE = """
import socket, time
teller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
def handler(event, context):
    now = time.time_ns()
    told = " ".join(str(now - int(record["body"])) for record in event["Records"])
    teller.sendto(told.encode(), ("127.0.0.1", {port}))
"""


def results() -> Iterator[Result]:
    with (
        tempfile.TemporaryDirectory() as scratch,
        server(*plane_command(Path(scratch) / "data")) as (endpoint, _),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener,
    ):
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        queue = _mapped(endpoint, listener.getsockname()[1])
        latencies = sorted(_told(listener, queue, endpoint) for _ in range(MESSAGES + 1))[:-1]  # one was cold
        note = f"p90 {_part(latencies, 90):.1f} ms, p99 {_part(latencies, 99):.1f} ms"
        yield Result("SendMessage to handler, p50", _part(latencies, 50), "ms", 20, at_least=False, note=note)
        yield Result("SQS messages handled in tens", _drained(listener, queue, endpoint), "/s")


def _mapped(endpoint: str, port: int) -> str:
    """A queue with a function behind it; its URL."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", SOURCE.format(port=port))
    session: Any = boto3.session.Session(ACCOUNT, "bench", region_name=REGION)
    aws, sqs = (session.client(name, endpoint_url=endpoint) for name in ("lambda", "sqs"))
    url = str(sqs.create_queue(QueueName="bench", Attributes={"VisibilityTimeout": "60"})["QueueUrl"])
    aws.create_function(
        FunctionName="f",
        Runtime=f"python{sys.version_info[0]}.{sys.version_info[1]}",
        Role=f"arn:aws:iam::{ACCOUNT}:role/bench",
        Handler="app.handler",
        Code={"ZipFile": package.getvalue()},
    )
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:bench"
    aws.create_event_source_mapping(EventSourceArn=arn, FunctionName="f")
    return url


def _told(listener: socket.socket, queue: str, endpoint: str) -> float:
    """Send one message; how many milliseconds later its handler began."""

    def send(number: int) -> bytes:
        body: dict[str, object] = {"QueueUrl": queue, "MessageBody": str(time.time_ns())}
        return json_request(endpoint, "sqs", "AmazonSQS.SendMessage", "1.0", body)

    uvloop.run(run(endpoint, send, 1, 1))
    return int(listener.recv(65_536)) / 1e6


def _drained(listener: socket.socket, queue: str, endpoint: str) -> float:
    """Messages a second while a sender fills the queue in tens as fast as it can."""
    entries = [{"Id": str(n), "MessageBody": str(time.time_ns())} for n in range(10)]
    body: dict[str, object] = {"QueueUrl": queue, "Entries": entries}
    request = json_request(endpoint, "sqs", "AmazonSQS.SendMessageBatch", "1.0", body)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
    began = time.perf_counter()
    uvloop.run(run(endpoint, lambda number: request, DRAINED // 10, 8))
    handled = 0
    while handled < DRAINED:
        handled += len(listener.recv(65_536).split())
    return DRAINED / (time.perf_counter() - began)


def _part(ordered: list[float], percent: int) -> float:
    return ordered[len(ordered) * percent // 100]
