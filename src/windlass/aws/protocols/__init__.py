"""AWS's wire protocols by botocore's names: each reads a request and writes an answer or a fault.

Reading gives the parameters in the form that botocore takes them in, writing takes results in the form that
botocore parses them to. Everything comes from the service model; no protocol knows a service, but for the
names in `legacy_query` that SQS's model has lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from botocore.model import OperationModel, ServiceModel

from windlass.aws.protocols import cbor, ec2, json, query, rest_json, rest_xml
from windlass.aws.wire import Request, Response
from windlass.kernel.faults import Fault


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol's three functions.

    read(request, operation, labels) → parameters; labels are those of `Routed`. Raises Fault.
    write(result, operation, request_id) → Response. Raises Bug when the result does not fit the model.
    write_fault(fault, service or None, operation or None, request_id) → Response.
    """

    name: str
    read: Callable[[Request, OperationModel, Mapping[str, str]], dict[str, Any]]
    write: Callable[[Mapping[str, Any], OperationModel, str], Response]
    write_fault: Callable[[Fault, ServiceModel | None, OperationModel | None, str], Response]


def _protocol(name: str, module: ModuleType) -> Protocol:
    return Protocol(name, module.read, module.write, module.write_fault)


PROTOCOLS: Mapping[str, Protocol] = {
    "json": _protocol("json", json),
    "query": _protocol("query", query),
    "ec2": _protocol("ec2", ec2),
    "rest-json": _protocol("rest-json", rest_json),
    "rest-xml": _protocol("rest-xml", rest_xml),
    "smithy-rpc-v2-cbor": _protocol("smithy-rpc-v2-cbor", cbor),
}
