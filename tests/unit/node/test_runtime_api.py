"""The Runtime API against raw HTTP: order of calls, ids, sizes, wording."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.function_messages import STREAM_WINDOW_BYTES, InvokeChunk
from windlass.node.http import HEAD_BYTES_MAX, Connection, Request
from windlass.node.response_streams import ResponseStream, ResponseStreams
from windlass.node.runtime_api import HEARD, RESPONSE_BYTES_MAX, Event, RuntimeApi, error_type

NEXT = "/2018-06-01/runtime/invocation/next"
WIRE = (
    b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n",
    b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"3\r\nabc\r\n",
    b"0\r\n\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"\r\n",
)


class Wire(asyncio.Transport):
    """Keeps what is written; closes when told."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


@dataclass
class Heard:
    """An environment that writes down what it is told."""

    told: list[tuple[Any, ...]] = field(default_factory=list)

    def asked_for_next(self) -> None:
        self.told.append(("next",))

    def responded(self, request_id: str, payload: bytes) -> None:
        self.told.append(("responded", request_id, payload))

    def failed(self, request_id: str, payload: bytes, error_type: str) -> None:
        self.told.append(("failed", request_id, payload, error_type))

    def init_failed(self, payload: bytes, error_type: str) -> None:
        self.told.append(("init_failed", payload, error_type))

    restored: bool = True

    def may_be_snapshot(self) -> bool:
        self.told.append(("may be snapshot",))
        return self.restored

    streams: ResponseStream | None = None
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def stream(self) -> ResponseStream | None:
        return self.streams

    def broke_off(self) -> None:
        self.told.append(("broke off",))

    def disconnected(self) -> None:
        self.told.append(("disconnected",))
        self.left.set()


@dataclass
class Runtime:
    """A runtime's end of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, method: str, path: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(head[0].split()[1]), headers, body

    async def call(self, method: str, path: str, body: bytes = b"", *headers: str) -> tuple[int, Any]:
        self.send(method, path, body, *headers)
        status, _, answer = await self.answer()
        return status, json.loads(answer) if answer.startswith(b"{") else answer


def play(story: Callable[[RuntimeApi, Heard, Runtime], Awaitable[None]]) -> None:
    async def run() -> None:
        heard = Heard()
        api = RuntimeApi(heard)
        port = await api.listen()
        runtime = Runtime(*await asyncio.open_connection("127.0.0.1", port))
        await story(api, heard, runtime)
        runtime.writer.close()
        api.close()

    asyncio.run(run())


def an_event(request_id: str = "r1") -> Event:
    return Event(request_id, b'{"a":1}', 1234, "arn:f", client_context='{"x":"\r\ny"}')


def test_an_event_and_its_response() -> None:
    """next parks until there is an event; headers say what AWS says; empty ones are left out."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        runtime.send("GET", NEXT)
        assert await runtime.call("GET", "/2018-06-01/ping") == (200, b"pong")
        assert heard.told == [("next",)]
        api.offer(an_event())
        status, headers, body = await runtime.answer()
        assert (status, body, headers["lambda-runtime-deadline-ms"]) == (200, b'{"a":1}', "1234")
        assert headers["lambda-runtime-aws-request-id"] == "r1" and "lambda-runtime-trace-id" not in headers
        path = "/2018-06-01/runtime/invocation/r1/response"
        assert await runtime.call("POST", path, b"7") == (202, {"status": "OK"})
        assert heard.told[-1] == ("responded", "r1", b"7")
        api.offer(an_event("r2"))
        assert (await runtime.call("GET", NEXT))[1] == {"a": 1}
        error = path.replace("r1/response", "r2/error")
        header = "Lambda-Runtime-Function-Error-Type: Function.Oops"
        assert (await runtime.call("POST", error, b"{}", header))[0] == 202
        assert heard.told[-1] == ("failed", "r2", b"{}", "Function.Oops")

    play(story)


