"""The Extensions API (2020-01-01): what extensions inside an environment talk to.

Keeps who is registered, and hands INVOKE and SHUTDOWN events to those that asked for the next one. Wording,
states and order of calls are those of AWS's own agent; docs/aws/lambda.md section "Extensions". Knows nothing
of processes (function_extensions.py starts external extensions) and nothing of time.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from windlass.kernel.machine import Moves, allows
from windlass.node.function_lines import sandbox_fault
from windlass.node.http import Connection, Request

PREFIX = "/2020-01-01/"
EXTENSIONS_MAX = 10
"""External and internal ones together; Lambda developer guide, "Lambda Extensions API"."""
NAME = b"lambda-extension-name"
IDENTIFIER = b"lambda-extension-identifier"
FEATURES = b"lambda-extension-accept-feature"
ERROR_TYPE = b"lambda-extension-function-error-type"
HEADERS = frozenset((NAME, IDENTIFIER, FEATURES, ERROR_TYPE))

EXTENSION_MOVES: Moves = {
    ("Started", "Registered"): "Registered",
    ("Started", "LaunchError"): "LaunchError",
    ("Registered", "Ready"): "Ready",
    ("Ready", "Ready"): "Ready",
    ("Ready", "Running"): "Running",
    ("Running", "Ready"): "Ready",
    ("Registered", "InitError"): "InitError",
    ("InitError", "InitError"): "InitError",
    ("Registered", "ExitError"): "ExitError",
    ("Ready", "ExitError"): "ExitError",
    ("Running", "ExitError"): "ExitError",
    ("ExitError", "ExitError"): "ExitError",
}
Kind: TypeAlias = Literal["INVOKE", "SHUTDOWN"]
_ACCEPTED = b'{"status":"OK"}\n'
_ERRORS = {"extension/init/error": "InitError", "extension/exit/error": "ExitError"}
_METHODS = {"extension/register": "POST", "extension/event/next": "GET", **dict.fromkeys(_ERRORS, "POST")}


class _Registration(msgspec.Struct):
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a registered extension is told of the function. `account` is shown to those who ask for it."""

    name: str
    version: str
    handler: str
    account: str = ""


@dataclass(eq=False, slots=True)
class Extension:
    """One extension. `event` waits until it asks; `parked` waits until there is one."""

    name: str
    external: bool
    id: str
    state: str = "Started"
    events: tuple[str, ...] = ()
    error_type: str = ""
    parked: Connection | None = None
    event: bytes | None = None


