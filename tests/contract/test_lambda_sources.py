"""Event source mappings of SQS queues through boto3: real queues, real functions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.test_lambda_functions import code_of
from tests.contract.test_lambda_invoke import deploy
from tests.fault.waiting import until

Client = Callable[..., Any]
NOTES = """
import json
def handler(event, context):
    with open({path!r}, "a") as notes:
        notes.write(json.dumps([json.loads(r["body"]) for r in event["Records"]]) + "\\n")
    {rest}
"""


@pytest.fixture
def aws(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def sqs(client: Client) -> Any:
    return client("sqs")


def make_queue(sqs: Any, name: str = "q", **attributes: str) -> tuple[str, str]:
    """(URL, ARN)."""
    if name.endswith(".fifo"):
        attributes["FifoQueue"] = "true"
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, answer["Attributes"]["QueueArn"]


def state(aws: Any, uuid: str) -> str:
    return str(aws.get_event_source_mapping(UUID=uuid)["State"])


def enabled(aws: Any, uuid: str) -> bool:
    return state(aws, uuid) == "Enabled"


def gone(aws: Any, uuid: str) -> bool:
    try:
        aws.get_event_source_mapping(UUID=uuid)
    except aws.exceptions.ResourceNotFoundException:
        return True
    return False


def is_empty(sqs: Any, url: str) -> bool:
    """Nothing visible, nothing in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return set(found.values()) == {"0"}


