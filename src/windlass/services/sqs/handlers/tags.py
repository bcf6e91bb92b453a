"""TagQueue, UntagQueue, ListQueueTags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.services.sqs import errors
from windlass.services.sqs.handlers.addressing import key_of_url, queue_of
from windlass.services.sqs.limits import TAG_KEY_MAX, TAG_VALUE_MAX, TAGS_MAX
from windlass.services.sqs.model import QUEUES


def tag_queue(call: Call, params: Params) -> None:
    given = params["Tags"]
    with call.store.transact() as tx:
        queue = tx[QUEUES].require(key_of_url(call.region, params["QueueUrl"]), errors.no_queue)
        check_tags(queue.tags, given)
        tx[QUEUES].put(replace(queue, tags={**queue.tags, **given}))


def untag_queue(call: Call, params: Params) -> None:
    gone = set(params["TagKeys"])
    with call.store.transact() as tx:
        queue = tx[QUEUES].require(key_of_url(call.region, params["QueueUrl"]), errors.no_queue)
        kept = {key: value for key, value in queue.tags.items() if key not in gone}
        tx[QUEUES].put(replace(queue, tags=kept))


def list_queue_tags(call: Call, params: Params) -> Result:
    tags = queue_of(call, params["QueueUrl"]).tags
    return {"Tags": dict(tags)} if tags else {}


def check_tags(present: Mapping[str, str], given: Mapping[str, str]) -> None:
    """50 tags at most; keys 1 to 128 characters and not `aws:…`, values up to 256."""
    if len({*present, *given}) > TAGS_MAX:
        raise errors.invalid_value(f"Too many tags added for queue. Maximum is {TAGS_MAX}.")
    for key, value in given.items():
        if not 1 <= len(key) <= TAG_KEY_MAX or key.lower().startswith("aws:"):
            raise errors.invalid_value(f"Tag key '{key}' is invalid.")
        if len(value) > TAG_VALUE_MAX:
            raise errors.invalid_value(f"Tag value of key '{key}' is longer than {TAG_VALUE_MAX} characters.")
