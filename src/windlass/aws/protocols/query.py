"""The query protocol: form parameters in, XML out (sns, elbv2, autoscaling, iam, sts; older SQS, CloudWatch).

Wire-protocols fact sheet, section 4. A GET with the same parameters in its query string is as good as a POST.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, OperationModel, ServiceModel, Shape

from windlass.aws.protocols.errors import modelled
from windlass.aws.protocols.form import FormReader, fields, form_readers, tree
from windlass.aws.protocols.legacy_query import as_query, queue_url, xml_namespace
from windlass.aws.protocols.shapes import OPERATIONS_MAX, Unreadable, wire_name
from windlass.aws.protocols.xml import DECLARATION, escape, members_writer, xml_writers
from windlass.aws.wire import Request, Response
from windlass.kernel.faults import Fault

FRONT_END_NAMESPACE = "http://webservices.amazon.com/AWSFault/2005-15-09"
"""The namespace of errors that no service raised, such as InvalidAction (fact sheet, section 6)."""
CONTENT_TYPE = "text/xml"


def read(request: Request, operation: OperationModel, labels: Mapping[str, str]) -> dict[str, Any]:
    """The operation's parameters. Raises Fault MalformedInput; unknown parameters are ignored."""
    shape = as_query(operation).input_shape
    if shape is None:
        return {}
    try:
        params: dict[str, Any] = _reader(shape)(tree(fields(request)))
    except Unreadable as error:
        raise Fault("MalformedInput", str(error)) from error
    return queue_url(request, operation, params)


def write(result: Mapping[str, Any], operation: OperationModel, request_id: str) -> Response:
    """`<OpResponse><OpResult>…</OpResult><ResponseMetadata>…`; operations without output have no result."""
    parts = [
        f'<{operation.name}Response xmlns="{xml_namespace(operation.service_model) or FRONT_END_NAMESPACE}">'
    ]
    shape = as_query(operation).output_shape
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
        parts.append(f"<{wrapper}>")
        _members_writer(shape)(parts, result)
        parts.append(f"</{wrapper}>")
    parts.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
    parts.append(f"</{operation.name}Response>")
    return xml_response(200, parts, request_id)


def write_fault(
    fault: Fault, service: ServiceModel | None, operation: OperationModel | None, request_id: str
) -> Response:
    """`<ErrorResponse><Error><Type/><Code/><Message/>…</Error><RequestId/></ErrorResponse>`."""
    error = modelled(fault, service, operation)
    namespace = (service and xml_namespace(service)) or FRONT_END_NAMESPACE
    parts = [
        f'<ErrorResponse xmlns="{namespace}"><Error><Type>{"Sender" if error.sender else "Receiver"}</Type>',
        f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>",
    ]
    if error.shape is not None:
        others = {name: value for name, value in error.members.items() if name != error.message_name}
        _members_writer(error.shape)(parts, others)
    parts.append(f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>")
    return xml_response(error.status, parts, request_id)


def xml_response(status: int, parts: list[str], request_id: str) -> Response:
    headers = (("x-amzn-RequestId", request_id), ("Content-Type", CONTENT_TYPE))
    return Response(status, headers, DECLARATION + "".join(parts).encode())


def _member_names(name: str, member: Shape) -> list[str]:
    """botocore's name and Smithy's: for a flattened list they differ when its items have a name."""
    own = wire_name(name, member)
    if isinstance(member, ListShape) and member.serialization.get("flattened"):
        return [wire_name(own, member.member), own]
    return [own]


def _item_name(shape: ListShape) -> str | None:
    return None if shape.serialization.get("flattened") else wire_name("member", shape.member)


@lru_cache(maxsize=OPERATIONS_MAX)
def _reader(shape: Shape) -> FormReader:
    return form_readers(_member_names, _item_name).of(shape)


@lru_cache(maxsize=OPERATIONS_MAX)
def _members_writer(shape: Any) -> Any:
    return members_writer(shape, xml_writers("iso8601").of)
