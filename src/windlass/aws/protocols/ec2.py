"""The ec2 protocol: query with every list flattened, capitalised names, and its own envelope.

Wire-protocols fact sheet, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from botocore.model import ListShape, OperationModel, ServiceModel, Shape

from windlass.aws.protocols.errors import modelled
from windlass.aws.protocols.form import FormReader, fields, form_readers, tree
from windlass.aws.protocols.query import xml_response
from windlass.aws.protocols.shapes import OPERATIONS_MAX, Unreadable
from windlass.aws.protocols.xml import escape, members_writer, xml_writers
from windlass.aws.wire import Request, Response
from windlass.kernel.faults import Fault


def read(request: Request, operation: OperationModel, labels: Mapping[str, str]) -> dict[str, Any]:
    """The operation's parameters. Raises Fault InvalidParameterValue."""
    if operation.input_shape is None:
        return {}
    try:
        params: dict[str, Any] = _reader(operation.input_shape)(tree(fields(request)))
    except Unreadable as error:
        raise Fault("InvalidParameterValue", str(error)) from error
    return params


def write(result: Mapping[str, Any], operation: OperationModel, request_id: str) -> Response:
    """`<OpResponse><requestId>…</requestId>` with the members directly inside."""
    parts = [
        f'<{operation.name}Response xmlns="http://ec2.amazonaws.com/doc/{operation.metadata["apiVersion"]}/">'
    ]
    parts.append(f"<requestId>{request_id}</requestId>")
    shape = operation.output_shape
    if shape is not None:
        _members_writer(shape)(parts, result)
    parts.append(f"</{operation.name}Response>")
    return xml_response(200, parts, request_id)


def write_fault(
    fault: Fault, service: ServiceModel | None, operation: OperationModel | None, request_id: str
) -> Response:
    """`<Response><Errors><Error><Code/><Message/></Error></Errors><RequestID/></Response>`."""
    error = modelled(fault, service, operation)
    parts = [
        f"<Response><Errors><Error><Code>{escape(error.code)}</Code>",
        f"<Message>{escape(error.message)}</Message></Error></Errors>",
        f"<RequestID>{request_id}</RequestID></Response>",
    ]
    return xml_response(error.status, parts, request_id)


def _member_names(name: str, member: Shape) -> list[str]:
    """`queryName`, else the locationName with its first letter capitalised, else the member's name."""
    stated = member.serialization.get("queryName")
    if stated is None and "name" in member.serialization:
        located: str = member.serialization["name"]
        stated = located[:1].upper() + located[1:]
    return [stated or name]


def _no_item_name(shape: ListShape) -> str | None:
    return None


@lru_cache(maxsize=OPERATIONS_MAX)
def _reader(shape: Shape) -> FormReader:
    return form_readers(_member_names, _no_item_name).of(shape)


@lru_cache(maxsize=OPERATIONS_MAX)
def _members_writer(shape: Any) -> Any:
    return members_writer(shape, xml_writers("iso8601-millis").of)
