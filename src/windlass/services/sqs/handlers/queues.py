"""CreateQueue, DeleteQueue, GetQueueUrl, ListQueues, Get- and SetQueueAttributes, PurgeQueue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import open_token, seal
from windlass.aws.quotas import Quotas
from windlass.kernel.clock import SECOND
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.sqs import attributes, contents, describe, errors
from windlass.services.sqs.expiry import Expiry
from windlass.services.sqs.handlers.addressing import key_of_url, queue_of
from windlass.services.sqs.handlers.tags import check_tags
from windlass.services.sqs.limits import LIST_QUEUES_MAX, PURGE_PAUSE, QUOTA_DELETED_RECENTLY
from windlass.services.sqs.model import DELETED_QUEUES, MESSAGES, QUEUES, DeletedQueue, Queue, queue_key_of
from windlass.services.sqs.queue import redelayed

_ID_DIGITS = 12


def create_queue(call: Call, params: Params) -> Result:
    """Make a queue; for an existing one, its URL if every given attribute has the value given."""
    name, given = params["QueueName"], params.get("Attributes") or {}
    key = (call.account, call.region, name)
    queue_id = call.ids.hex(_ID_DIGITS)
    with call.store.transact() as tx:
        existing = tx[QUEUES].get(key)
        if existing is not None:
            different = attributes.difference(existing, given)
            if different is not None:
                raise errors.queue_exists(different)
            return {"QueueUrl": describe.queue_url(call.endpoint, existing)}
        fifo = attributes.wants_fifo(given)
        attributes.check_name(name, fifo)
        check_tags({}, params.get("tags") or {})
        _check_not_deleted_recently(tx, call, name)
        fresh = Queue(*key, id=queue_id, created_at=call.now, modified_at=call.now, fifo=fifo)
        queue = attributes.applied(fresh, given)
        _check_redrive(tx, queue, given)
        queue = tx[QUEUES].put(replace(queue, tags=dict(params.get("tags") or {})))
    return {"QueueUrl": describe.queue_url(call.endpoint, queue)}


def delete_queue(call: Call, params: Params) -> None:
    """Delete the queue; its messages are swept afterwards."""
    key = key_of_url(call.region, params["QueueUrl"])
    with call.store.transact() as tx:
        tx[QUEUES].require(key, errors.no_queue)
        tx[QUEUES].delete(key)
        if _pause_s(call):
            tx[DELETED_QUEUES].put(DeletedQueue(*key, deleted_at=call.now))
    call.part(Expiry).wake()


def get_queue_url(call: Call, params: Params) -> Result:
    account = params.get("QueueOwnerAWSAccountId") or call.account
    queue = call.store[QUEUES].require((account, call.region, params["QueueName"]), errors.no_queue)
    return {"QueueUrl": describe.queue_url(call.endpoint, queue)}


def list_queues(call: Call, params: Params) -> Result:
    """Queues by name, at most 1,000; a page token only if MaxResults was sent."""
    prefix = params.get("QueueNamePrefix") or ""
    limit = _page_size(params)
    filters = (*call.scope, prefix)
    after: object = (prefix, ()) if prefix else None
    if params.get("NextToken"):
        after = open_token(params["NextToken"], "ListQueues", filters, _bad_token)
    rows = call.store[QUEUES].page("scope", call.scope, after=after, limit=limit + 1)
    shown = [queue for queue in rows if queue.name.startswith(prefix)]
    page = shown[:limit]
    result: Result = {}
    if page:
        result["QueueUrls"] = [describe.queue_url(call.endpoint, queue) for queue in page]
    if len(shown) > limit and params.get("MaxResults"):
        place = call.store[QUEUES].place("scope", page[-1])
        result["NextToken"] = seal("ListQueues", filters, place)
    return result


def list_dead_letter_source_queues(call: Call, params: Params) -> Result:
    """The queues whose RedrivePolicy names this one."""
    queue = queue_of(call, params["QueueUrl"])
    limit = _page_size(params)
    after = None
    if params.get("NextToken"):
        after = open_token(params["NextToken"], "ListDeadLetterSourceQueues", queue.arn, _bad_token)
    rows = call.store[QUEUES].page("dead_letter", queue.arn, after=after, limit=limit + 1)
    page = rows[:limit]
    result: Result = {"queueUrls": [describe.queue_url(call.endpoint, source) for source in page]}
    if len(rows) > limit and params.get("MaxResults"):
        place = call.store[QUEUES].place("dead_letter", page[-1])
        result["NextToken"] = seal("ListDeadLetterSourceQueues", queue.arn, place)
    return result


def get_queue_attributes(call: Call, params: Params) -> Result:
    queue = queue_of(call, params["QueueUrl"])
    names = params.get("AttributeNames") or ()
    if not names:
        return {}
    counts = contents.counts(call.store[MESSAGES], queue.id, call.now)
    shown = describe.queue_attributes(queue, counts, names)
    return {"Attributes": shown} if shown else {}


def set_queue_attributes(call: Call, params: Params) -> None:
    """Change attributes. A new DelaySeconds reaches messages already sent on FIFO queues only."""
    given = params["Attributes"]
    with call.store.transact() as tx:
        queue = tx[QUEUES].require(key_of_url(call.region, params["QueueUrl"]), errors.no_queue)
        changed = attributes.applied(queue, given)
        _check_redrive(tx, changed, given)
        tx[QUEUES].put(replace(changed, modified_at=call.now))
        if queue.fifo and changed.delay_s != queue.delay_s:
            for message in contents.recently_sent(tx, queue, call.now):
                contents.put(tx, redelayed(changed, message, call.now))


def purge_queue(call: Call, params: Params) -> None:
    """Empty the queue, messages in flight included; once in 60 seconds."""
    queue_id = call.ids.hex(_ID_DIGITS)
    with call.store.transact() as tx:
        queue = tx[QUEUES].require(key_of_url(call.region, params["QueueUrl"]), errors.no_queue)
        if queue.purged_at and call.now < queue.purged_at + PURGE_PAUSE:
            raise errors.purge_in_progress(queue.name)
        tx[QUEUES].put(replace(queue, id=queue_id, purged_at=call.now))
    call.part(Expiry).wake()


def _check_redrive(tx: Transaction, queue: Queue, given: Mapping[str, str]) -> None:
    if given.get("RedrivePolicy"):
        key = queue_key_of(queue.dead_letter_arn)
        attributes.check_dead_letter(queue, None if key is None else tx[QUEUES].get(key))


def _check_not_deleted_recently(tx: Transaction, call: Call, name: str) -> None:
    pause_s = _pause_s(call)
    for old in tx[DELETED_QUEUES].upto("deleted", True, call.now - round(pause_s * SECOND), limit=100):
        tx[DELETED_QUEUES].delete((old.account, old.region, old.name))
    if pause_s and tx[DELETED_QUEUES].get((call.account, call.region, name)) is not None:
        raise errors.deleted_recently(pause_s)
    tx[DELETED_QUEUES].delete((call.account, call.region, name))


def _pause_s(call: Call) -> float:
    return call.part(Quotas).value(QUOTA_DELETED_RECENTLY) or 0.0


def _page_size(params: Params) -> int:
    size = params.get("MaxResults")
    if size is None:
        return LIST_QUEUES_MAX
    if not 1 <= size <= LIST_QUEUES_MAX:
        raise errors.invalid_parameter(
            "MaxResults", size, f"Must be between 1 and {LIST_QUEUES_MAX}, if provided."
        )
    return int(size)


def _bad_token() -> Fault:
    return errors.invalid_value("Invalid or expired next token.")
