"""SIGKILL of the plane, and of plane and agent together, amid asynchronous events.

Each accepted event ends, and its destination has its record: at least once each.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.contract.test_lambda_functions import create
from tests.fault.test_kill_lambda import ACCOUNT, agent_pid, is_gone
from tests.fault.waiting import until
from tests.process import PlaneProcess

Make = Callable[..., PlaneProcess]
SOURCE = "def handler(event, context): return event"
EVENTS = 60


class Traffic:
    """Sends events in a thread until it has sent EVENTS; `accepted` are those that were answered 202."""

    def __init__(self, plane: PlaneProcess) -> None:
        self.accepted: set[int] = set()
        self._plane = plane
        self._up = threading.Event()
        self._up.set()
        self._thread = threading.Thread(target=self._send_all)
        self._thread.start()

    def has(self, count: int) -> bool:
        return len(self.accepted) >= count

    def pause(self) -> None:
        """Send nothing while there is no plane, if it is not being sent already."""
        self._up.clear()

    def resume(self) -> None:
        self._up.set()

    def end(self) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive(), "the traffic never ended"

    def _send_all(self) -> None:
        aws = self._plane.client("lambda", ACCOUNT)
        for number in range(EVENTS):
            self._up.wait(60)
            try:
                aws.invoke(FunctionName="f", InvocationType="Event", Payload=json.dumps(number))
            except (BotoCoreError, ClientError):
                continue
            self.accepted.add(number)


def kill_plane(plane: PlaneProcess) -> None:
    plane.kill()


def kill_plane_and_agent(plane: PlaneProcess) -> None:
    agent = agent_pid(plane)
    plane.kill()
    os.kill(agent, signal.SIGKILL)
    until(lambda: is_gone(agent), "the agent is gone")


def deploy(plane: PlaneProcess) -> tuple[Any, str]:
    """f with a queue for its successes; returns SQS and the queue's URL."""
    aws, sqs = plane.client("lambda", ACCOUNT), plane.client("sqs", ACCOUNT)
    create(aws, ACCOUNT, "f", SOURCE)
    aws.get_waiter("function_active_v2").wait(FunctionName="f")
    url: str = sqs.create_queue(QueueName="done")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws.put_function_event_invoke_config(
        FunctionName="f", DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    return sqs, url


def drained(sqs: Any, url: str, done: set[int]) -> set[int]:
    """Add the events of the records that wait now."""
    answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
    for message in answer.get("Messages", ()):
        record = json.loads(message["Body"])
        assert record["requestContext"]["condition"] == "Success"
        assert record["requestPayload"] == record["responsePayload"]
        done.add(record["responsePayload"])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return done


def test_every_accepted_event_runs_and_is_told(own_plane: Make) -> None:
    """1. Events stream in. 2. The plane is killed. 3. Plane and agent are. 4. Each accepted one is told."""
    plane = own_plane()
    sqs, url = deploy(plane)
    traffic = Traffic(plane)
    for kill, after in ((kill_plane, EVENTS // 4), (kill_plane_and_agent, EVENTS // 2)):
        until(partial(traffic.has, after), "events stream in")
        traffic.pause()
        port = plane.port
        kill(plane)
        plane.start(port)
        traffic.resume()
    traffic.end()
    assert len(traffic.accepted) >= EVENTS - 2
    done: set[int] = set()
    until(lambda: traffic.accepted <= drained(sqs, url, done), "every accepted event is told")
