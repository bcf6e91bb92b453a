"""A mapping's queue, called in process on behalf of the function's execution role.

An edge: the only place that names SQS operations. Errors come as SQS's faults.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from windlass.aws.arn import Arn
from windlass.aws.calls import Caller, Calls, Params, Result, Waiting
from windlass.services.lambda_.sources.batch import Record
from windlass.services.lambda_.sources.limits import LONG_POLL_S, RECEIVE_MESSAGES


class SourceQueue:
    """One queue, for `caller`."""

    def __init__(self, calls: Calls, queue: Arn, caller: Caller) -> None:
        self._calls = calls
        self._queue = queue
        self._url = f"{calls.endpoint}/{queue.account}/{queue.resource}"
        self._caller = caller

    async def visibility_s(self) -> int:
        """The queue's VisibilityTimeout."""
        answer = await self._call("GetQueueAttributes", {"AttributeNames": ["VisibilityTimeout"]})
        return int(answer["Attributes"]["VisibilityTimeout"])

    async def receive(
        self, count: int, visibility_s: int | None, parked: Callable[[Waiting], Waiting]
    ) -> list[dict[str, Any]]:
        """Up to `count` messages, hidden for so long (None: as the queue says); a long poll.

        `parked` is put around it while it waits; nothing is taken then.
        """
        params: dict[str, Any] = {
            "MaxNumberOfMessages": min(count, RECEIVE_MESSAGES),
            "WaitTimeSeconds": LONG_POLL_S,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        if visibility_s is not None:
            params["VisibilityTimeout"] = visibility_s
        answer = await self._call("ReceiveMessage", params, parked)
        return list(answer.get("Messages", ()))

    async def delete(self, records: Sequence[Record]) -> int:
        """Delete them, ten in a call; how many were (not a FIFO message that was hidden too short)."""
        calls = []
        for first in range(0, len(records), RECEIVE_MESSAGES):
            some = records[first : first + RECEIVE_MESSAGES]
            entries = [{"Id": str(n), "ReceiptHandle": one.receipt} for n, one in enumerate(some)]
            calls.append(self._call("DeleteMessageBatch", {"Entries": entries}))
        return sum(len(answer["Successful"]) for answer in await asyncio.gather(*calls))

    async def _call(
        self, operation: str, params: Params, parked: Callable[[Waiting], Waiting] | None = None
    ) -> Result:
        return await self._calls.run(
            "sqs",
            operation,
            {"QueueUrl": self._url, **params},
            caller=self._caller,
            region=self._queue.region,
            parked=parked,
        )
