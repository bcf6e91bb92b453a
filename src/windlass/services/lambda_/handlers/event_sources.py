"""Event source mappings: create, read, list, change, delete.

All that a caller asks for is written here; the controller brings it about and then settles the state.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from windlass.aws.arn import Arn
from windlass.aws.calls import Call, Params, Result
from windlass.aws.paging import page
from windlass.aws.quotas import Quotas
from windlass.kernel.faults import Fault
from windlass.kernel.machine import allows, move
from windlass.kernel.store import Transaction
from windlass.services.lambda_ import find, roles
from windlass.services.lambda_.handlers.tags import check_tags
from windlass.services.lambda_.model import FUNCTIONS, Settings
from windlass.services.lambda_.names import Reference, resolve
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.sources import describe, parameters
from windlass.services.lambda_.sources.controller import Sources
from windlass.services.lambda_.sources.limits import MAPPINGS_PER_PAGE, filters_max
from windlass.services.lambda_.sources.model import MAPPINGS, Mapping
from windlass.services.lambda_.sources.queue import SourceQueue
from windlass.services.lambda_.sources.transitions import MAPPING_MOVES, change


async def create_event_source_mapping(call: Call, params: Params) -> Result:
    """CreateEventSourceMapping: Creating; the controller makes it Enabled, or Disabled."""
    queue = parameters.queue_arn(params, call.region)
    most = filters_max(call.part(Quotas), call.scope)
    rules = parameters.created(params, fifo=queue.resource.endswith(".fifo"), filters_max=most)
    check_tags(params.get("Tags", {}))
    function = _reference(call, params["FunctionName"])
    await _check_pair(call, queue, function)
    mapping = Mapping(
        uuid=call.ids.uuid(),
        account=call.account,
        region=call.region,
        queue_arn=str(queue),
        function=function.name,
        qualifier=function.qualifier,
        enabled=params.get("Enabled", True),
        state="Creating",
        rules=rules,
        last_modified=call.now,
        tags=tuple(sorted(params.get("Tags", {}).items())),
    )
    with call.store.transact() as tx:
        _check_single(tx, mapping)
        tx[MAPPINGS].put(mapping)
    return describe.configuration(mapping)


def get_event_source_mapping(call: Call, params: Params) -> Result:
    return _described(call, require(call, params["UUID"]))


def list_event_source_mappings(call: Call, params: Params) -> Result:
    """ListEventSourceMappings: all, those of a queue, of a function (or its version or alias), or of both."""
    queue_arn, function = params.get("EventSourceArn"), params.get("FunctionName")
    function_arn = _reference(call, function).arn if function else None
    rows, marker = page(
        call.store[MAPPINGS],
        *_listing(call.scope, queue_arn, function_arn),
        operation="ListEventSourceMappings",
        filters=[*call.scope, queue_arn, function_arn],
        token=params.get("Marker"),
        limit=min(params.get("MaxItems", MAPPINGS_PER_PAGE), MAPPINGS_PER_PAGE),
        fault=lambda: invalid("Invalid Marker"),
    )
    result: Result = {"EventSourceMappings": [_described(call, row) for row in rows]}
    return result if marker is None else {**result, "NextMarker": marker}


async def update_event_source_mapping(call: Call, params: Params) -> Result:
    """UpdateEventSourceMapping: what the request leaves out stays; batches that run go on as they are.

    Switching off is possible whatever became of the queue and the function.
    """
    found = require(call, params["UUID"])
    function = Reference(found.account, found.region, found.function, found.qualifier)
    if params.get("FunctionName"):
        function = _reference(call, params["FunctionName"])
    most = filters_max(call.part(Quotas), call.scope)
    parameters.updated(found.rules, params, fifo=found.fifo, filters_max=most)
    if params.keys() - {"UUID", "Enabled"}:
        await _check_pair(call, found.queue, function)
    with call.store.transact() as tx:
        mapping = require(call, params["UUID"])
        enabled = params.get("Enabled", mapping.enabled)
        changed = replace(
            mapping,
            function=function.name,
            qualifier=function.qualifier,
            enabled=enabled,
            rules=parameters.updated(mapping.rules, params, fifo=mapping.fifo, filters_max=most),
            state=_moved(mapping, change(mapping.enabled, enabled), "update"),
            last_modified=call.now,
        )
        if changed.function_arn != mapping.function_arn:
            _check_single(tx, changed)
        tx[MAPPINGS].put(changed)
    return _described(call, changed)


def delete_event_source_mapping(call: Call, params: Params) -> Result:
    """DeleteEventSourceMapping: Deleting until its batches are through."""
    with call.store.transact() as tx:
        mapping = require(call, params["UUID"])
        state = _moved(mapping, "delete", "delete")
        mapping = tx[MAPPINGS].put(replace(mapping, state=state, last_modified=call.now))
    return _described(call, mapping)


def require(call: Call, uuid: str) -> Mapping:
    """The caller's mapping, or AWS's fault."""
    mapping = call.store[MAPPINGS].get(uuid)
    if mapping is None or (mapping.account, mapping.region) != call.scope:
        raise Fault("ResourceNotFoundException", "The resource you requested does not exist.")
    return mapping


def _listing(scope: tuple[str, str], queue_arn: str | None, function_arn: str | None) -> tuple[str, Hashable]:
    """The index that has just the mappings asked for, and its value."""
    if function_arn and queue_arn:
        return "pair", (function_arn, queue_arn)
    if function_arn:
        return "function_arn", function_arn
    return ("queue", (*scope, queue_arn)) if queue_arn else ("scope", scope)


def _described(call: Call, mapping: Mapping) -> Result:
    return describe.configuration(mapping, call.part(Sources).last_result(mapping.uuid))


def _reference(call: Call, function: str) -> Reference:
    return resolve(function, None, call.account, call.region, call.caller.arn)


def _moved(mapping: Mapping, event: str, operation: str) -> str:
    if not allows(MAPPING_MOVES, mapping.state, event):
        raise Fault(
            "ResourceInUseException",
            f"Cannot {operation} the event source mapping because it is in use.",
        )
    return move(MAPPING_MOVES, mapping.state, event)


def _check_single(tx: Transaction, mapping: Mapping) -> None:
    """A queue is mapped to a function once."""
    for other in tx[MAPPINGS].by("pair", (mapping.function_arn, mapping.queue_arn)):
        if other.uuid != mapping.uuid:
            raise Fault(
                "ResourceConflictException",
                f'An event source mapping with SQS arn (" {mapping.queue_arn} ") and function '
                f'(" {mapping.function} ") already exists. Please update or delete the existing mapping '
                f"with UUID {other.uuid}",
            )


async def _check_pair(call: Call, queue: Arn, function: Reference) -> None:
    """Whether there are both, and messages stay hidden for as long as the function may take."""
    settings = _settings(call, function)
    source = SourceQueue(call.calls, queue, roles.caller(settings.role, function.name))
    try:
        visibility_s = await source.visibility_s()
    except Fault as fault:
        raise invalid(
            f"Error occurred while ReceiveMessage. SQS Error Code: {fault.query_code or fault.code}. "
            f"SQS Error Message: {fault.message}"
        ) from fault
    parameters.check_timeouts(visibility_s, settings.timeout_s)


def _settings(call: Call, named: Reference) -> Settings:
    """What the function is configured to, at that version or alias. Raises the fault when there is none."""
    function = call.store[FUNCTIONS].get(named.key)
    if function is None:
        raise invalid("Function does not exist")
    try:
        version = find.version_at(call.store, function, named.qualifier, lambda: 0.0)
    except Fault as fault:
        raise invalid("Function does not exist") from fault
    return function.wanted if version is None else version.settings
