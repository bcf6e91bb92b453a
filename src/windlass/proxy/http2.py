"""What both sides of HTTP/2 share: one connection, its streams, and the flow of their bodies.

The h2 library knows the protocol; here are its bytes on a socket, and that nobody is sent more than he takes:
a stream sends while its window, the connection's and the socket allow, and is acknowledged what it received
once that has somewhere to go. Who floods a connection with frames that lead to nothing loses it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
from hyperframe.frame import GoAwayFrame

from windlass.proxy.framing import HEAD_BYTES_MAX, Headers
from windlass.proxy.pieces import Pieces

STREAMS_MAX = 128
"""Requests at a time on a client's connection (ALB guide, "Listeners": HTTP/2)."""
STREAM_WINDOW = 256 * 1024
"""Bytes of a body that may be on their way to us while their receiver takes none."""
CONNECTION_WINDOW = 16 * 2**20
QUEUE_BYTES_MAX = 256 * 1024
"""Bytes that wait to be sent on a stream; then whoever brings them is held."""
IDLE_FRAMES_MAX = 1000
"""Resets, pings and settings on a connection, beyond one for each request that was answered."""


class Lasting(h2.connection.H2Connection):
    """h2 takes a GOAWAY for the end of everything; its sender means to finish the streams that are open

    (RFC 9113 section 6.8)."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Any], list[h2.events.Event]]:
        event = h2.events.ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]


class Http2Stream(ABC):
    """One request and its answer. What its side has to say of it are the `on_` methods."""

    def __init__(self, side: Http2, number: int) -> None:
        self.side = side
        self.number = number
        self.reset = False
        """It was ended by an error: nothing more is sent or heard."""
        self._out: deque[bytes] = deque()
        self._size = 0
        self._last = False
        self._trailers: Headers = []
        self._ended = False
        self._full = False
        self._held = False
        self._owed = 0

    def put(self, pieces: Pieces, last: bool, trailers: Headers) -> None:
        """Send that, as soon as it is allowed."""
        if self.reset or self._ended:
            return
        for piece in pieces:
            if piece:
                self._out.append(piece)
                self._size += len(piece)
        self._last, self._trailers = self._last or last, trailers
        self.push()
        if self._size > QUEUE_BYTES_MAX and not self._full:
            self._full = True
            self.on_full()
        self.side.flush()

    def head(self, headers: Headers, ends: bool) -> None:
        """Send a head; `ends`: nothing follows it."""
        try:
            self.side.conn.send_headers(self.number, headers, end_stream=ends)
        except h2.exceptions.ProtocolError:  # it was reset in this turn: `on_reset` is next
            return
        self._ended = self._ended or ends
        self.side.flush()

    def push(self) -> None:
        """Send what windows and the socket allow."""
        try:
            self._push()
        except h2.exceptions.ProtocolError:  # as above
            self._out.clear()

    def _push(self) -> None:
        conn, number = self.side.conn, self.number
        while self._out and not self.side.blocked:
            room = min(conn.local_flow_control_window(number), conn.max_outbound_frame_size)
            if room <= 0:
                return
            piece = self._out.popleft()
            if len(piece) > room:
                self._out.appendleft(piece[room:])
                piece = piece[:room]
            self._size -= len(piece)
            done = self._last and not self._out and not self._trailers
            conn.send_data(number, piece, end_stream=done)
            self._ended = self._ended or done
            self.side.look_at_socket()
        if self._last and not self._out and not self._ended:
            self._ended = True
            if self._trailers:
                conn.send_headers(number, self._trailers, end_stream=True)
            else:
                conn.end_stream(number)
        if self._full and self._size < QUEUE_BYTES_MAX // 2:
            self._full = False
            self.on_room()

    @property
    def sent(self) -> bool:
        """All of it."""
        return self._ended

    def came(self, size: int) -> None:
        """So many bytes of its window were used."""
        if self._held:
            self._owed += size
        elif size:
            self.side.acknowledge(size, self.number)

    def hold(self) -> None:
        """Let its sender send no more than its window until `release`."""
        self._held = True

    def release(self) -> None:
        self._held = False
        owed, self._owed = self._owed, 0
        if owed:
            self.side.acknowledge(owed, self.number)
            self.side.flush()

    def fail(self, code: h2.errors.ErrorCodes) -> None:
        """End it: the other side must not take what it has for whole."""
        if self.reset:
            return
        self.reset = True
        self._out.clear()
        self.side.reset_stream(self.number, code)

    def close(self) -> None:
        """What was received and never acknowledged must not be missing from the connection's window."""
        self.release()

    # what its side makes of it

    @abstractmethod
    def on_headers(self, headers: Headers, last: bool) -> None:
        """The head of a request, or of an answer."""

    @abstractmethod
    def on_data(self, data: bytes) -> None:
        """A piece of its body."""

    @abstractmethod
    def on_end(self) -> None:
        """Nothing more comes."""

    @abstractmethod
    def on_trailers(self, headers: Headers) -> None:
        """Headers after the body, with which it ends."""

    @abstractmethod
    def on_reset(self, why: str) -> None:
        """It has ended before it was whole."""

    @abstractmethod
    def on_full(self) -> None:
        """Too much waits to be sent."""

    @abstractmethod
    def on_room(self) -> None:
        """There is room again."""


