"""What plane and nodes tell each other of functions: how they are made, and responses in pieces.

Part of messages.py, which has the unions. A streamed response goes to the plane piece by piece, while the
function runs. It is bounded: the node has STREAM_WINDOW_BYTES of a response on their way, and gets back what
the plane's reader has taken. Nothing of it is durable; what is left when the session ends is thrown away.
"""

from __future__ import annotations

import msgspec

STREAM_WINDOW_BYTES = 256 * 1024
"""Bytes of one response that are sent and not yet taken."""
INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"
"""Why an environment ended that was to be initialised ahead of events, and could not be.

In AWS's words: ProvisionedConcurrencyConfig, StatusReason.
"""
INIT_TIMEOUT = "FUNCTION_ERROR_INIT_TIMEOUT"
"""Of a template (FunctionSpec.template): the same, because it took too long."""
RESTORE_FAILURE, RESTORE_TIMEOUT = "SnapStartException", "SnapStartTimeoutException"
"""Why an environment ended that was restored from a snapshot: Lambda API, Invoke, errors."""


class StartPhases(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long a node took for each part of an environment's start: nanoseconds, in the order of their time.

    Durations and no instants: the clocks of a node and its plane need not agree.
    """

    code: int = 0
    """Fetching and unpacking the package, and finding what runs it; next to nothing when it is there."""
    network: int = 0
    """Connecting it with its VPC."""
    sandbox: int = 0
    """Making the process and what isolates it."""
    runtime: int = 0
    """From the start of the process until the runtime has called its Runtime API for the first time."""
    init: int = 0
    """The user's own initialisation: from there until the runtime asks for an event, or fails."""
    restore: int = 0
    """In place of runtime and init: a process that was initialised before goes on, hooks included."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.code + self.network + self.sandbox + self.runtime + self.init + self.restore


class Package(msgspec.Struct, frozen=True):
    """The zip file of a function or of a layer, by its SHA-256 in the plane's blob directory."""

    sha256: str
    path: str


class Prepare(msgspec.Struct, frozen=True, tag="prepare", omit_defaults=True):
    """Plane → node: have there what environments of a function will need. Answered by `Prepared`.

    Either an `image`, or a `runtime` and the packages: the function's own, then its layers in their order.
    Without packages it is a question: which program does that runtime mean here?
    """

    request_id: str
    image: str = ""
    runtime: str = ""
    packages: tuple[Package, ...] = ()


class Prepared(msgspec.Struct, frozen=True, tag="prepared", omit_defaults=True):
    """Node → plane: it is there; or `error` says why it cannot be.

    `digest` is the image's. `notice` says what the function's owner should know of what will run it: that is
    `program`, of that `version`; both are empty where there is none.
    """

    request_id: str
    digest: str = ""
    error: str = ""
    notice: str = ""
    program: str = ""
    version: str = ""


class InvokeChunk(msgspec.Struct, frozen=True, tag="invoke_chunk", omit_defaults=True):
    """Node → plane: a piece of the response of an event that runs. `content_type` is with the first one."""

    request_id: str
    data: bytes
    content_type: str = ""


class LastPiece(msgspec.Struct, frozen=True, omit_defaults=True):
    """In the result of an event whose response came in pieces: the last of them.

    The result's payload is then only what is said of an error.
    """

    data: bytes = b""


class InvokeRoom(msgspec.Struct, frozen=True, tag="invoke_room", omit_defaults=True):
    """Plane → node: so many bytes were taken, as many more may come; 0: nobody reads the rest any more."""

    request_id: str
    size: int = 0


class FunctionImage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a function of a container image runs; what is empty is as the image says (Lambda ImageConfig)."""

    reference: str
    entry_point: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    working_directory: str = ""
