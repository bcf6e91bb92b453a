"""A real queue that tests have events, results and failures sent to."""

from __future__ import annotations

import json
from typing import Any

from tests.fault.waiting import until


class Queue:
    """A queue of the test's account."""

    def __init__(self, sqs: Any, name: str) -> None:
        self._sqs = sqs
        self.url = sqs.create_queue(QueueName=name)["QueueUrl"]
        wanted = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        self.arn: str = wanted["Attributes"]["QueueArn"]

    def message(self) -> dict[str, Any]:
        """The next one, once it is there."""

        def received() -> list[dict[str, Any]]:
            answer = self._sqs.receive_message(
                QueueUrl=self.url, MessageAttributeNames=["All"], WaitTimeSeconds=5
            )
            return list(answer.get("Messages", ()))

        found = until(received, "a message comes")[0]
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=found["ReceiptHandle"])
        return found

    def record(self) -> Any:
        return json.loads(self.message()["Body"])