def test_what_is_out_of_order() -> None:
    """A response before its event, one to another id, a second one, next in mid-event."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        path = "/2018-06-01/runtime/invocation/{}/response"
        stale = (400, {"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"})
        assert await runtime.call("POST", path.format("r1"), b"1") == stale
        api.offer(an_event())
        assert (await runtime.call("POST", path.format("r1"), b"1"))[0] == 403
        await runtime.call("GET", NEXT)
        assert await runtime.call("POST", path.format("other"), b"1") == stale
        assert await runtime.call("POST", "/2018-06-01/runtime/init/error") == (403, {
            "errorType": "InvalidStateTransition",
            "errorMessage": "State transition from Running to InitError failed for runtime. "
            "Error: State transition is not allowed",
        })  # fmt: skip
        assert await runtime.call("GET", NEXT) == (200, {"a": 1})  # in mid-event: the same again
        assert (await runtime.call("POST", path.format("r1"), b"1"))[0] == 202
        assert await runtime.call("POST", path.format("r1"), b"1") == stale
        assert (await runtime.call("GET", "/2018-06-01/runtime/what"))[0] == 404
        assert (await runtime.call("POST", NEXT))[0] == 405
        assert [told[0] for told in heard.told] == ["next", "responded"]

    play(story)


RESTORE = "/2018-06-01/runtime/restore/{}"


def test_a_runtime_that_goes_on_by_itself_is_restored_at_once() -> None:
    """Once, before its first event; what its hooks fail with is told."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        assert await runtime.call("GET", RESTORE.format("next")) == (200, b"")
        assert (await runtime.call("GET", RESTORE.format("next")))[0] == 403
        assert (await runtime.call("POST", RESTORE.format("next")))[0] == 405
        header = "Lambda-Runtime-Function-Error-Type: Runtime.AfterRestoreError"
        assert (await runtime.call("POST", RESTORE.format("error"), b"{}", header))[0] == 202
        assert heard.told == [("may be snapshot",), ("init_failed", b"{}", "Runtime.AfterRestoreError")]
        assert (await runtime.call("GET", NEXT))[0] == 403

    play(story)


def test_a_template_gets_no_answer() -> None:
    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        heard.restored = False
        runtime.send("GET", RESTORE.format("next"))
        runtime.writer.close()
        await heard.left.wait()
        assert heard.told == [("may be snapshot",), ("disconnected",)]
        assert api.state == "RestoreReady" and await runtime.reader.read() == b""

    play(story)


def test_too_large_and_odd_modes() -> None:
    """413 above the limit, exactly the limit passes; an unknown response mode fails the event."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        path = "/2018-06-01/runtime/invocation/{}/response"
        for request_id, size, expected in (
            ("a", RESPONSE_BYTES_MAX, 202),
            ("b", RESPONSE_BYTES_MAX + 1, 413),
        ):
            api.offer(an_event(request_id))
            await runtime.call("GET", NEXT)
            assert (await runtime.call("POST", path.format(request_id), bytes(size)))[0] == expected
        assert heard.told[-1][0::3] == ("failed", "Function.ResponseSizeTooLarge")
        api.offer(an_event("c"))
        await runtime.call("GET", NEXT)
        mode = "Lambda-Runtime-Function-Response-Mode: odd"
        assert (await runtime.call("POST", path.format("c"), b"1", mode))[0] == 400
        assert heard.told[-1][0::3] == ("failed", "Runtime.InvalidResponseModeHeader")

    play(story)


STREAMING = "Lambda-Runtime-Function-Response-Mode: streaming"


def chunked(request_id: str, *headers: str) -> bytes:
    """The head of a response that comes in pieces."""
    path = f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1"
    return "\r\n".join([path, STREAMING, "Transfer-Encoding: chunked", *headers, "", ""]).encode()


class Taken:
    """A plane that takes pieces."""

    def __init__(self, heard: Heard) -> None:
        self.data = bytearray()
        self.came = asyncio.Event()
        streams = ResponseStreams()
        streams.send_with(self.take)
        heard.streams = self.stream = streams.open("r1")

    def take(self, chunk: InvokeChunk) -> bool:
        self.data += chunk.data
        self.came.set()
        return True

    async def until(self, size: int) -> None:
        while len(self.data) < size:
            self.came.clear()
            await self.came.wait()


def test_a_response_in_pieces() -> None:
    """Each goes on before the next is said; trailers are an error amid it."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        taken = Taken(heard)
        api.offer(an_event())
        await runtime.call("GET", NEXT)
        runtime.writer.write(chunked("r1", "Content-Type: text/plain"))
        runtime.writer.write(b"3\r\nabc\r\n")
        await taken.until(3)
        assert (bytes(taken.data), taken.stream.content_type) == (b"abc", "text/plain")
        runtime.writer.write(b"1\r\nd\r\n0\r\nLambda-Runtime-Function-Error-Type: Function.Odd\r\n")
        runtime.writer.write(b"Lambda-Runtime-Function-Error-Body: eyJhIjogMX0=\r\n\r\n")
        assert (await runtime.answer())[0] == 202
        assert bytes(taken.data) == b"abcd"
        assert heard.told[-1] == ("failed", "r1", b'{"a": 1}', "Function.Odd")
        api.offer(an_event("r2"))
        assert (await runtime.call("GET", NEXT))[0] == 200

    play(story)


