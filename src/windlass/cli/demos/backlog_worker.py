"""A worker of the backlog demo: receives, works and deletes until the queue is empty, then exits with 0.

Ordinary boto3. It is started with SIGTERM ignored: when one container of its task has found the queue
empty and left, ECS asks the others to stop, and they finish the job in their hands first.
"""

import hashlib
import os
import time
import uuid
from pathlib import Path
from typing import Any

import boto3

NAME = uuid.uuid4().hex[:12]
"""This worker's, in the ledger: in containers all process ids may be 1."""
WORK_S = 0.2
"""How long one content job takes."""


def drain(sqs: Any, queue: str, ledger: Path) -> int:
    """Work until nothing is left; returns how many jobs were done."""
    done = 0
    while messages := sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"):
        for message in messages:
            digest = work(message["Body"])
            with ledger.open("a") as file:  # one short line: appended whole, whoever else writes
                file.write(f"{message['MessageId']} {time.time():.3f} {NAME} {digest}\n")
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            done += 1
    return done


def work(body: str) -> str:
    """What processing a content job stands for: some waiting and some computing."""
    time.sleep(WORK_S)
    return hashlib.sha256(body.encode()).hexdigest()[:12]


if __name__ == "__main__":
    done = drain(boto3.client("sqs"), os.environ["QUEUE_URL"], Path(os.environ["LEDGER"]))
    print(f"found the queue empty after {done} jobs")
