"""Which queue a call means: from its QueueUrl, or from an ARN."""

from __future__ import annotations

from windlass.aws.calls import Call
from windlass.services.sqs import errors
from windlass.services.sqs.model import QUEUES, Queue, QueueKey, queue_key_of


def key_of_url(region: str, url: str) -> QueueKey:
    """The queue in the last two parts of the URL's path, `/<account>/<name>`, whatever the host.

    Raises QueueDoesNotExist for what is no queue URL.
    """
    slash = url.rfind("/")
    account = url[url.rfind("/", 0, slash) + 1 : slash] if slash > 0 else ""
    name = url[slash + 1 :]
    if not account or not name or not account.isdigit():
        raise errors.no_queue()
    return (account, region, name)


def queue_of(call: Call, url: str) -> Queue:
    """The queue with this URL; raises QueueDoesNotExist."""
    return call.store[QUEUES].require(key_of_url(call.region, url), errors.no_queue)


def queue_of_arn(call: Call, arn: str, parameter: str) -> Queue:
    """The queue with this ARN; raises ResourceNotFoundException, which names the parameter."""
    key = queue_key_of(arn)
    queue = None if key is None or key[1] != call.region else call.store[QUEUES].get(key)
    if queue is None:
        raise errors.no_resource(
            f"The resource that you specified for the {parameter} parameter doesn't exist."
        )
    return queue
