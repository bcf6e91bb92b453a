"""REST-XML, as S3 speaks it: members in path, query string and headers, the rest in an XML body.

Wire-protocols fact sheet, section 4. Known gaps: event streams (SelectObjectContent); `encoding-type=url`
is the service's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore.model import OperationModel, ServiceModel, Shape

from windlass.aws.body import unframed
from windlass.aws.protocols.errors import modelled
from windlass.aws.protocols.rest import Inputs, body_of, inputs, outputs, read_inputs, write_outputs
from windlass.aws.protocols.shapes import OPERATIONS_MAX, Unreadable, blob, refuse_unknown, wire_name
from windlass.aws.protocols.xml import (
    DECLARATION,
    XmlReader,
    escape,
    members_writer,
    parse_xml,
    xml_readers,
    xml_writers,
)
from windlass.aws.wire import Request, Response
from windlass.kernel.faults import Fault

CONTENT_TYPE = ("Content-Type", "application/xml")
S3_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"


def read(request: Request, operation: OperationModel, labels: Mapping[str, str]) -> dict[str, Any]:
    """The operation's parameters. Raises Fault MalformedXML for the body, InvalidArgument for the rest."""
    bound = inputs(operation)
    request = unframed(request)
    try:
        params = read_inputs(bound, request, labels)
    except Unreadable as error:
        raise Fault("InvalidArgument", str(error)) from error
    if bound.body_members:
        try:
            params.update(_read_body(bound, request.body, operation))
        except (Unreadable, RecursionError) as error:
            raise Fault("MalformedXML", f"{MALFORMED}: {error}") from error
    return params


def _read_body(bound: Inputs, body: bytes, operation: OperationModel) -> dict[str, Any]:
    if bound.payload is None or bound.payload_shape is None:
        found: dict[str, Any] = _reader(operation.input_shape)([parse_xml(body)]) if body.strip() else {}
        return {name: value for name, value in found.items() if name in bound.body_members}
    match bound.payload_shape.type_name:
        case "blob":
            return {bound.payload: body} if body or bound.payload_required else {}
        case "string":
            return {bound.payload: body.decode(errors="replace")} if body else {}
    return {bound.payload: _reader(bound.payload_shape)([parse_xml(body)])} if body.strip() else {}


def write(result: Mapping[str, Any], operation: OperationModel, request_id: str) -> Response:
    """The answer of an operation that went well."""
    shape = operation.output_shape
    bound = outputs(shape)
    status, headers = write_outputs(bound, result, operation.http.get("responseCode", 200))
    headers = [*_request_ids(request_id), *headers]
    if shape is None or status == 204 or (not bound.body_members and bound.payload is None):
        if shape is not None:
            refuse_unknown(shape, shape.members, result)
        return Response(status, tuple(headers))
    body = body_of(bound, result)
    if bound.payload is not None and bound.payload_shape is not None:
        value = body.get(bound.payload)
        if bound.payload_shape.type_name in ("blob", "string"):
            return Response(status, tuple(headers), blob(value) if value is not None else b"")
        if value is None:
            return Response(status, tuple(headers))
        tag = wire_name(bound.payload_shape.name, bound.payload_shape)
        return _xml(status, headers, [*_document(bound.payload_shape, tag, value)])
    return _xml(status, headers, [*_document(shape, wire_name(f"{operation.name}Result", shape), body)])


def _document(shape: Any, tag: str, value: Mapping[str, Any]) -> list[str]:
    parts = [f'<{tag} xmlns="{S3_NAMESPACE}">']
    _members_writer(shape)(parts, value)
    return [*parts, f"</{tag}>"]


def write_fault(
    fault: Fault, service: ServiceModel | None, operation: OperationModel | None, request_id: str
) -> Response:
    """`<Error><Code/><Message/>…<RequestId/><HostId/></Error>`."""
    error = modelled(fault, service, operation)
    headers = _request_ids(request_id)
    parts = [f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"]
    if error.shape is not None:
        bound = outputs(error.shape)
        headers += write_outputs(bound, error.members, error.status)[1]
        others = {name: value for name, value in error.members.items() if name != error.message_name}
        _members_writer(error.shape)(parts, body_of(bound, others))
    parts.append(f"<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>")
    return _xml(error.status, headers, parts)


def _xml(status: int, headers: list[tuple[str, str]], parts: list[str]) -> Response:
    return Response(status, (*headers, CONTENT_TYPE), DECLARATION + "".join(parts).encode())


def _request_ids(request_id: str) -> list[tuple[str, str]]:
    return [("x-amz-request-id", request_id), ("x-amz-id-2", request_id)]


@lru_cache(maxsize=OPERATIONS_MAX)
def _reader(shape: Shape) -> XmlReader:
    return xml_readers().of(shape)


@lru_cache(maxsize=OPERATIONS_MAX)
def _members_writer(shape: Any) -> Any:
    return members_writer(shape, xml_writers("iso8601-millis").of)