class Http2(asyncio.Protocol):
    """One connection; `client_side` towards targets."""

    def __init__(self, client_side: bool) -> None:
        config = h2.config.H2Configuration(client_side=client_side, header_encoding=None)
        self.conn = Lasting(config=config)
        self.transport: asyncio.Transport | None = None
        self.streams: dict[int, Http2Stream] = {}
        self.blocked = False
        self.answered = 0
        self._in_turn = False
        self._idle_frames = 0

    # asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self.conn.local_settings = h2.settings.Settings(
            client=self.conn.config.client_side,
            initial_values={
                h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS_MAX,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                h2.settings.SettingCodes.MAX_HEADER_LIST_SIZE: HEAD_BYTES_MAX,
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
            },
        )
        self.conn.initiate_connection()
        self.conn.increment_flow_control_window(CONNECTION_WINDOW)
        self.flush()

    def data_received(self, data: bytes) -> None:
        self._in_turn = True
        try:
            for event in self.conn.receive_data(data):
                self._take(event)
        except h2.exceptions.ProtocolError as error:
            self._in_turn = False
            self._broken(str(error) or type(error).__name__)
            return
        finally:
            self._in_turn = False
        if self._idle_frames > IDLE_FRAMES_MAX + self.answered:
            self._broken("too many frames for nothing")
            return
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._lose("connection ended" if exc is None else str(exc))

    def pause_writing(self) -> None:
        self.blocked = True

    def resume_writing(self) -> None:
        self.blocked = False
        self._push_all()
        self.flush()

    # streams' calls

    def flush(self) -> None:
        """Send what the library has, once for each turn."""
        if self._in_turn or self.transport is None:
            return
        if data := self.conn.data_to_send():
            self.transport.write(data)

    def look_at_socket(self) -> None:
        """Do not frame more of a large body than the socket takes: it says so by `blocked`."""
        if self.transport is not None and (data := self.conn.data_to_send()):
            self.transport.write(data)

    def acknowledge(self, size: int, number: int) -> None:
        try:
            self.conn.acknowledge_received_data(size, number)
        except (h2.exceptions.StreamClosedError, KeyError):
            pass  # the connection's window was told; the stream has none any more
        except h2.exceptions.ProtocolError:
            return

    def reset_stream(self, number: int, code: h2.errors.ErrorCodes) -> None:
        self.streams.pop(number, None)
        try:
            self.conn.reset_stream(number, code)
        except h2.exceptions.ProtocolError:
            return
        self.flush()

    def forget(self, stream: Http2Stream) -> None:
        """It is done on both sides."""
        stream.close()
        self.streams.pop(stream.number, None)
        self.answered += 1
        self.ended()

    def go_away(self) -> None:
        """Say that no new request is taken, and finish those that are there."""
        if self.transport is None:
            return
        frame = GoAwayFrame(0, last_stream_id=self.conn.highest_inbound_stream_id)
        self.flush()
        self.transport.write(frame.serialize())

    # what its side makes of it

    def opened(self, number: int) -> Http2Stream | None:
        """A new stream by the other side; None: there is none to be."""
        return None

    def ended(self) -> None:
        """A stream has."""

    def goes_away(self, last: int) -> None:
        """The other side takes no streams after that one."""

    # inside

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is h2.events.RequestReceived or kind is h2.events.ResponseReceived:
            number = event.stream_id
            stream = self.streams.get(number) or self.opened(number)
            if stream is not None:
                stream.on_headers(event.headers, event.stream_ended is not None)
        elif kind is h2.events.DataReceived:
            self._data(event)
        elif kind is h2.events.StreamEnded:
            if (stream := self.streams.get(event.stream_id)) is not None:
                stream.on_end()
        elif kind is h2.events.TrailersReceived:
            if (stream := self.streams.get(event.stream_id)) is not None:
                stream.on_trailers(event.headers)
        elif kind is h2.events.StreamReset:
            self._idle_frames += 1
            if (stream := self.streams.pop(event.stream_id, None)) is not None:
                stream.reset = True
                stream.close()
                stream.on_reset(f"stream reset ({event.error_code})")
                self.ended()
        elif kind is h2.events.WindowUpdated or kind is h2.events.RemoteSettingsChanged:
            self._idle_frames += kind is h2.events.RemoteSettingsChanged
            self._push_all()
        elif kind is h2.events.PingReceived:
            self._idle_frames += 1
        elif kind is h2.events.ConnectionTerminated:
            self.goes_away(event.last_stream_id or 0)

    def _data(self, event: Any) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is None:
            self.acknowledge(event.flow_controlled_length, event.stream_id)
            return
        if not event.data:
            self._idle_frames += 1
        else:
            stream.on_data(event.data)
        stream.came(event.flow_controlled_length)

    def _push_all(self) -> None:
        for stream in list(self.streams.values()):
            if not stream.reset:
                stream.push()

    def _broken(self, why: str) -> None:
        """The other side broke the rules: tell it so, and end."""
        self.flush()
        if self.transport is not None:
            self.transport.close()
        self._lose(why)

    def _lose(self, why: str) -> None:
        streams, self.streams = self.streams, {}
        for stream in streams.values():
            stream.reset = True
            stream.on_reset(why)
