"""SQS, durable: single sends, batches of ten, receives and deletes over HTTP keep-alive."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import uvloop

from bench.load import Load, call, json_request, run
from bench.planes import plane_command, server
from bench.result import Result

CONNECTIONS = 64
SINGLES = 20_000
BATCHES = 4_000
BODY = "x" * 200


def results() -> Iterator[Result]:
    with server("bench.bare_http") as (endpoint, _):
        bare = uvloop.run(_singles(endpoint, "http://q/1/bench"))
    with (
        tempfile.TemporaryDirectory() as scratch,
        server(*plane_command(Path(scratch) / "data")) as (endpoint, _),
    ):
        queue = uvloop.run(_create(endpoint))
        singles = uvloop.run(_singles(endpoint, queue))
        batches = uvloop.run(_batches(endpoint, queue))
        receives, deletes, empty = uvloop.run(_drain(endpoint, queue, BATCHES))
    note = f"bare: uvicorn answering a constant; p50 {singles.p50_ms:.1f} ms, p99 {singles.p99_ms:.1f} ms"
    yield _result("SQS SendMessage", singles, 1, 3_000, bare, note)
    yield _result("SQS messages sent in batches of 10", batches, 10, 15_000, bare, "")
    yield _result("SQS messages received in tens", receives, 10, 15_000, bare, f"{empty} empty answers")
    yield _result("SQS messages deleted in tens", deletes, 10, 15_000, bare, "")


def _result(name: str, load: Load, each: int, promise: float, bare: Load, note: str) -> Result:
    if load.failed:
        note = f"{load.failed} FAILED; {note}"
    return Result(name, load.per_second * each, "/s", promise, bare=bare.per_second, note=note)


async def _create(endpoint: str) -> str:
    request = json_request(endpoint, "sqs", "AmazonSQS.CreateQueue", "1.0", {"QueueName": "bench"})
    return str(json.loads((await call(endpoint, request))[1])["QueueUrl"])


async def _singles(endpoint: str, queue: str) -> Load:
    body: dict[str, object] = {"QueueUrl": queue, "MessageBody": BODY}
    request = json_request(endpoint, "sqs", "AmazonSQS.SendMessage", "1.0", body)
    return await run(endpoint, lambda number: request, SINGLES, CONNECTIONS)


async def _batches(endpoint: str, queue: str) -> Load:
    entries = [{"Id": str(n), "MessageBody": BODY} for n in range(10)]
    body: dict[str, object] = {"QueueUrl": queue, "Entries": entries}
    request = json_request(endpoint, "sqs", "AmazonSQS.SendMessageBatch", "1.0", body)
    return await run(endpoint, lambda number: request, BATCHES, CONNECTIONS)


async def _drain(endpoint: str, queue: str, count: int) -> tuple[Load, Load, int]:
    """Receive so many batches, keep their handles, then delete them."""
    receive = json_request(
        endpoint, "sqs", "AmazonSQS.ReceiveMessage", "1.0",
        {"QueueUrl": queue, "MaxNumberOfMessages": 10, "VisibilityTimeout": 600},
    )  # fmt: skip
    answers: list[bytes] = []
    received = await run(endpoint, lambda number: receive, count, CONNECTIONS, answers.append)
    full = [m for answer in answers if len(m := json.loads(answer).get("Messages", [])) == 10]
    deletes = [_delete(endpoint, queue, messages) for messages in full]
    deleted = await run(endpoint, deletes.__getitem__, len(deletes), CONNECTIONS)
    return received, deleted, count - len(full)


def _delete(endpoint: str, queue: str, messages: list[dict[str, str]]) -> bytes:
    entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
    body: dict[str, object] = {"QueueUrl": queue, "Entries": entries}
    return json_request(endpoint, "sqs", "AmazonSQS.DeleteMessageBatch", "1.0", body)
