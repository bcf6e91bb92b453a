"""AWS JSON 1.0 and 1.1: `POST /`, `X-Amz-Target`, one JSON object each way.

Wire-protocols fact sheet, section 4. The only difference between the versions is the content type and whether
`__type` is a full shape id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from botocore.model import OperationModel, ServiceModel

from windlass.aws.body import plain
from windlass.aws.protocols.errors import Modelled, modelled
from windlass.aws.protocols.events import event_stream
from windlass.aws.protocols.json_values import decode_json, json_reader, json_writer
from windlass.aws.protocols.legacy_query import queue_url
from windlass.aws.protocols.shapes import Unreadable
from windlass.aws.wire import Request, Response
from windlass.kernel.faults import Fault


def read(request: Request, operation: OperationModel, labels: Mapping[str, str]) -> dict[str, Any]:
    """The operation's parameters. Raises Fault SerializationException for what is not such JSON."""
    if operation.input_shape is None:
        return {}
    body = plain(request).body
    try:
        params: dict[str, Any] = json_reader(operation.input_shape)(decode_json(body) if body.strip() else {})
    except (Unreadable, RecursionError) as error:
        raise Fault("SerializationException", str(error)) from error
    return queue_url(request, operation, params)


def write(result: Mapping[str, Any], operation: OperationModel, request_id: str) -> Response:
    """The answer of an operation that went well; an empty body when the model has no output."""
    headers = (("x-amzn-RequestId", request_id), ("Content-Type", _content_type(operation.service_model)))
    shape = operation.output_shape
    if shape is None:
        return Response(200, headers)
    if shape.event_stream_name:
        return event_stream(result, shape, shape.event_stream_name, request_id, initial_response=True)
    return Response(200, headers, msgspec.json.encode(json_writer(shape)(result)))


def write_fault(
    fault: Fault, service: ServiceModel | None, operation: OperationModel | None, request_id: str
) -> Response:
    """The answer of one that did not. `__type` and the header both name the error (fact sheet, section 6)."""
    error = modelled(fault, service, operation)
    members = json_writer(error.shape)(error.members) if error.shape is not None else {}
    members = {"__type": type_name(error, service), **members}
    members.setdefault(error.message_name, error.message)
    headers = [
        ("x-amzn-RequestId", request_id),
        ("Content-Type", _content_type(service)),
        ("x-amzn-ErrorType", error.type),
        *query_error_header(error, service),
    ]
    return Response(error.status, tuple(headers), msgspec.json.encode(members))


def query_error_header(error: Modelled, service: ServiceModel | None) -> list[tuple[str, str]]:
    """What services that once spoke query add, so that old code still sees the old codes."""
    if service is None or not service.is_query_compatible:
        return []
    return [("x-amzn-query-error", f"{error.code};{'Sender' if error.sender else 'Receiver'}")]


def type_name(error: Modelled, service: ServiceModel | None) -> str:
    """`com.amazonaws.sqs#QueueDoesNotExist` in JSON 1.0 and CBOR, `ClusterNotFoundException` in 1.1."""
    if service is None or service.metadata.get("jsonVersion") != "1.0":
        return error.type
    if error.shape is None:
        return f"com.amazon.coral.service#{error.type}"
    return f"com.amazonaws.{service.service_name.replace('-', '')}#{error.type}"


def _content_type(service: ServiceModel | None) -> str:
    version = service.metadata.get("jsonVersion") if service is not None else None
    return f"application/x-amz-json-{version or '1.1'}"
