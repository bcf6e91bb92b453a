"""A disk that is full: writes are refused, reads go on, nothing acknowledged is lost, and it recovers."""

from __future__ import annotations

import resource
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.contract.raw import send
from tests.fault.waiting import until
from tests.process import PlaneProcess

ACCOUNT = "123456789012"


def limit_files(plane: PlaneProcess, size: int) -> None:
    """No file of the plane may grow past so many bytes: what a full disk looks like to a writer."""
    assert plane.process is not None
    resource.prlimit(plane.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_refuses_writes_and_recovers(own_plane: Callable[..., PlaneProcess]) -> None:
    """1. A message is sent. 2. The disk fills. 3. Sends get 503, reads go on. 4. Space is back."""
    plane = own_plane()
    sqs = plane.client("sqs", ACCOUNT)
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="before")
    log = plane.data / "windlass.db-wal"
    limit_files(plane, log.stat().st_size + 20_000)
    acknowledged = 1
    with pytest.raises(ClientError) as caught:
        for _ in range(1_000):
            sqs.send_message(QueueUrl=queue, MessageBody="x" * 1_000)
            acknowledged += 1
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert answer["Error"]["Code"] == "ServiceUnavailable"
    assert count(sqs, queue) == acknowledged
    assert send(plane.endpoint, "GET", "/_windlass/health")[0] == 503
    limit_files(plane, resource.RLIM_INFINITY)
    until(lambda: send(plane.endpoint, "GET", "/_windlass/health")[0] == 200, "the plane recovers")
    sqs.send_message(QueueUrl=queue, MessageBody="after")
    port = plane.port
    plane.kill()
    plane.start(port)
    assert count(plane.client("sqs", ACCOUNT), queue) == acknowledged + 1


def count(sqs: object, queue: str) -> int:
    answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"])  # type: ignore[attr-defined]
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])
