"""SIGKILL of the plane and of the agent while event source mappings bring messages to a function.

The function writes which message it has to a file, and goes on when the test has opened its gate: a file too.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from tests.contract.test_lambda_functions import create
from tests.contract.test_lambda_sources import is_empty, make_queue
from tests.fault.test_kill_lambda import ACCOUNT, agent_pid
from tests.fault.waiting import until
from tests.process import PlaneProcess

Make = Callable[..., PlaneProcess]
SOURCE = """
import os, time
def handler(event, context):
    for record in event["Records"]:
        note = lambda what: open({notes!r}, "a").write(f"{{what}} {{record['body']}}\\n")
        note("began")
        while record["body"].startswith("waits") and not os.path.exists({gate!r}):
            time.sleep(0.01)
        note("ended")
"""


class Shop:
    """A plane with a queue, a function and a mapping between them."""

    def __init__(self, plane: PlaneProcess, directory: Path, **mapping: Any) -> None:
        self.plane = plane
        self.directory = directory
        aws = plane.client("lambda", ACCOUNT)
        source = SOURCE.format(notes=str(directory / "notes"), gate=str(directory / "gate"))
        create(aws, ACCOUNT, "f", source, Timeout=3)
        aws.get_waiter("function_active_v2").wait(FunctionName="f")
        self.url, arn = make_queue(self.sqs(), VisibilityTimeout="3")
        aws.create_event_source_mapping(EventSourceArn=arn, FunctionName="f", **mapping)

    def sqs(self) -> Any:
        return self.plane.client("sqs", ACCOUNT)

    def send(self, *bodies: str) -> None:
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        assert not self.sqs().send_message_batch(QueueUrl=self.url, Entries=entries)["Failed"]

    def noted(self, what: str) -> list[str]:
        path = self.directory / "notes"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.split(" ", 1)[1] for line in lines if line.startswith(f"{what} ")]

    def is_empty(self) -> bool:
        """Asked of a plane that may not be back yet."""
        try:
            return is_empty(self.sqs(), f"{self.plane.endpoint}/{ACCOUNT}/q")
        except (BotoCoreError, ClientError):
            return False


def test_a_batch_comes_back_when_the_plane_is_killed(own_plane: Make, tmp_path: Path) -> None:
    """1. Killed in mid-batch: nothing was deleted. 2. The next plane hands it out again."""
    shop = Shop(own_plane(), tmp_path)
    shop.send("waits 1", "2")
    until(lambda: shop.noted("began"), "the batch runs")
    port = shop.plane.port
    shop.plane.kill()
    (tmp_path / "gate").touch()
    shop.plane.start(port)
    until(shop.is_empty, "it was handled by a batch that the new plane knows of")
    assert shop.noted("began").count("waits 1") >= 2
    assert set(shop.noted("ended")) == {"waits 1", "2"}


def test_kills_in_mid_traffic(own_plane: Make, tmp_path: Path) -> None:
    """The agent, then the plane, while messages come: every one is handled, and then the queue is empty."""
    shop = Shop(own_plane(), tmp_path, BatchSize=2)
    (tmp_path / "gate").touch()
    sent: list[str] = []

    def send() -> None:
        bodies = [f"{len(sent) + n}" for n in range(10)]
        shop.send(*bodies)
        sent.extend(bodies)

    for victim in ("agent", "plane"):
        send()
        before = len(shop.noted("ended"))
        until(lambda seen=before: len(shop.noted("ended")) > seen, "messages are on their way")
        if victim == "agent":
            os.kill(agent_pid(shop.plane), signal.SIGKILL)
        else:
            port = shop.plane.port
            shop.plane.kill()
            shop.plane.start(port)
    send()
    until(shop.is_empty, "every message is handled")
    assert set(shop.noted("ended")) == set(sent)
