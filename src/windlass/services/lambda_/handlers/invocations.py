"""Invoke, InvokeWithResponseStream, and InvokeAsync, which was there before Invoke could."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec

from windlass.aws.calls import Call, Params, Result
from windlass.fleet.messages import InvokeResult
from windlass.kernel.faults import Fault, Retry
from windlass.services.lambda_.event_model import ASYNC_EVENTS, AsyncEvent
from windlass.services.lambda_.events import EventQueue
from windlass.services.lambda_.find import qualified, require
from windlass.services.lambda_.invoke import Event, Invoker
from windlass.services.lambda_.limits import (
    ASYNC_PAYLOAD_BYTES_MAX,
    CLIENT_CONTEXT_BYTES_MAX,
    INVOKE_ASYNC_BYTES_MAX,
    SYNC_PAYLOAD_BYTES_MAX,
)
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.streaming import Streamed, Streams
from windlass.services.lambda_.target import Target
from windlass.services.lambda_.tracing import trace_id


async def invoke(call: Call, params: Params) -> Result:
    """Invoke: RequestResponse waits for the result, Event only for the queue, DryRun for nothing.

    What an invocation reads was durable when its environment was started, and it writes nothing: it does not
    wait for the log, which takes the lines that functions print all the time.
    """
    kind = params.get("InvocationType", "RequestResponse")
    most = ASYNC_PAYLOAD_BYTES_MAX if kind == "Event" else SYNC_PAYLOAD_BYTES_MAX
    target, event = _read(call, params, most)
    match kind:
        case "DryRun":
            return {"StatusCode": 204, "Payload": b""}
        case "Event":
            _queue(call, target, event.payload, event.client_context)
            await call.store.durable()
            return {"StatusCode": 202, "Payload": b""}
    try:
        result = await call.part(Invoker).invoke(target, event)
    except Retry as error:
        raise _lost(error) from error
    return describe_result(result, target.version, tail=event.tail)


async def invoke_with_response_stream(call: Call, params: Params) -> Result:
    """InvokeWithResponseStream: answers as soon as there is something to read."""
    target, event = _read(call, params, SYNC_PAYLOAD_BYTES_MAX)
    if params.get("InvocationType") == "DryRun":
        return {"StatusCode": 204, "EventStream": _nothing()}
    streamed = call.part(Streams).open(target, event)
    try:
        await streamed.begin()
    except Retry as error:
        raise _lost(error) from error
    return {
        "StatusCode": 200,
        "ExecutedVersion": target.version,
        "EventStream": _stream_events(streamed, event),
    }


async def _stream_events(streamed: Streamed, event: Event) -> AsyncIterator[Result]:
    """PayloadChunks, then InvokeComplete."""
    async with aclosing(streamed.pieces()) as pieces:
        async for piece in pieces:
            if piece:
                yield {"PayloadChunk": {"Payload": piece}}
    try:
        ending = streamed.ending()
    except Retry as error:
        raise _lost(error) from error
    said = {"ErrorCode": ending.code, "ErrorDetails": ending.details}
    if event.tail:
        said["LogResult"] = base64.b64encode(ending.log_tail).decode()
    yield {"InvokeComplete": {name: value for name, value in said.items() if value}}


async def _nothing() -> AsyncIterator[Result]:
    nothing: tuple[Result, ...] = ()
    for event in nothing:
        yield event


def _read(call: Call, params: Params, most: int) -> tuple[Target, Event]:
    """What to run, and with what; an event has at most so many bytes."""
    target = call.part(Invoker).target(*qualified(call, params, "lambda:InvokeFunction"))
    if params.get("DurableExecutionName"):
        raise invalid("Windlass does not have durable functions yet: leave out DurableExecutionName")
    if params.get("TenantId"):
        raise invalid("Windlass does not have tenant isolation yet: leave out TenantId")
    payload = bytes(params.get("Payload") or b"")
    check_payload(payload, most)
    context = decode_client_context(params.get("ClientContext", ""))
    tail = params.get("LogType") == "Tail"
    return target, Event(call.request_id, payload or b"{}", context, tail, trace_id=call.trace_id)


def _lost(error: Retry) -> Fault:
    return Fault("ServiceException", f"The execution environment was lost: {error.why}")


def invoke_async(call: Call, params: Params) -> Result:
    """InvokeAsync (deprecated): an event for the function itself."""
    payload = bytes(params["InvokeArgs"])
    check_payload(payload, INVOKE_ASYNC_BYTES_MAX)
    _queue(call, call.part(Invoker).target(require(call, params)), payload, "")
    return {"Status": 202}


def describe_result(result: InvokeResult, version: str, *, tail: bool) -> Result:
    described: Result = {"StatusCode": 200, "Payload": result.payload, "ExecutedVersion": version}
    if result.error:
        described["FunctionError"] = result.error
    if tail:
        described["LogResult"] = base64.b64encode(result.log_tail).decode()
    return described


def check_payload(payload: bytes, most: int) -> None:
    """Raise the fault for what is too large or no JSON; nothing at all is taken for {}."""
    if len(payload) > most:
        raise Fault(
            "RequestTooLargeException",
            f"Request must be smaller than {most} bytes for the InvokeFunction operation",
            status=413,
        )
    try:
        if payload:
            payload.decode()
            msgspec.json.decode(payload, type=msgspec.Raw)  # checks, and builds nothing: 6 MB in milliseconds
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Fault(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {error}",
        ) from error


def decode_client_context(given: str) -> str:
    """The JSON text in X-Amz-Client-Context, on one line; empty for none."""
    if not given:
        return ""
    try:
        raw = base64.b64decode(given, validate=True)
        if len(raw) > CLIENT_CONTEXT_BYTES_MAX:
            raise invalid(f"The client context is larger than {CLIENT_CONTEXT_BYTES_MAX} bytes")
        return msgspec.json.encode(msgspec.json.decode(raw)).decode()
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Fault(
            "InvalidRequestContentException", "Client context must be a valid Base64 encoded JSON"
        ) from error


def _queue(call: Call, target: Target, payload: bytes, context: str) -> None:
    """Make the event durable; the queue takes it from there."""
    function = target.function
    event = AsyncEvent(
        id=call.request_id,
        account=function.account,
        region=function.region,
        function=function.name,
        payload=payload or b"{}",
        client_context=context,
        received_at=call.now,
        due_at=call.now,
        qualifier=target.qualifier,
        trace_id=trace_id(call.trace_id, call.now, call.ids.hex(40)),
    )
    with call.store.transact() as tx:
        tx[ASYNC_EVENTS].put(event)
    call.part(EventQueue).queued(event)