def test_a_runtime_waits_while_nobody_takes() -> None:
    """More than the window and all buffers between: it is heard when there is room, and loses nothing."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        taken, size = Taken(heard), 16 * 2**20
        api.offer(an_event())
        await runtime.call("GET", NEXT)
        runtime.writer.write(chunked("r1") + b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size))
        await taken.until(STREAM_WINDOW_BYTES)
        said = asyncio.ensure_future(runtime.answer())
        while taken.stream.size < size:
            assert len(taken.data) < size and not said.done()
            had = len(taken.data)
            taken.stream.more_room(STREAM_WINDOW_BYTES)
            await taken.until(had + 1)
        taken.stream.more_room(size)
        assert (await said)[0] == 202 and len(taken.data) == size
        assert heard.told[-1] == ("responded", "r1", b"")

    play(story)


def test_a_response_that_breaks_off() -> None:
    """The environment is told; another runtime may go on."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        taken = Taken(heard)
        api.offer(an_event())
        await runtime.call("GET", NEXT)
        runtime.writer.write(chunked("r1") + b"3\r\nabc\r\n")
        await taken.until(3)
        runtime.writer.close()
        await heard.left.wait()
        assert [told[0] for told in heard.told] == ["next", "broke off", "disconnected"]

    play(story)


def test_a_response_in_pieces_that_is_wanted_whole() -> None:
    """It is collected; with trailers, too, it counts as a response."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        trailers = (b"", b"Lambda-Runtime-Function-Error-Type: odd\r\n")
        for request_id, trailer in zip("ab", trailers, strict=True):
            api.offer(an_event(request_id))
            await runtime.call("GET", NEXT)
            runtime.writer.write(chunked(request_id) + b"3\r\nabc\r\n0\r\n" + trailer + b"\r\n")
            assert (await runtime.answer())[0] == 202
        assert heard.told[1::2] == [("responded", "a", b"abc"), ("responded", "b", b"abc")]

    play(story)


def test_init_error_and_garbage() -> None:
    """An initialisation fails once; bytes that are no HTTP end the connection."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        header = "Lambda-Runtime-Function-Error-Type: ValueError"
        status, _ = await runtime.call("POST", "/2018-06-01/runtime/init/error", b"{}", header)
        assert (status, heard.told) == (202, [("init_failed", b"{}", "Runtime.Unknown")])
        assert (await runtime.call("GET", NEXT))[0] == 403
        runtime.writer.write(b"\x00\x01 nonsense\r\n\r\n")
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                assert await runtime.reader.read() == b""
        assert heard.told[-1] == ("disconnected",)

    play(story)