class ExtensionsApi:
    """The extensions of one environment. `changed` is called when one of them moved on."""

    def __init__(self, facts: Facts, changed: Callable[[], None]) -> None:
        self._facts = facts
        self._changed = changed
        self._open = True
        self.all: list[Extension] = []

    def expect(self, names: Sequence[str]) -> None:
        """A new initialisation: nobody is registered, and these external ones are about to be started."""
        self.all = [Extension(name, True, str(uuid.uuid4())) for name in names]
        self._open = True

    def close(self) -> None:
        """The runtime is initialised: nobody can register any more."""
        self._open = False

    def not_launched(self, name: str, error_type: str) -> None:
        for extension in self.all:
            if extension.name == name and allows(EXTENSION_MOVES, extension.state, "LaunchError"):
                extension.state, extension.error_type = "LaunchError", error_type

    def registered(self) -> bool:
        """Whether all external extensions have registered: the runtime starts after that."""
        return all(extension.state != "Started" for extension in self.all)

    def settled(self) -> bool:
        """Whether all have asked for their next event since the last one that they were given."""
        return all(extension.state == "Ready" and extension.event is None for extension in self.all)

    def offer(self, kind: Kind, event: bytes) -> None:
        """Give the event to all that subscribed to its kind: at once to those that wait."""
        for extension in self.all:
            if kind in extension.events:
                extension.event = event
                if extension.parked is not None and extension.state == "Ready":
                    parked, extension.parked = extension.parked, None
                    self._deliver(extension, parked)

    def find(self, identifier: str) -> Extension | None:
        return next((one for one in self.all if one.id == identifier and one.state != "Started"), None)

    def lost(self, connection: Connection) -> None:
        for extension in self.all:
            if extension.parked is connection:
                extension.parked = None

    def answer(self, request: Request, connection: Connection) -> None:
        """Answer one request, or park it (`next` without an event)."""
        path = request.path.removeprefix(PREFIX)
        if path not in _METHODS:
            connection.write(404, b"404 page not found\n", content_type="text/plain")
        elif request.method != _METHODS[path]:
            connection.write(405, b"")
        elif path == "extension/register":
            self._register(request, connection)
        elif (extension := self.identified(request, connection)) is None:
            pass
        elif path == "extension/event/next":
            self._next(extension, connection)
        else:
            self._give_up(extension, _ERRORS[path], request, connection)

    def identified(self, request: Request, connection: Connection) -> Extension | None:
        """Who asks; None when the request was refused, because it does not say or nobody is called so."""
        given = request.header(IDENTIFIER)
        if not given:
            message = "Missing Lambda-Extension-Identifier header"
            refuse(connection, "Extension.MissingExtensionIdentifier", message)
            return None
        try:
            identifier = str(uuid.UUID(given))
        except ValueError:
            message = "Invalid Lambda-Extension-Identifier"
            refuse(connection, "Extension.InvalidExtensionIdentifier", message)
            return None
        extension = self.find(identifier)
        if extension is None:
            refuse(connection, "Extension.UnknownExtensionIdentifier", f"Unknown extension {identifier}")
        return extension

    def _register(self, request: Request, connection: Connection) -> None:
        name = request.header(NAME)
        if not name:
            refuse(connection, "Extension.InvalidExtensionName", "Empty extension name")
            return
        try:
            wanted = msgspec.json.decode(bytes(request.body or b""), type=_Registration)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            refuse(connection, "InvalidRequestFormat", str(error))
            return
        extension = next((one for one in self.all if one.external and one.name == name), None)
        fault = _event_fault(wanted.events, internal=extension is None)
        if fault:
            refuse(connection, "Extension.InvalidEventType", fault)
            return
        if extension is None:
            extension = self._internal(name, connection)
        if extension is None or not self._moves(extension, "Registered", extension.name, connection):
            return
        extension.events = tuple(dict.fromkeys(wanted.events))
        connection.write(
            200,
            msgspec.json.encode(self._told(request.header(FEATURES))),
            [("Lambda-Extension-Identifier", extension.id)],
        )
        self._changed()

    def _internal(self, name: str, connection: Connection) -> Extension | None:
        """A new one inside of the runtime's process; None when it was refused."""
        if not self._open:
            refuse(connection, "Extension.RegistrationClosed", "Extension registration closed already")
        elif any(one.name == name for one in self.all):
            message = "Extension with this name already registered"
            refuse(connection, "Extension.InvalidExtensionState", message)
        elif len(self.all) >= EXTENSIONS_MAX:
            message = f"Extension limit ({EXTENSIONS_MAX}) reached"
            refuse(connection, "Extension.TooManyExtensions", message)
        else:
            extension = Extension(name, False, str(uuid.uuid4()))
            self.all.append(extension)
            return extension
        return None

    def _told(self, features: str) -> dict[str, str]:
        facts = self._facts
        told = {"functionName": facts.name, "functionVersion": facts.version, "handler": facts.handler}
        if "accountId" in (feature.strip() for feature in features.split(",")) and facts.account:
            told["accountId"] = facts.account
        return told

    def _next(self, extension: Extension, connection: Connection) -> None:
        if not self._moves(extension, "Ready", extension.id, connection):
            return
        if extension.parked is not None:  # it dialled again; the old line is dead to it
            extension.parked.abort()
        extension.parked = None
        if extension.event is None:
            extension.parked = connection
        else:
            self._deliver(extension, connection)
        self._changed()

    def _deliver(self, extension: Extension, connection: Connection) -> None:
        event, extension.event = extension.event, None
        assert event is not None
        extension.state = EXTENSION_MOVES[extension.state, "Running"]
        connection.write(200, event, [("Lambda-Extension-Event-Identifier", str(uuid.uuid4()))])

    def _give_up(self, extension: Extension, state: str, request: Request, connection: Connection) -> None:
        """An error that it cannot go on after. Of several the first counts."""
        if not request.header(ERROR_TYPE):
            message = "Lambda-Extension-Function-Error-Type not found"
            refuse(connection, "Extension.MissingHeader", message)
        elif self._moves(extension, state, extension.id, connection):
            extension.error_type = extension.error_type or request.header(ERROR_TYPE)
            connection.write(202, _ACCEPTED)
            self._changed()

    def _moves(self, extension: Extension, state: str, named: str, connection: Connection) -> bool:
        """Take the move, or answer 403 and leave everything as it was."""
        if allows(EXTENSION_MOVES, extension.state, state):
            extension.state = EXTENSION_MOVES[extension.state, state]
            return True
        message = (
            f"State transition from {extension.state} to {state} failed for extension {named}. "
            "Error: State transition is not allowed"
        )
        refuse(connection, "Extension.InvalidExtensionState", message)
        return False


def refuse(connection: Connection, error_type: str, message: str) -> None:
    """403, as AWS answers whatever an extension does wrong."""
    connection.write(403, sandbox_fault(error_type, message))


def invoke_event(request_id: str, function_arn: str, trace_id: str, deadline_ms: int) -> bytes:
    event: dict[str, object] = {
        "eventType": "INVOKE",
        "deadlineMs": deadline_ms,
        "requestId": request_id,
        "invokedFunctionArn": function_arn,
    }
    if trace_id:
        event["tracing"] = {"type": "X-Amzn-Trace-Id", "value": trace_id}
    return msgspec.json.encode(event)


def shutdown_event(reason: str, deadline_ms: int) -> bytes:
    """`reason`: "spindown", "timeout" or "failure"."""
    return msgspec.json.encode({"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": deadline_ms})


def _event_fault(events: Sequence[str], *, internal: bool) -> str:
    """What is wrong with a subscription, in the words of AWS's agent; empty for nothing."""
    for event in events:
        if event == "SHUTDOWN" and internal:
            return f"{event}: ShutdownEventNotSupportedForInternalExtension"
        if event not in ("INVOKE", "SHUTDOWN"):
            return f"{event}: ErrorInvalidEventType"
    return ""
