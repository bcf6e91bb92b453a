"""Smithy RPC v2 CBOR: `POST …/service/<Service>/operation/<Operation>`, one CBOR map each way.

Wire-protocols fact sheet, section 4. Only tag 1 (timestamps) is read; all others are refused, because they
can make shared, cyclic or huge values out of few bytes. Known gap: event streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import cbor2
from botocore.model import OperationModel, ServiceModel, Shape

from windlass.aws.body import plain
from windlass.aws.protocols.errors import modelled
from windlass.aws.protocols.json import query_error_header
from windlass.aws.protocols.legacy_query import queue_url
from windlass.aws.protocols.shapes import DEPTH_MAX, OPERATIONS_MAX, Unreadable, blob
from windlass.aws.protocols.timestamps import format_epoch, parse_timestamp
from windlass.aws.protocols.tree import (
    Leaves,
    Reader,
    Writer,
    read_number,
    tree_readers,
    tree_writers,
    write_number,
    wrong_type,
)
from windlass.aws.wire import Request, Response
from windlass.kernel.faults import Fault

HEADERS = (("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor"))
TIMESTAMP_TAG = 1


def read(request: Request, operation: OperationModel, labels: Mapping[str, str]) -> dict[str, Any]:
    """The operation's parameters. Raises Fault SerializationException."""
    if operation.input_shape is None:
        return {}
    body = plain(request).body
    try:
        params: dict[str, Any] = cbor_reader(operation.input_shape)(decode_cbor(body) if body else {})
    except (Unreadable, RecursionError) as error:
        raise Fault("SerializationException", str(error)) from error
    return queue_url(request, operation, params)


def write(result: Mapping[str, Any], operation: OperationModel, request_id: str) -> Response:
    """The answer of an operation that went well; an empty body when the model has no output."""
    headers = (("x-amzn-RequestId", request_id), *HEADERS)
    shape = operation.output_shape
    if shape is None:
        return Response(200, headers)
    return Response(200, headers, cbor2.dumps(cbor_writer(shape)(result)))


def write_fault(
    fault: Fault, service: ServiceModel | None, operation: OperationModel | None, request_id: str
) -> Response:
    """The answer of one that did not; the type is only in the body."""
    error = modelled(fault, service, operation)
    namespace = "com.amazon.coral.service"
    if service is not None and error.shape is not None:
        namespace = f"com.amazonaws.{service.service_name.replace('-', '')}"
    members = cbor_writer(error.shape)(error.members) if error.shape is not None else {}
    members = {"__type": f"{namespace}#{error.type}", **members}
    members.setdefault(error.message_name, error.message)
    headers = (("x-amzn-RequestId", request_id), *HEADERS, *query_error_header(error, service))
    return Response(error.status, headers, cbor2.dumps(members))


def decode_cbor(body: bytes) -> Any:
    """One CBOR item as Python values. Raises Unreadable."""
    try:
        return cbor2.loads(
            body,
            max_depth=DEPTH_MAX,
            strict_hashable_types=True,
            semantic_decoders=_TAGS,
            tag_hook=_refuse_tag,
        )
    except (cbor2.CBORError, Unreadable, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise Unreadable(f"The request body is not valid CBOR: {error}") from None


def _refuse_tag(*unread: Any) -> Any:
    raise Unreadable("only timestamps (tag 1) may be tagged")


_BUILT_IN_TAGS = (0, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000)
_TAGS: dict[int, Callable[..., Any]] = dict.fromkeys(_BUILT_IN_TAGS, _refuse_tag)
"""Every tag that cbor2 would decode by itself; tags it does not know arrive as CBORTag and fit no shape."""


def _read_blob(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    raise wrong_type(value, "a Blob")


def _read_timestamp(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return parse_timestamp(value)
    except ValueError:
        raise wrong_type(value, "a Timestamp") from None


def _write_timestamp(value: Any) -> Any:
    return cbor2.CBORTag(TIMESTAMP_TAG, format_epoch(value))


def _write_float(value: Any) -> float:
    return float(write_number(value))


LEAVES = Leaves(
    read_blob=_read_blob,
    write_blob=blob,
    read_timestamp=lambda shape: _read_timestamp,
    write_timestamp=lambda shape: _write_timestamp,
    read_float=read_number,
    write_float=_write_float,
    by_location_name=False,
)


@lru_cache(maxsize=OPERATIONS_MAX)
def cbor_writer(shape: Shape) -> Writer:
    """The closure that turns a value of that shape into what cbor2 encodes."""
    return tree_writers(LEAVES).of(shape)


@lru_cache(maxsize=OPERATIONS_MAX)
def cbor_reader(shape: Shape) -> Reader:
    """The closure that turns decoded CBOR into a value of that shape."""
    return tree_readers(LEAVES).of(shape)
