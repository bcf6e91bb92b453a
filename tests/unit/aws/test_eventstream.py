"""Event streams: what botocore's own stream parser makes of our frames."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.eventstream import EventStreamBuffer
from botocore.exceptions import EventStreamError
from botocore.parsers import create_parser
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.eventstream import encode_error, encode_frame
from windlass.aws.models import Models
from windlass.aws.protocols import PROTOCOLS
from windlass.aws.wire import Response
from windlass.kernel.faults import Bug, Fault

MODELS = Models(["lambda", "logs"])


class Body:
    """A response's body as botocore takes it: chunks of any size."""

    def __init__(self, frames: list[bytes]) -> None:
        joined = b"".join(frames)
        self._chunks = [joined[at : at + 7] for at in range(0, len(joined), 7)]

    def stream(self) -> list[bytes]:
        return self._chunks

    def close(self) -> None: ...


def frames_of(response: Response) -> list[bytes]:
    assert response.stream is not None
    stream = response.stream

    async def collect() -> list[bytes]:
        return [frame async for frame in stream]

    return asyncio.run(collect())


async def events(*given_: Any) -> AsyncIterator[dict[str, Any]]:
    for event in given_:
        if isinstance(event, Exception):
            raise event
        yield event


def parsed(service: str, operation: str, protocol: str, result: dict[str, Any]) -> dict[str, Any]:
    model = MODELS.operation(service, operation)
    assert model is not None
    response = PROTOCOLS[protocol].write(result, model, "id")
    return create_parser(protocol).parse(
        {
            "status_code": response.status,
            "headers": HeadersDict(response.headers),
            "body": Body(frames_of(response)),
            "context": {"operation_name": operation},
        },
        model.output_shape,
    )


def test_lambda_streams_its_payload_in_chunks() -> None:
    """InvokeWithResponseStream: two chunks and the end, status and headers beside."""
    sent = [
        {"PayloadChunk": {"Payload": b"\x00one"}},
        {"PayloadChunk": {"Payload": b""}},
        {"InvokeComplete": {"ErrorCode": "Unhandled", "LogResult": "bG9n"}},
    ]
    result = {"StatusCode": 200, "ExecutedVersion": "7", "EventStream": events(*sent)}
    got = parsed("lambda", "InvokeWithResponseStream", "rest-json", result)
    assert (got["StatusCode"], got["ExecutedVersion"]) == (200, "7")
    assert list(got["EventStream"]) == sent


def test_live_tail_begins_with_an_initial_response() -> None:
    """StartLiveTail: JSON events after `initial-response`."""
    update = {
        "sessionUpdate": {
            "sessionMetadata": {"sampled": False},
            "sessionResults": [{"logStreamName": "s", "message": "m é", "timestamp": 5, "ingestionTime": 6}],
        }
    }
    start = {"sessionStart": {"requestId": "r", "sessionId": "s", "logGroupIdentifiers": ["g"]}}
    got = parsed("logs", "StartLiveTail", "json", {"responseStream": events(start, update)})
    assert list(got["responseStream"]) == [start, update]


@pytest.mark.parametrize("code", ["SessionTimeoutException", "Unmodelled"])
def test_a_fault_in_mid_stream_reaches_the_client(code: str) -> None:
    """Modelled as an exception frame, else as an error frame."""
    got = parsed("logs", "StartLiveTail", "json", {"responseStream": events(Fault(code, "too long"))})
    with pytest.raises(EventStreamError) as refused:
        list(got["responseStream"])
    assert refused.value.response["Error"] == {"Code": code, "Message": "too long"}


def test_an_event_that_the_model_lacks_is_our_bug() -> None:
    """Unknown event, unknown member, and no stream at all."""
    model = MODELS.operation("logs", "StartLiveTail")
    assert model is not None
    for event in ({"nope": {}}, {"sessionStart": {"nope": 1}}):
        response = PROTOCOLS["json"].write({"responseStream": events(event)}, model, "id")
        with pytest.raises(Bug):
            frames_of(response)
    with pytest.raises(Bug):
        PROTOCOLS["json"].write({}, model, "id")


@given(
    st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=4),
    st.binary(max_size=50),
)
def test_frames_are_read_back(headers: dict[str, str], payload: bytes) -> None:
    """Any headers and payload, checksums included."""
    buffer = EventStreamBuffer()
    buffer.add_data(encode_frame(headers, payload))
    (message,) = list(buffer)
    assert (message.headers, message.payload) == (headers, payload)


def test_long_error_texts_are_cut_to_what_a_header_holds() -> None:
    """A header value has at most 32,767 bytes, and is never cut within a character."""
    buffer = EventStreamBuffer()
    buffer.add_data(encode_error("Code", "é" * 40_000))
    (message,) = list(buffer)
    assert message.headers[":error-message"] == "é" * 16_383
    assert json.dumps(message.headers)
