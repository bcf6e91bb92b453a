"""Responses that functions stream, on their way from the Runtime API to the plane.

Each has a window (fleet/function_messages.py): what the plane's reader has not taken stays here, and as soon
as there is anything, the runtime is not listened to. So a function whose client is slow waits in its write,
and neither agent nor plane grows. Streams end with the session between agent and plane: who asked is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from windlass.fleet.function_messages import STREAM_WINDOW_BYTES, InvokeChunk, InvokeRoom

Send: TypeAlias = Callable[[InvokeChunk], bool]


class ResponseStreams:
    """All of a node, by request id."""

    def __init__(self) -> None:
        self._open: dict[str, ResponseStream] = {}
        self._send: Send = lambda message: False

    def send_with(self, send: Send) -> None:
        """Have pieces sent there."""
        self._send = send

    def open(self, request_id: str) -> ResponseStream:
        """A stream for the response of that event; `close` it when the event is over."""
        made = self._open[request_id] = ResponseStream(request_id, self._send)
        return made

    def close(self, request_id: str) -> None:
        """The event is over."""
        self._open.pop(request_id, None)

    def take(self, room: InvokeRoom) -> None:
        """The plane's reader took something, or has gone; of an event that is over it means nothing."""
        stream = self._open.get(room.request_id)
        if stream is not None:
            stream.more_room(room.size)

    def hang_up(self) -> None:
        """The session has ended: nobody reads any more."""
        for stream in list(self._open.values()):
            stream.more_room(0)


class ResponseStream:
    """One response. `begin` comes before the first `write`."""

    def __init__(self, request_id: str, send: Send) -> None:
        self._request_id = request_id
        self._send = send
        self._room = STREAM_WINDOW_BYTES
        self._pending = bytearray()
        self._deaf = False
        self._listen: Callable[[bool], None] = lambda listens: None
        self.content_type = ""
        self.begun = False
        """Whether the runtime streams its response."""
        self.size = 0
        """Bytes that the runtime has said."""

    def begin(self, content_type: str, listen: Callable[[bool], None]) -> None:
        """The runtime begins to stream. `listen(False)` has nothing more heard of it until `listen(True)`."""
        self.begun, self.content_type, self._listen = True, content_type, listen
        self._flush(self.content_type)

    def write(self, data: bytes) -> None:
        """The runtime said this."""
        self.size += len(data)
        if not self._deaf:
            self._pending += data
            self._flush()
            if self._pending:
                self._listen(False)

    def more_room(self, size: int) -> None:
        """So much was taken; 0: nobody reads, and the rest is thrown away."""
        self._room += size
        if not size:
            self._deaf = True
            self._pending.clear()
        self._flush()
        if not self._pending:
            self._listen(True)

    def rest(self) -> bytes:
        """What was not sent: the last piece. Nothing is sent any more, and the runtime is heard again."""
        left, self._deaf = bytes(self._pending), True
        self._pending.clear()
        self._listen(True)
        return left

    def _flush(self, content_type: str = "") -> None:
        """Send as much as there is room for. The first piece, perhaps an empty one, has the content type."""
        size = min(self._room, len(self._pending))
        if self._deaf or not (size or content_type):
            return
        self._room -= size
        self._deaf = not self._send(InvokeChunk(self._request_id, bytes(self._pending[:size]), content_type))
        del self._pending[: None if self._deaf else size]