def test_a_body_that_waits_to_be_asked_for() -> None:
    """curl holds back what is larger than 1 MB until it reads 100 Continue; bodies come in chunks, too."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        for request_id, pieces in (("r1", 1), ("r2", 40)):
            api.offer(an_event(request_id))
            await runtime.call("GET", NEXT)
            head = f"POST /2018-06-01/runtime/invocation/{request_id}/response HTTP/1.1\r\nHost: x\r\n"
            runtime.writer.write(f"{head}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n".encode())
            async with asyncio.timeout(10):
                assert await runtime.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            runtime.writer.write(b"5\r\nabcde\r\n" * pieces + b"0\r\n\r\n")
            assert (await runtime.answer())[0] == 202
            assert heard.told[-1] == ("responded", request_id, b"abcde" * pieces)

    play(story)


def test_a_runtime_that_closes_after_each_request() -> None:
    """Connection: close is answered in kind, and the connection ends; so it is with HTTP/1.0."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        runtime.send("GET", "/2018-06-01/ping", b"", "Connection: close")
        _, headers, _ = await runtime.answer()
        assert headers["connection"] == "close"
        async with asyncio.timeout(10):
            assert await runtime.reader.read() == b""

    play(story)


def test_a_head_without_end() -> None:
    """Headers are not kept for ever: the connection ends."""

    async def story(api: RuntimeApi, heard: Heard, runtime: Runtime) -> None:
        runtime.writer.write(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * (HEAD_BYTES_MAX + 100_000))
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                assert await runtime.reader.read() == b""
        assert heard.told == [("disconnected",)]

    play(story)


@dataclass(eq=False)
class Line:
    """A connection's far end that keeps what was answered."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    aborted: bool = False
    opened_at: float = 0.0

    def write(self, status: int, body: bytes, *_: object, **__: object) -> None:
        self.answers.append((status, body))

    def abort(self) -> None:
        self.aborted = True


CALLS = {
    "next": ("GET", NEXT),
    "response": ("POST", "/2018-06-01/runtime/invocation/r/response"),
    "error": ("POST", "/2018-06-01/runtime/invocation/r/error"),
    "stale": ("POST", "/2018-06-01/runtime/invocation/old/response"),
    "init_error": ("POST", "/2018-06-01/runtime/init/error"),
}


@given(st.lists(st.sampled_from([*CALLS, "offer", "lost"]), max_size=30))
def test_any_order_of_calls(calls: list[str]) -> None:
    """Each event is answered for once at most, nothing is said before it was given, and nothing breaks."""
    heard = Heard()
    api = RuntimeApi(heard)
    line: Any = Line()
    given_out, offered, outcomes = 0, 0, 0
    for call in calls:
        if call == "offer":
            if offered == outcomes:
                offered += 1
                api.offer(Event("r", b"e", 1, "arn"))
        elif call == "lost":
            api.lost(line)
            line = Line()
        else:
            method, target = CALLS[call]
            api.answer(Request(method, target), line)
        given_out += sum(1 for status, body in line.answers if (status, body) == (200, b"e"))
        assert all(status in (200, 202, 400, 403) for status, _ in line.answers)
        line.answers.clear()
        told = [told[0] for told in heard.told]
        outcomes = told.count("responded") + told.count("failed")
        assert outcomes <= min(given_out, offered)
        assert told.count("init_failed") <= 1
        assert "init_failed" not in told or outcomes == 0


@given(st.lists(st.binary(max_size=200) | st.sampled_from(list(WIRE)), max_size=12))
def test_any_bytes(pieces: list[bytes]) -> None:
    """Whatever comes in is answered with whole answers, or ends the connection; it never raises."""
    transport = Wire()

    async def feed() -> None:
        connection = Connection(RuntimeApi(Heard()), HEARD)
        connection.connection_made(transport)
        for piece in pieces:
            if not transport.closed:
                connection.data_received(piece)
        connection.connection_lost(None)

    asyncio.run(feed())
    assert all(piece.startswith(b"HTTP/1.1 ") for piece in transport.sent)


def test_error_types() -> None:
    """Well-formed ones are kept."""
    assert error_type("Runtime.ImportModuleError") == "Runtime.ImportModuleError"
    assert (error_type("Function.a b"), error_type("ValueError"), error_type("")) == (
        "Function.Unknown",
        "Runtime.Unknown",
        "Runtime.Unknown",
    )
