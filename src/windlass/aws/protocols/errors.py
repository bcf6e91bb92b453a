"""A Fault against the service model: which error shape it is, its status, its code, its members.

Wire-protocols fact sheet, section 6. A fault names the shape (`QueueDoesNotExist`) or the code that query
services answer (`LoadBalancerNotFound`); both find the shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from botocore.model import OperationModel, ServiceModel, StructureShape

from windlass.aws.protocols.legacy_query import LEGACY_ERRORS
from windlass.aws.protocols.shapes import OPERATIONS_MAX, refuse_unknown
from windlass.kernel.faults import Fault

SERVER_ERRORS = frozenset(
    {
        "InternalException",
        "InternalServerException",
        "InternalServiceErrorException",
        "InternalStreamingException",
        "ServerException",
        "ServiceUnavailableException",
    }
)
"""Errors that AWS answers with 500 though the model states neither status nor blame (the API references of
ecs, events, logs and apprunner)."""


@dataclass(frozen=True, slots=True)
class Modelled:
    """What an error response says, before a protocol spells it."""

    type: str
    """The shape's name, `LoadBalancerNotFoundException`; the fault's own code when the model has none."""
    code: str
    """What query protocols call it, `LoadBalancerNotFound`."""
    status: int
    sender: bool
    shape: StructureShape | None
    message_name: str
    """`message` or `Message`, as the shape has it."""
    members: Mapping[str, Any]
    """All members of the shape, the message among them (absent when the shape has none)."""
    message: str


def modelled(fault: Fault, service: ServiceModel | None, operation: OperationModel | None) -> Modelled:
    """Find the fault in the model. Raises Bug for members that its shape does not have."""
    shape = _find(fault.code, service, operation)
    traits = shape.metadata.get("error", {}) if shape is not None else {}
    name = shape.name if shape is not None else fault.code
    legacy = LEGACY_ERRORS.get(service.service_name, {}).get(name) if service is not None else None
    server = name in SERVER_ERRORS or bool(shape is not None and shape.metadata.get("fault"))
    status = (
        traits.get("httpStatusCode") or fault.status or (legacy and legacy[1]) or (500 if server else 400)
    )
    message_name = _message_name(shape)
    members = dict(fault.members)
    if shape is not None:
        refuse_unknown(shape, shape.members, members)
        if message_name in shape.members:
            members[message_name] = fault.message
    return Modelled(
        type=name,
        code=fault.query_code or traits.get("code") or (legacy and legacy[0]) or fault.code,
        status=status,
        sender=status < 500,
        shape=shape,
        message_name=message_name,
        members=members,
        message=fault.message,
    )


def _message_name(shape: StructureShape | None) -> str:
    names = shape.members if shape is not None else {}
    return "Message" if "Message" in names and "message" not in names else "message"


def _find(code: str, service: ServiceModel | None, operation: OperationModel | None) -> StructureShape | None:
    if operation is not None:
        found = _errors_of_operation(operation).get(code)
        if found is not None:
            return found
        service = service or operation.service_model
    return _errors_of_service(service).get(code) if service is not None else None


@lru_cache(maxsize=OPERATIONS_MAX)
def _errors_of_operation(operation: OperationModel) -> Mapping[str, StructureShape]:
    return _by_name(operation.error_shapes)


@lru_cache(maxsize=OPERATIONS_MAX)
def _errors_of_service(service: ServiceModel) -> Mapping[str, StructureShape]:
    return _by_name(service.error_shapes)


def _by_name(shapes: Sequence[Any]) -> Mapping[str, StructureShape]:
    """By code and by shape name; a name wins over another shape's equal code."""
    by_code = {shape.metadata.get("error", {}).get("code", shape.name): shape for shape in reversed(shapes)}
    return {**by_code, **{shape.name: shape for shape in shapes}}
