"""Event invoke configurations: Put replaces all of one, Update the members that are given."""

from __future__ import annotations

from windlass.aws.arn import parse
from windlass.aws.calls import Call, Params, Principal, Result
from windlass.aws.paging import page
from windlass.kernel.faults import Fault
from windlass.services.lambda_ import describe
from windlass.services.lambda_.event_invoke import configured, shown
from windlass.services.lambda_.event_model import EVENT_INVOKE_CONFIGS, EventInvokeConfig
from windlass.services.lambda_.find import reference, version_at
from windlass.services.lambda_.limits import LIST_ITEMS_MAX
from windlass.services.lambda_.model import FUNCTIONS, LATEST, Function
from windlass.services.lambda_.package import invalid


async def put_function_event_invoke_config(call: Call, params: Params) -> Result:
    await _check_queues(call, configured(_fresh(call, params), params, call.now))
    with call.store.transact() as tx:
        config = tx[EVENT_INVOKE_CONFIGS].put(configured(_fresh(call, params), params, call.now))
    return shown(config)


async def update_function_event_invoke_config(call: Call, params: Params) -> Result:
    await _check_queues(call, configured(_config(call, params), params, call.now))
    with call.store.transact() as tx:
        config = tx[EVENT_INVOKE_CONFIGS].put(configured(_config(call, params), params, call.now))
    return shown(config)


def get_function_event_invoke_config(call: Call, params: Params) -> Result:
    return shown(_config(call, params))


def delete_function_event_invoke_config(call: Call, params: Params) -> Result:
    with call.store.transact() as tx:
        tx[EVENT_INVOKE_CONFIGS].delete(_config(call, params).key)
    return {}


def list_function_event_invoke_configs(call: Call, params: Params) -> Result:
    """ListFunctionEventInvokeConfigs, by qualifier."""
    function = _function(call, params)
    rows, marker = page(
        call.store[EVENT_INVOKE_CONFIGS],
        "function",
        function.uid,
        operation="ListFunctionEventInvokeConfigs",
        filters=[function.uid],
        token=params.get("Marker"),
        limit=params.get("MaxItems", LIST_ITEMS_MAX),
        fault=lambda: invalid("Invalid Marker"),
    )
    return describe.page("FunctionEventInvokeConfigs", [shown(row) for row in rows], marker)


async def _check_queues(call: Call, config: EventInvokeConfig) -> None:
    """Raise the fault of a destination that is a queue of the caller's account and is not there.

    Others are not looked at: a queue of another account need not be visible, and the rest is found out when
    something is sent.
    """
    for text in (config.on_success, config.on_failure):
        target = parse(text)
        if target is None or target.service != "sqs" or target.account != call.account:
            continue
        principal = Principal(call.account, target.region, "lambda.amazonaws.com")
        try:
            await call.calls.call("sqs", "GetQueueUrl", {"QueueName": target.resource}, principal)
        except Fault:
            raise invalid(f"The destination ARN {text} is invalid.") from None


def _function(call: Call, params: Params) -> Function:
    """The function that the request names, and which has the version or alias that it names."""
    named, gone = reference(call, params), Fault("ResourceNotFoundException", "The function doesn't exist.")
    function = call.store[FUNCTIONS].require(named.key, lambda: gone)
    try:
        version_at(call.store, function, named.qualifier, lambda: 0.0)
    except Fault:
        raise gone from None
    return function


def _fresh(call: Call, params: Params) -> EventInvokeConfig:
    """A configuration that says nothing, of the version or alias that the request names."""
    function = _function(call, params)
    return EventInvokeConfig(
        account=function.account,
        region=function.region,
        function=function.name,
        uid=function.uid,
        qualifier=reference(call, params).qualifier or LATEST,
        last_modified=call.now,
    )


def _config(call: Call, params: Params) -> EventInvokeConfig:
    """The one that is there."""
    fresh = _fresh(call, params)
    return call.store[EVENT_INVOKE_CONFIGS].require(
        fresh.key,
        lambda: Fault(
            "ResourceNotFoundException",
            f"The function {shown(fresh)['FunctionArn']} doesn't have an EventInvokeConfig",
        ),
    )