def batches(path: Path) -> list[list[Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_message_reaches_the_function(aws: Any, sqs: Any, account: str, tmp_path: Path) -> None:
    """As AWS's record, attributes and all; afterwards it is deleted."""
    source = f"import json\ndef handler(e, c): json.dump(e, open({str(tmp_path / 'e')!r}, 'w'))"
    deploy(aws, account, source)
    url, arn = make_queue(sqs)
    created = aws.create_event_source_mapping(EventSourceArn=arn, FunctionName="f", Tags={"a": "b"})
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 202
    uuid, region = created["UUID"], aws.meta.region_name
    del created["ResponseMetadata"], created["LastModified"]
    assert created == {
        "UUID": uuid,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "EventSourceArn": arn,
        "FunctionArn": f"arn:aws:lambda:{region}:{account}:function:f",
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": [],
        "EventSourceMappingArn": f"arn:aws:lambda:{region}:{account}:event-source-mapping:{uuid}",
    }
    until(lambda: enabled(aws, uuid), "the mapping is Enabled")
    attributes = {
        "n": {"DataType": "Number", "StringValue": "1"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes=attributes)
    until(lambda: (tmp_path / "e").exists() and is_empty(sqs, url), "it was handled")
    [record] = json.loads((tmp_path / "e").read_text())["Records"]
    assert record.pop("receiptHandle")
    system = record.pop("attributes")
    assert system.pop("ApproximateReceiveCount") == "1"
    assert sorted(system) == ["ApproximateFirstReceiveTimestamp", "SenderId", "SentTimestamp"]
    assert record == {
        "messageId": sent["MessageId"],
        "body": "hello",
        "messageAttributes": {
            "n": {"stringValue": "1", "stringListValues": [], "binaryListValues": [], "dataType": "Number"},
            "b": {
                "binaryValue": "AA==",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            },
        },
        "md5OfBody": sent["MD5OfMessageBody"],
        "md5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": region,
    }
    assert aws.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK"
    tagged = created["EventSourceMappingArn"]
    aws.tag_resource(Resource=tagged, Tags={"c": "d"})
    aws.untag_resource(Resource=tagged, TagKeys=["a"])
    assert aws.list_tags(Resource=tagged)["Tags"] == {"c": "d"}
    assert aws.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    until(lambda: gone(aws, uuid), "the mapping is gone")
    assert code_of(aws.list_tags, Resource=tagged)[:2] == (404, "ResourceNotFoundException")


def test_life_of_a_mapping(aws: Any, sqs: Any, account: str, tmp_path: Path) -> None:
    """Created off, switched on, changed, off while a batch runs, deleted; refused while it is busy."""
    notes, gate = tmp_path / "notes", tmp_path / "gate"
    wait = f"import os, time\n    while not os.path.exists({str(gate)!r}): time.sleep(0.01)"
    deploy(aws, account, NOTES.format(path=str(notes), rest=wait), Timeout=30)
    url, arn = make_queue(sqs)
    uuid = aws.create_event_source_mapping(EventSourceArn=arn, FunctionName="f", Enabled=False)["UUID"]
    until(lambda: state(aws, uuid) == "Disabled", "it is off")
    sqs.send_message(QueueUrl=url, MessageBody="1")
    assert aws.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    until(lambda: batches(notes), "the batch runs")
    updated = aws.update_event_source_mapping(
        UUID=uuid,
        BatchSize=20,
        MaximumBatchingWindowInSeconds=1,
        ScalingConfig={"MaximumConcurrency": 3},
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": '{"body": {"a": [1]}}'}]},
    )
    assert updated["State"] == "Updating"
    until(lambda: enabled(aws, uuid), "it is changed")
    shown = aws.get_event_source_mapping(UUID=uuid)
    assert (shown["BatchSize"], shown["MaximumBatchingWindowInSeconds"]) == (20, 1)
    assert shown["ScalingConfig"] == {"MaximumConcurrency": 3}
    assert shown["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert shown["FilterCriteria"] == {"Filters": [{"Pattern": '{"body": {"a": [1]}}'}]}
    assert aws.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    busy = (400, "ResourceInUseException", "Cannot delete the event source mapping because it is in use.")
    assert code_of(aws.delete_event_source_mapping, UUID=uuid) == busy
    assert code_of(aws.update_event_source_mapping, UUID=uuid, BatchSize=1)[1] == busy[1]
    gate.touch()
    until(lambda: state(aws, uuid) == "Disabled", "its last batch is through")
    assert is_empty(sqs, url)
    aws.delete_event_source_mapping(UUID=uuid)
    until(lambda: gone(aws, uuid), "the mapping is gone")
    assert batches(notes) == [[1]]


def test_what_is_refused(aws: Any, sqs: Any, account: str) -> None:
    """What AWS refuses in its words, what Windlass does not have in ours."""
    deploy(aws, account, "def handler(e, c): pass", Timeout=60)
    _, short = make_queue(sqs, VisibilityTimeout="30")
    _, arn = make_queue(sqs, "long", VisibilityTimeout="60")
    _, fifo = make_queue(sqs, "q.fifo", VisibilityTimeout="60")

    def refused(source: str = arn, **params: Any) -> str:
        fields = {"EventSourceArn": source, "FunctionName": "f", **params}
        status, code, message = code_of(aws.create_event_source_mapping, **fields)
        assert (status, code) == (400, "InvalidParameterValueException")
        return message

    assert refused(FunctionName="none") == refused(FunctionName="f:7") == "Function does not exist"
    assert refused(arn + "x") == (
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
        "SQS Error Message: The specified queue does not exist."
    )
    assert refused(short) == "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
    window = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    assert refused(BatchSize=11) == window
    assert refused(fifo, BatchSize=11) == "Maximum batch size must be between 1 and 10 inclusive"
    no_window = refused(fifo, MaximumBatchingWindowInSeconds=1)
    assert no_window == "Batching window is not supported for FIFO queues"
    assert refused(StartingPosition="LATEST") == "StartingPosition is not valid for SQS event sources."
    bisect = refused(BisectBatchOnFunctionError=True)
    assert bisect == ("Unsupported BisectBatchOnFunctionError parameter for given event source mapping type.")
    filters = {"Filters": [{"Pattern": "{no"}]}
    assert refused(FilterCriteria=filters) == "Invalid filter pattern definition."
    assert "at most 5 filters" in refused(FilterCriteria={"Filters": [{"Pattern": '{"body": ["a"]}'}] * 6})
    assert "KafkaMetrics" in refused(MetricsConfig={"Metrics": ["KafkaMetrics"]})
    assert "provisioned mode" in refused(ProvisionedPollerConfig={"MinimumPollers": 2})
    region = aws.meta.region_name
    stream = f"arn:aws:kinesis:{region}:{account}:stream/s"
    assert "Kinesis streams" in refused(stream, StartingPosition="LATEST")
    assert refused(f"arn:aws:sns:{region}:{account}:t") == "Unrecognized event source."
    out_of_range = code_of(
        aws.create_event_source_mapping, EventSourceArn=arn, FunctionName="f", BatchSize=10_001
    )
    assert out_of_range[:2] == (400, "ValidationException")
    missing = code_of(aws.get_event_source_mapping, UUID="2a84fded-f2d0-4980-8af7-d0a6842a366a")
    assert missing == (404, "ResourceNotFoundException", "The resource you requested does not exist.")


def test_versions_lists_and_duplicates(aws: Any, sqs: Any, account: str) -> None:
    """One mapping of a pair; the function, its version and its alias are three functions to it."""
    deploy(aws, account, "def handler(e, c): pass")
    arns = [make_queue(sqs, f"q{n}")[1] for n in range(2)]
    first = aws.create_event_source_mapping(EventSourceArn=arns[0], FunctionName="f")
    region = aws.meta.region_name
    function_arn = f"arn:aws:lambda:{region}:{account}:function:f"
    again = code_of(aws.create_event_source_mapping, EventSourceArn=arns[0], FunctionName=function_arn)
    assert again == (
        409,
        "ResourceConflictException",
        f'An event source mapping with SQS arn (" {arns[0]} ") and function (" f ") already exists. '
        f"Please update or delete the existing mapping with UUID {first['UUID']}",
    )
    second = aws.create_event_source_mapping(EventSourceArn=arns[1], FunctionName=function_arn)
    latest = aws.create_event_source_mapping(EventSourceArn=arns[0], FunctionName="f:$LATEST")
    assert latest["FunctionArn"] == f"{function_arn}:$LATEST"

    def listed(**params: Any) -> set[str]:
        pages = aws.get_paginator("list_event_source_mappings").paginate(
            **params, PaginationConfig={"PageSize": 1}
        )
        return {mapping["UUID"] for page in pages for mapping in page["EventSourceMappings"]}

    every = {first["UUID"], second["UUID"], latest["UUID"]}
    assert listed() == every
    assert listed(EventSourceArn=arns[0]) == {first["UUID"], latest["UUID"]}
    assert listed(FunctionName="f") == {first["UUID"], second["UUID"]}
    assert listed(FunctionName="f:$LATEST") == {latest["UUID"]}
    assert listed(FunctionName="f", EventSourceArn=arns[1]) == {second["UUID"]}
    bad = code_of(aws.list_event_source_mappings, Marker="x")
    assert bad[:2] == (400, "InvalidParameterValueException")


def test_an_alias_is_mapped(aws: Any, sqs: Any, account: str, tmp_path: Path) -> None:
    """Messages go to the version that the alias points to, also after it was pointed elsewhere."""
    notes = str(tmp_path / "notes")
    source = f"def handler(e, c): open({notes!r}, 'a').write(f'[\"{{c.function_version}}\"]\\n')"
    deploy(aws, account, source)
    url, arn = make_queue(sqs)
    aws.publish_version(FunctionName="f")
    aws.update_function_configuration(FunctionName="f", Description="second")
    aws.get_waiter("function_updated_v2").wait(FunctionName="f")
    aws.publish_version(FunctionName="f")
    aws.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    created = aws.create_event_source_mapping(EventSourceArn=arn, FunctionName="f:live")
    assert created["FunctionArn"].endswith(":function:f:live")
    for version in ("1", "2"):
        aws.update_alias(FunctionName="f", Name="live", FunctionVersion=version)
        sqs.send_message(QueueUrl=url, MessageBody="x")
        until(lambda last=version: batches(tmp_path / "notes")[-1:] == [[last]], "its version ran")


def test_what_no_filter_wants_is_deleted(aws: Any, sqs: Any, account: str, tmp_path: Path) -> None:
    """The function sees the others only."""
    deploy(aws, account, NOTES.format(path=str(tmp_path / "notes"), rest="pass"))
    url, arn = make_queue(sqs)
    for body in ('{"kind": "b"}', "plain", '{"kind": "a"}'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    patterns = [{"Pattern": json.dumps({"body": {"kind": ["a"]}})}]
    aws.create_event_source_mapping(
        EventSourceArn=arn, FunctionName="f", FilterCriteria={"Filters": patterns}
    )
    until(lambda: is_empty(sqs, url), "all are gone")
    assert batches(tmp_path / "notes") == [[{"kind": "a"}]]
