"""The Lambda Runtime API (2018-06-01): what a runtime inside an environment talks to.

One listener on loopback per environment, so that the port alone says which environment speaks (real runtimes
know only host and port). Decides the order of calls by a table; knows nothing of processes, logs or time.
Wording and status codes are those of the service's own agent; docs/aws/lambda.md section "Runtime API".
A streamed response goes on as it comes if its caller wants that (response_streams.py), else it is collected.
The Restore API (SnapStart) is what AWS's runtime clients call; it is in no reference of AWS's.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from windlass.kernel.machine import Moves, allows
from windlass.node.extensions_api import HEADERS
from windlass.node.function_lines import sandbox_fault
from windlass.node.http import Connection, Limits, Request, Sink
from windlass.node.network.namespaces import inside_path
from windlass.node.response_streams import ResponseStream

RESPONSE_BYTES_MAX = 6 * 1024 * 1024 + 100
"""Largest response of a function; Runtime API, facts of the sandbox agent (6 MiB and 100 bytes)."""

RUNTIME_MOVES: Moves = {
    ("Started", "Ready"): "Ready",
    ("Started", "InitError"): "InitError",
    ("Ready", "Ready"): "Ready",
    ("Ready", "Running"): "Running",
    ("Running", "Ready"): "Running",
    ("Running", "InvocationResponse"): "RuntimeResponseSentState",
    ("Running", "InvocationErrorResponse"): "RuntimeResponseSentState",
    ("RuntimeResponseSentState", "Ready"): "Ready",
    ("Started", "RestoreReady"): "RestoreReady",
    ("RestoreReady", "Ready"): "Ready",
    ("RestoreReady", "RestoreError"): "RestoreError",
    ("Started", "RestoreError"): "RestoreError",
}
"""The service's names. Ready in Running: a runtime that asks again in mid-event is given the event again."""
ERROR_TYPE = b"lambda-runtime-function-error-type"
RESPONSE_MODE = b"lambda-runtime-function-response-mode"
_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
ERROR_BODY = b"lambda-runtime-function-error-body"
"""Trailer of a streamed response: base64 JSON, with ERROR_TYPE, of an error in mid-stream."""
CONTENT_TYPE = b"content-type"
OCTETS = "application/octet-stream"
STREAMING = "streaming"
HEARD = Limits(
    body_bytes=RESPONSE_BYTES_MAX,
    headers=HEADERS | {ERROR_TYPE, RESPONSE_MODE, ERROR_BODY, CONTENT_TYPE},
)
_PREFIX = "/2018-06-01"
_INVOCATION = re.compile(_PREFIX + r"/runtime/invocation/([^/]+)/(response|error)")
_RESPONSES = {"response": "InvocationResponse", "error": "InvocationErrorResponse"}
_METHODS = {
    _PREFIX + "/runtime/invocation/next": "GET",
    _PREFIX + "/runtime/init/error": "POST",
    _PREFIX + "/runtime/restore/next": "GET",
    _PREFIX + "/runtime/restore/error": "POST",
    _PREFIX + "/ping": "GET",
}
OK = b'{"status":"OK"}\n'


@dataclass(frozen=True, slots=True)
class Event:
    """One event as the runtime gets it. `deadline_ms` is epoch milliseconds."""

    request_id: str
    payload: bytes
    deadline_ms: int
    function_arn: str
    trace_id: str = ""
    client_context: str = ""


class Environment(Protocol):
    """Who is told what the runtime said. Called on the loop, between two events; must not block."""

    def asked_for_next(self) -> None:
        """The runtime waits for an event: its initialisation, or its last event, is over."""

    def responded(self, request_id: str, payload: bytes) -> None: ...

    def failed(self, request_id: str, payload: bytes, error_type: str) -> None: ...

    def init_failed(self, payload: bytes, error_type: str) -> None:
        """Its initialisation failed, or what it did after it was restored."""

    def may_be_snapshot(self) -> bool:
        """The runtime is initialised, and asks to be told when it was restored. True: it has been."""

    def stream(self) -> ResponseStream | None:
        """Where the response of the event at hand goes piece by piece; None: its caller wants it whole."""

    def broke_off(self) -> None:
        """The connection ended amid a response that was streamed."""

    def disconnected(self) -> None:
        """No connection is open any more: nothing that was said is still on the way."""


