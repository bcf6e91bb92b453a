"""REST-JSON: members in path, query string and headers, the rest in a JSON body (lambda, batch, scheduler).

Wire-protocols fact sheet, section 4. A blob payload is the body's own bytes, as for Lambda Invoke.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from botocore.model import OperationModel, ServiceModel

from windlass.aws.body import plain
from windlass.aws.protocols.errors import modelled
from windlass.aws.protocols.events import event_stream
from windlass.aws.protocols.json import query_error_header
from windlass.aws.protocols.json_values import decode_json, json_reader, json_writer
from windlass.aws.protocols.rest import Inputs, Outputs, body_of, inputs, outputs, read_inputs, write_outputs
from windlass.aws.protocols.shapes import Unreadable, blob
from windlass.aws.wire import Request, Response
from windlass.kernel.faults import Fault

CONTENT_TYPE = ("Content-Type", "application/json")


def read(request: Request, operation: OperationModel, labels: Mapping[str, str]) -> dict[str, Any]:
    """The operation's parameters. Raises Fault SerializationException."""
    bound = inputs(operation)
    try:
        params = read_inputs(bound, request, labels)
        if bound.body_members:
            params.update(_read_body(bound, plain(request).body, operation))
    except (Unreadable, RecursionError) as error:
        raise Fault("SerializationException", str(error)) from error
    return params


def _read_body(bound: Inputs, body: bytes, operation: OperationModel) -> dict[str, Any]:
    if bound.payload is None or bound.payload_shape is None:
        read_members = json_reader(operation.input_shape)
        found: dict[str, Any] = read_members(decode_json(body)) if body.strip() else {}
        # A body may not smuggle members that belong to the path, the query string or the headers.
        return {name: value for name, value in found.items() if name in bound.body_members}
    match bound.payload_shape.type_name:
        case "blob":
            return {bound.payload: body} if body or bound.payload_required else {}
        case "string":
            return {bound.payload: _text(body)} if body else {}
    return {bound.payload: json_reader(bound.payload_shape)(decode_json(body))} if body.strip() else {}


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise Unreadable("The request body is not UTF-8") from None


def write(result: Mapping[str, Any], operation: OperationModel, request_id: str) -> Response:
    """The answer of an operation that went well, with the model's status (or the result's own)."""
    shape = operation.output_shape
    bound = outputs(shape)
    status, headers = write_outputs(bound, result, operation.http.get("responseCode", 200))
    headers.insert(0, ("x-amzn-RequestId", request_id))
    if shape is None or status == 204:
        return Response(status, tuple(headers))
    if bound.payload is not None and bound.payload_shape is not None:
        if bound.payload_shape.serialization.get("eventstream"):
            return event_stream(
                result,
                shape,
                bound.payload,
                request_id,
                initial_response=False,
                status=status,
                headers=tuple(headers[1:]),
            )
        return _write_payload(bound, body_of(bound, result), status, headers)
    body = msgspec.json.encode(json_writer(shape)(body_of(bound, result)))
    return Response(status, (*headers, CONTENT_TYPE), body)


def _write_payload(
    bound: Outputs, body: Mapping[str, Any], status: int, headers: list[tuple[str, str]]
) -> Response:
    assert bound.payload is not None and bound.payload_shape is not None
    value = body.get(bound.payload)
    if bound.payload_shape.type_name in ("blob", "string"):
        return Response(status, tuple(headers), blob(value) if value is not None else b"")
    encoded = msgspec.json.encode(json_writer(bound.payload_shape)(value if value is not None else {}))
    return Response(status, (*headers, CONTENT_TYPE), encoded)


def write_fault(
    fault: Fault, service: ServiceModel | None, operation: OperationModel | None, request_id: str
) -> Response:
    """The answer of one that did not: header and `__type` name the error (fact sheet, section 6)."""
    error = modelled(fault, service, operation)
    headers = [("x-amzn-RequestId", request_id), CONTENT_TYPE, ("x-amzn-ErrorType", error.type)]
    members: dict[str, Any] = {}
    if error.shape is not None:
        bound = outputs(error.shape)
        headers += write_outputs(bound, error.members, error.status)[1]
        members = json_writer(error.shape)(body_of(bound, error.members))
    members = {"__type": error.type, **members}
    members.setdefault(error.message_name, error.message)
    headers += query_error_header(error, service)
    return Response(error.status, tuple(headers), msgspec.json.encode(members))
