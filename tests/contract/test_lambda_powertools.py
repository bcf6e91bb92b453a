"""Powertools for AWS Lambda (PyPI, unmodified, vendored as users do) processes batches of our mappings."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_lambda_functions import create
from tests.contract.test_lambda_sources import is_empty, make_queue
from tests.fault.waiting import until
from tests.lambda_build import a_zip_with

Client = Callable[..., Any]
SOURCE = """
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor, EventType, SqsFifoPartialProcessor, process_partial_response,
)
processor = {processor}
def one(record):
    if "bad" in record.body and {fails}:
        raise ValueError(record.body)
    with open({path!r}, "a") as notes:
        notes.write(record.body + "\\n")
def handler(event, context):
    return process_partial_response(event=event, record_handler=one, processor=processor, context=context)
"""


@pytest.fixture
def deploy(client: Client, account: str, tmp_path: Path) -> Callable[..., Path]:
    """`deploy(processor, fails)`: the function f; returns the file of what it has handled."""

    def make(processor: str, fails: str) -> Path:
        path = tmp_path / "notes"
        source = SOURCE.format(processor=processor, fails=fails, path=str(path))
        package = a_zip_with(source, "aws-lambda-powertools", "jmespath", "typing-extensions")
        aws = client("lambda")
        create(aws, account, Code={"ZipFile": package}, Timeout=2)
        aws.get_waiter("function_active_v2").wait(FunctionName="f")
        aws.invoke(FunctionName="f", Payload=b'{"Records": []}')  # its imports take longer than messages hide
        return path

    return make


def handled(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_batch_processor(client: Client, deploy: Callable[..., Path]) -> None:
    """What it reports as failed comes back and ends in the dead-letter queue; the rest is done."""
    path = deploy("BatchProcessor(event_type=EventType.SQS)", "True")
    sqs = client("sqs")
    dead_url, dead_arn = make_queue(sqs, "dead")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url, arn = make_queue(sqs, VisibilityTimeout="2", RedrivePolicy=policy)
    bodies = [f"good {n}" for n in range(8)] + ["bad 1", "bad 2"]
    entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
    sqs.send_message_batch(QueueUrl=url, Entries=entries)
    client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName="f", FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    letters: set[str] = set()

    def all_dead() -> bool:
        answer = sqs.receive_message(QueueUrl=dead_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        letters.update(message["Body"] for message in answer.get("Messages", []))
        return letters == {"bad 1", "bad 2"}

    until(all_dead, "the bad ones are dead letters")
    assert sorted(set(handled(path))) == bodies[:8] and is_empty(sqs, url)


def test_fifo_processor(client: Client, deploy: Callable[..., Path]) -> None:
    """It stops at the first failure; what follows in the group comes back behind it, in order."""
    path = deploy("SqsFifoPartialProcessor()", "record.attributes.approximate_receive_count == '1'")
    sqs = client("sqs")
    url, arn = make_queue(sqs, "q.fifo", VisibilityTimeout="2")
    sent: defaultdict[str, list[str]] = defaultdict(list)
    for n in range(6):
        for group in "ab":
            body = f"{group} {n}{' bad' if n == 2 else ''}"
            sqs.send_message(
                QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=f"{group}{n}"
            )
            sent[group].append(body)
    client("lambda").create_event_source_mapping(
        EventSourceArn=arn, FunctionName="f", FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    until(lambda: is_empty(sqs, url), "all are handled")
    first = dict.fromkeys(handled(path))
    assert {group: [body for body in first if body.startswith(group)] for group in "ab"} == sent