class Part(Protocol):
    """Another API of the same environment, on the same address."""

    def answer(self, request: Request, connection: Connection) -> None:
        """Answer one request with `connection.write`, now or later."""

    def lost(self, connection: Connection) -> None: ...


class RuntimeApi:
    """The API of one environment. `offer` hands in an event; the environment hears of the outcome.

    `parts` answer what is asked below their prefixes, such as "/2020-01-01/".
    """

    def __init__(self, environment: Environment, parts: Mapping[str, Part] = MappingProxyType({})) -> None:
        self._environment = environment
        self._parts = parts
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._parked: Connection | None = None
        self._event: Event | None = None
        self._streaming: Connection | None = None
        """On which a response comes in pieces now."""
        self.state = "Started"
        self.dialled_at = 0.0
        """When the connection was opened on which the runtime ended its initialisation: loop time."""

    async def listen(self, netns: str = "") -> int:
        """Open the listener, in that network namespace; returns its port on 127.0.0.1."""
        loop = asyncio.get_running_loop()
        with inside_path(netns):
            listener = socket.create_server(("127.0.0.1", 0))
        self._server = await loop.create_server(self._connection, sock=listener)
        return int(self._server.sockets[0].getsockname()[1])

    def _connection(self) -> Connection:
        return Connection(self, HEARD, streams=self._stream)

    def close(self) -> None:
        """Drop the listener and every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()

    def restart(self) -> None:
        """A new process takes the place of the one that spoke so far."""
        for connection in list(self._connections):
            connection.abort()
        self._parked = self._event = self._streaming = None
        self.state = "Started"

    def offer(self, event: Event) -> None:
        """Give the runtime its next event: at once if it waits, else when it asks."""
        self._event = event
        if self._parked is not None:
            parked, self._parked = self._parked, None
            self._deliver(parked)

    @property
    def connected(self) -> bool:
        return bool(self._connections)

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)

    def lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if self._parked is connection:
            self._parked = None
        for part in self._parts.values():
            part.lost(connection)
        if self._streaming is connection:
            self._streaming = self._event = None
            self.state = RUNTIME_MOVES[self.state, "InvocationResponse"]
            self._environment.broke_off()
        if not self._connections:
            self._environment.disconnected()

    def answer(self, request: Request, connection: Connection) -> None:
        """Answer one request of the runtime, or park it (`next` without an event)."""
        match (request.method, request.path):
            case ("GET", "/2018-06-01/runtime/invocation/next"):
                self._next(connection)
            case ("POST", "/2018-06-01/runtime/init/error"):
                self._begin_error("InitError", request, connection)
            case ("GET", "/2018-06-01/runtime/restore/next"):
                self._restore_next(connection)
            case ("POST", "/2018-06-01/runtime/restore/error"):
                self._begin_error("RestoreError", request, connection)
            case ("GET", "/2018-06-01/ping"):
                connection.write(200, b"pong", content_type="text/plain")
            case ("POST", path) if match := _INVOCATION.fullmatch(path):
                self._outcome(match[1], match[2], request, connection)
            case (_, path) if (part := self._parts.get(path[: path.find("/", 1) + 1])) is not None:
                part.answer(request, connection)
            case (_, path) if path in _METHODS or _INVOCATION.fullmatch(path):
                connection.write(405, b"")
            case _:
                connection.write(404, b"404 page not found\n", content_type="text/plain")

    def _next(self, connection: Connection) -> None:
        if not self._moves("Ready", connection):
            return
        if self.state == "Running":
            self._deliver(connection)
            return
        if self._parked is not None:  # the runtime dialled again; the old line is dead to it
            self._parked.abort()
        self._parked = None
        self._environment.asked_for_next()
        if self._event is None:
            self._parked = connection
        else:
            self._deliver(connection)

    def _deliver(self, connection: Connection) -> None:
        event = self._event
        assert event is not None and self.state in ("Ready", "Running")
        self.state = "Running"
        headers = [
            ("Lambda-Runtime-Aws-Request-Id", event.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(event.deadline_ms)),
            ("Lambda-Runtime-Invoked-Function-Arn", event.function_arn),
            ("Lambda-Runtime-Trace-Id", event.trace_id),
            ("Lambda-Runtime-Client-Context", event.client_context),
        ]
        connection.write(200, event.payload, [pair for pair in headers if pair[1]])

    def _stream(self, request: Request, connection: Connection) -> Sink | None:
        """Where the body of this request goes as it comes: only a streamed response that is in order."""
        match = _INVOCATION.fullmatch(request.path)
        streams = request.header(RESPONSE_MODE).lower() == STREAMING and request.method == "POST"
        if match is None or match[2] != "response" or not streams or self._streaming is not None:
            return None
        if self._event is None or self._event.request_id != match[1] or self.state != "Running":
            return None
        stream = self._environment.stream()
        if stream is None:
            return None
        self._streaming = connection
        stream.begin(request.header(CONTENT_TYPE) or OCTETS, connection.listen)
        return stream.write

    def _outcome(self, request_id: str, kind: str, request: Request, connection: Connection) -> None:
        event = self._event
        if event is None or event.request_id != request_id:
            _fault(connection, 400, "InvalidRequestID", "Invalid request ID")
            return
        if not self._moves(_RESPONSES[kind], connection):
            return
        self._event = self._streaming = None
        if request.body is None:
            _fault(connection, 413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size "
                             f"({RESPONSE_BYTES_MAX} bytes).")  # fmt: skip
            self._environment.failed(request_id, too_large(), "Function.ResponseSizeTooLarge")
        elif kind == "error":
            connection.write(202, OK)
            self._environment.failed(request_id, bytes(request.body), error_type(request.header(ERROR_TYPE)))
        elif request.header(RESPONSE_MODE).lower() not in ("", STREAMING):
            _fault(connection, 400, "InvalidFunctionResponseMode", "Invalid function response mode")
            fault = sandbox_fault("Runtime.InvalidResponseModeHeader", "Invalid function response mode")
            self._environment.failed(request_id, fault, "Runtime.InvalidResponseModeHeader")
        elif request.streamed and request.header(ERROR_TYPE):
            connection.write(202, OK)
            error = error_body(request.header(ERROR_BODY))
            self._environment.failed(request_id, error, error_type(request.header(ERROR_TYPE)))
        else:
            connection.write(202, OK)
            self._environment.responded(request_id, bytes(request.body))

    def _restore_next(self, connection: Connection) -> None:
        """A template never gets an answer: what is forked from it is another environment's."""
        if self._moves("RestoreReady", connection) and self._environment.may_be_snapshot():
            connection.write(200, b"")

    def _begin_error(self, event: str, request: Request, connection: Connection) -> None:
        if self._moves(event, connection):
            connection.write(202, OK)
            self._environment.init_failed(bytes(request.body or b""), error_type(request.header(ERROR_TYPE)))

    def _moves(self, event: str, connection: Connection) -> bool:
        """Take the move, or answer 403 and leave everything as it was."""
        if allows(RUNTIME_MOVES, self.state, event):
            if self.state == "Started":
                self.dialled_at = connection.opened_at
            self.state = RUNTIME_MOVES[self.state, event]
            return True
        _fault(
            connection,
            403,
            "InvalidStateTransition",
            f"State transition from {self.state} to {event} failed for runtime. "
            "Error: State transition is not allowed",
        )
        return False


def _fault(connection: Connection, status: int, error_type: str, message: str) -> None:
    connection.write(status, sandbox_fault(error_type, message))


def error_type(header: str) -> str:
    """The error type as logs and metrics show it: kept if well formed, else Function. or Runtime.Unknown.

    >>> error_type("Runtime.HandlerNotFound"), error_type("Function.x"), error_type("ValueError")
    ('Runtime.HandlerNotFound', 'Function.Unknown', 'Runtime.Unknown')
    """
    if _ERROR_TYPE.fullmatch(header):
        return header
    return "Function.Unknown" if header.startswith("Function.") else "Runtime.Unknown"


def error_body(header: str) -> bytes:
    """What a trailer says of an error; as it stands when it is not base64.

    >>> error_body("eyJlcnJvclR5cGUiOiAiRSJ9"), error_body("oh")
    (b'{"errorType": "E"}', b'oh')
    """
    try:
        return base64.b64decode(header, validate=True)
    except ValueError:
        return header.encode()


def too_large() -> bytes:
    """What the caller gets for a response over RESPONSE_BYTES_MAX."""
    message = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
    return json.dumps(
        {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}, separators=(",", ":")
    ).encode()
