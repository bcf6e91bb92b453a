"""Headers, framing and counts: tables, and that how bytes are cut into pieces decides nothing."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.proxy_build import Proxy, a_frontend, met, run
from windlass.fleet.proxy_messages import SECOND, Fixed, Options, Rule
from windlass.proxy.counts import TIME_MIN_S, bucket, bucket_s
from windlass.proxy.door import Door
from windlass.proxy.framing import Headers, Refused, read
from windlass.proxy.headers import Malformed, Via, from_target, host_for_target, to_target, traced
from windlass.proxy.http1 import Http1Client
from windlass.proxy.ingress import client_of

OURS = b"1-5-a"


@pytest.mark.parametrize(
    ("came", "goes"),
    [
        (b"", b"Root=1-5-a"),
        (b"Root=1-a-b", b"Self=1-5-a;Root=1-a-b"),
        (b"Root=1-a-b;CalledFrom=app", b"Self=1-5-a;Root=1-a-b;CalledFrom=app"),
        (b"Self=1-x-y;Root=1-a-b", b"Self=1-5-a;Root=1-a-b"),
        (b"CalledFrom=app", b"Root=1-5-a;CalledFrom=app"),
    ],
)
def test_traces(came: bytes, goes: bytes) -> None:
    assert traced(came, OURS) == goes


@pytest.mark.parametrize(
    ("host", "port", "preserve", "goes"),
    [
        (b"a.test", 80, False, b"a.test"),
        (b"a.test", 8080, False, b"a.test:8080"),
        (b"a.test:4566", 8080, False, b"a.test:4566"),
        (b"a.test", 8080, True, b"a.test"),
        (b"[::1]", 8080, False, b"[::1]:8080"),
        (b"", 8080, False, b""),
    ],
)
def test_hosts(host: bytes, port: int, preserve: bool, goes: bytes) -> None:
    via = Via("10.0.0.1", 5, "http", port)
    assert host_for_target(host, via, Options(preserve_host=preserve)) == goes


@pytest.mark.parametrize(("client", "told"), [("10.0.0.1", b"10.0.0.1:77"), ("fd00::1", b"[fd00::1]:77")])
def test_the_clients_port_can_be_told(client: str, told: bytes) -> None:
    request = read("GET", "/", "1.1", [(b"Host", b"a")])
    headers = to_target(request, Via(client, 77, "http", 80), Options(client_port=True), OURS, b"a")
    assert headers[0] == (b"X-Forwarded-For", told)


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ([(b"Connection", b"close, X-Hop"), (b"X-Hop", b"1"), (b"A", b"b")], [b"A"]),
        ([(b"Connection", b"Cookie-Not"), (b"Host", b"a"), (b"TE", b"trailers")], []),
        ([(b"X-Forwarded-Proto", b"https"), (b"X-Forwarded-Port", b"1"), (b"Upgrade", b"x")], []),
    ],
)
def test_what_is_for_one_hop_stays(headers: Headers, kept: list[bytes]) -> None:
    if all(name != b"Host" for name, _ in headers):
        headers = [*headers, (b"Host", b"a")]
    assert [name for name, _ in read("GET", "/", "1.1", headers).kept] == kept


def test_lengths_of_answers_must_agree() -> None:
    same: Headers = [(b"Content-Length", b"3"), (b"content-length", b"3")]
    assert from_target(200, same, Options()).length == 3
    for bad in (b"4", b"+3", b"3, 3", b"", b"9" * 30):
        with pytest.raises(Malformed):
            from_target(200, [(b"Content-Length", b"3"), (b"Content-Length", bad)], Options())


@given(st.floats(min_value=TIME_MIN_S, max_value=4000))
def test_times_are_kept_to_a_percent(seconds: float) -> None:
    assert bucket_s(bucket(seconds)) == pytest.approx(seconds, rel=0.0101)


@pytest.mark.parametrize(
    ("line", "client"),
    [
        (b"PROXY TCP4 10.0.0.1 127.0.0.1 4000 80", ("10.0.0.1", 4000)),
        (b"PROXY TCP6 fd00::1 ::1 4000 80", ("fd00::1", 4000)),
        (b"PROXY UNKNOWN", ("127.0.0.1", 0)),
        (b"PROXY TCP4 x", ("127.0.0.1", 0)),
    ],
)
def test_whom_a_connection_is_handed_on_for(line: bytes, client: tuple[str, int]) -> None:
    assert client_of(line) == client


@given(
    st.text(max_size=8),
    st.lists(st.tuples(st.binary(max_size=12), st.binary(max_size=12)), max_size=6),
    st.sampled_from(["1.0", "1.1", "2", "3.0", "x"]),
)
def test_any_head_is_a_request_or_refused(target: str, headers: Headers, version: str) -> None:
    """Whatever a parser lets pass; a request has at most one length, and a path."""
    try:
        request = read("GET", target, version, headers)
    except Refused as refused:
        assert 400 <= refused.status < 600
    else:
        assert request.target.startswith("/") and not (request.chunked and request.length is not None)


class Sink:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closed = self.aborted = False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    write_eof = close

    def get_extra_info(self, name: str) -> object:
        return ("10.0.0.1", 5) if name == "peername" else None

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """There is nothing to pause."""

    resume_reading = pause_reading


REQUESTS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD /x?y HTTP/1.1\r\nHost: a\r\nLong: %b\r\n\r\n" % (b"z" * 300),
    b"\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"GET /last HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
]


def test_where_bytes_are_cut_decides_nothing(tmp_path: Path) -> None:
    """Any requests in a row, good and bad, whole or in any pieces: the same answers."""

    async def story() -> None:
        proxy = Proxy(tmp_path)
        proxy.serve((a_frontend(0, (Rule("default", (), Fixed(200, body="ok")),)),), ())
        loop = asyncio.get_running_loop()

        def said(pieces: list[bytes]) -> bytes:
            sink = Sink()
            client = Http1Client(Door(proxy.data, proxy.data.served["front"]), loop)
            client.connection_made(sink)  # type: ignore[arg-type]
            for piece in pieces:
                if not sink.closed:
                    client.data_received(piece)
            client.connection_lost(None)
            return re.sub(rb"Date: [^\r]*\r\n", b"", sink.written)

        @given(st.lists(st.sampled_from(REQUESTS), max_size=5), st.lists(st.integers(1, 400), max_size=8))
        def cut(requests: list[bytes], sizes: list[int]) -> None:
            raw, pieces = b"".join(requests), []
            for size in sizes:
                pieces.append(raw[:size])
                raw = raw[size:]
            assert said([piece for piece in [*pieces, raw] if piece]) == said([b"".join(requests)])

        cut()
        await proxy.data.close()
        await proxy.spawn.close()

    run(story)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_who_reads_no_more_is_let_go(tmp_path: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was said last waits for a client that does not take it; not for ever."""
    monkeypatch.setattr("windlass.proxy.http1.LINGER_S", 0.01)

    async def story() -> None:
        proxy = Proxy(tmp_path)
        rules = (Rule("default", (), Fixed(200, body="ok")),)
        proxy.serve((a_frontend(0, rules, idle_timeout=SECOND // 20),), ())
        client = Http1Client(Door(proxy.data, proxy.data.served["front"]), asyncio.get_running_loop())
        sink = Sink()
        client.connection_made(sink)  # type: ignore[arg-type]
        client.data_received(f"GET / HTTP/{version}\r\nHost: a\r\n\r\n".encode())
        assert b"200 OK" in sink.written
        await met(lambda: sink.aborted)
        client.connection_lost(None)
        await proxy.data.close()
        await proxy.spawn.close()

    run(story)
