"""Both ends of HTTP/2 for tests of the proxy: a client, and a target that answers as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import h2.config
import h2.events
import h2.exceptions

from tests.proxy_build import Seen
from windlass.proxy.http2 import Lasting

Pairs = list[tuple[bytes, bytes]]


class Heard:
    """What came on one stream."""

    def __init__(self) -> None:
        self.headers: Pairs = []
        self.body = b""
        self.trailers: Pairs = []
        self.ended = False
        self.reset: int | None = None

    @property
    def status(self) -> int:
        return int(dict(self.headers)[b":status"])

    def header(self, name: str) -> str:
        return dict(self.headers).get(name.encode(), b"").decode()


class End:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: bool) -> None:
        config = h2.config.H2Configuration(client_side=client, header_encoding=None)
        self.conn = Lasting(config)
        self.heard: dict[int, Heard] = defaultdict(Heard)
        self.gone = False
        self.going = False
        self.acknowledges = True
        self._reader, self._writer = reader, writer
        self._woken = asyncio.Condition()
        self.conn.initiate_connection()
        self.flush()

    def flush(self) -> None:
        if (data := self.conn.data_to_send()) and not self._writer.is_closing():
            self._writer.write(data)

    async def run(self, on_event: Callable[[Any], None] = lambda event: None) -> None:
        """Until the connection ends."""
        with suppress(ConnectionError):
            while data := await self._reader.read(65536):
                with suppress(h2.exceptions.ProtocolError):
                    for event in self.conn.receive_data(data):
                        self._take(event)
                        on_event(event)
                self.flush()
                async with self._woken:
                    self._woken.notify_all()
        self.gone = True
        async with self._woken:
            self._woken.notify_all()

    async def met(self, condition: Callable[[], object]) -> None:
        async with self._woken:
            await self._woken.wait_for(lambda: condition() or self.gone)

    def _take(self, event: Any) -> None:
        match event:
            case h2.events.RequestReceived() | h2.events.ResponseReceived():
                self.heard[event.stream_id].headers = list(event.headers)
            case h2.events.TrailersReceived():
                self.heard[event.stream_id].trailers = list(event.headers)
            case h2.events.DataReceived():
                self.heard[event.stream_id].body += event.data
                if self.acknowledges:
                    self.conn.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case h2.events.StreamEnded():
                self.heard[event.stream_id].ended = True
            case h2.events.StreamReset():
                self.heard[event.stream_id].reset = event.error_code
            case h2.events.ConnectionTerminated():
                self.going = True

    # a client's

    def begin(
        self, path: str = "/", method: str = "GET", headers: Pairs | None = None, ends: bool = True
    ) -> int:
        number = self.conn.get_next_available_stream_id()
        top = [(b":method", method.encode()), (b":scheme", b"http"), (b":path", path.encode())]
        top.append((b":authority", b"example.test"))
        self.conn.send_headers(number, top + (headers or []), end_stream=ends)
        self.flush()
        return number

    async def answer(self, number: int) -> Heard:
        heard = self.heard[number]
        await self.met(lambda: heard.ended or heard.reset is not None)
        return heard

    async def ask(self, path: str = "/", **fields: Any) -> Heard:
        return await self.answer(self.begin(path, **fields))


@asynccontextmanager
async def a_client2(port: int, tls: ssl.SSLContext | None = None, name: str = "") -> AsyncIterator[End]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname=name if tls else None
    )
    end = End(reader, writer, client=True)
    task = asyncio.ensure_future(end.run())
    try:
        yield end
    finally:
        task.cancel()
        writer.close()


@asynccontextmanager
async def a_target2(answer: Callable[[End, int, Heard], None]) -> AsyncIterator[Seen]:
    """Calls `answer(connection, stream, request)` when a request is whole."""
    seen = Seen()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        end = End(reader, writer, client=False)

        def on_event(event: Any) -> None:
            if isinstance(event, h2.events.StreamEnded):
                answer(end, event.stream_id, end.heard[event.stream_id])

        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await end.run(on_event)
        tasks.discard(task)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    seen.port = server.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
