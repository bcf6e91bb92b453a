"""Talking to a daemon: addresses, versions, answers of all kinds, and daemons that go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from windlass.node.docker_api import Address, DaemonGone, Engine, Refused
from windlass.node.docker_daemon import lines
from windlass.node.docker_host import address, find, settle
from windlass.node.faults import NotCapable


def answered(raw: bytes, ask: Callable[[Engine], Awaitable[Any]], tmp_path: Path) -> tuple[Any, bytes]:
    """(what `ask` makes of a daemon that answers `raw`, what it was asked)."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"\r\n\r\n"))
        if b"chunked" in heard:
            heard.extend(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(raw)
        await writer.drain()
        writer.close()

    async def run() -> Any:
        path = str(tmp_path / "s")
        async with await asyncio.start_unix_server(serve, path):
            return await ask(Engine(Address(f"unix://{path}", path=path), "1.41"))

    return asyncio.run(run()), bytes(heard)


def get(engine: Engine) -> Awaitable[Any]:
    return engine.call("GET", "/x y", {"a": "b&c"})


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}', {"a": 1}),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1,2\r\n1\r\n]\r\n0\r\n\r\n", [1, 2]),
        (b"HTTP/1.1 200 OK\r\n\r\n[3]", [3]),
        (b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK", "OK"),
    ],
)
def test_answers(raw: bytes, found: Any, tmp_path: Path) -> None:
    """With a length, in chunks, until the connection ends, empty, plain text."""
    answer, heard = answered(raw, get, tmp_path)
    assert answer == found
    assert heard.startswith(b"GET /v1.41/x%20y?a=b%26c HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'HTTP/1.1 404 Not Found\r\nContent-Length: 17\r\n\r\n{"message":"bad"}', "bad"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 5\r\n\r\nplain", "plain"),
        (b"HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n", "status 409"),
    ],
)
def test_refusals(raw: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"Error response from daemon: {says}"):
        answered(raw, get, tmp_path)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a"',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n[1,2",
        b"SSH-2.0-OpenSSH_9\r\n",
    ],
)
def test_daemons_that_go_away(raw: bytes, tmp_path: Path) -> None:
    """An answer that was cut off is none."""
    with pytest.raises(DaemonGone):
        answered(raw, get, tmp_path)


def test_a_body_in_pieces(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"ab", b"", b"c" * 20):
            yield piece

    async def send(engine: Engine) -> None:
        async with engine.stream("POST", "/images/load", body=pieces()) as answer:
            assert b"".join([piece async for piece in answer]) == b"{}"

    _, heard = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", send, tmp_path)
    assert heard.endswith(b"2\r\nab\r\n14\r\n" + b"c" * 20 + b"\r\n0\r\n\r\n")


def test_nobody_listens(tmp_path: Path) -> None:
    engine = Engine(Address("unix://gone", path=str(tmp_path / "gone")))
    with pytest.raises(DaemonGone, match="no Docker daemon answers on unix://gone: No such file"):
        asyncio.run(engine.call("GET", "/version"))
    with pytest.raises(NotCapable, match="start it, set DOCKER_HOST, or use --runner process"):
        asyncio.run(find({"DOCKER_HOST": f"unix://{tmp_path}/gone"}))


def test_damaged_events() -> None:
    async def read(*pieces: bytes) -> list[Any]:
        async def given() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        return [line async for line in lines(given())]

    assert asyncio.run(read(b'{"a"', b':1}\n\n{"b":2}\n{"c"')) == [{"a": 1}, {"b": 2}]
    for bad in (b"nonsense\n", b"[1]\n", b"x" * 2**21):
        with pytest.raises(DaemonGone, match="damaged"):
            asyncio.run(read(bad))


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, ("/var/run/docker.sock", "", 0)),
        ({"DOCKER_HOST": ""}, ("/var/run/docker.sock", "", 0)),
        ({"DOCKER_HOST": "unix:///run/d.sock"}, ("/run/d.sock", "", 0)),
        ({"DOCKER_HOST": "tcp://10.0.0.1"}, ("", "10.0.0.1", 2375)),
        ({"DOCKER_HOST": "tcp://[::1]:99"}, ("", "::1", 99)),
    ],
)
def test_addresses(environment: dict[str, str], found: tuple[str, str, int]) -> None:
    at = address(environment)
    assert (at.path, at.host, at.port) == found
    assert at.is_local == bool(found[0])


@pytest.mark.parametrize(
    "environment",
    [
        {"DOCKER_HOST": "ssh://host"},
        {"DOCKER_HOST": "unix://relative"},
        {"DOCKER_HOST": "tcp://"},
        {"DOCKER_HOST": "tcp://h:port"},
        {"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/nonexistent"},
    ],
)
def test_addresses_that_cannot_be_used(environment: dict[str, str]) -> None:
    with pytest.raises(NotCapable):
        address(environment)


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"),
    [("1.41", "1.12", "1.41"), ("1.40", "1.12", "1.40"), ("1.52", "1.44", "1.44")],
)
def test_versions(newest: str, oldest: str, spoken: str) -> None:
    assert settle({"ApiVersion": newest, "MinAPIVersion": oldest}) == spoken


@pytest.mark.parametrize(
    "version",
    [
        {"ApiVersion": "1.30"},
        {"ApiVersion": "2.0", "MinAPIVersion": "1.99"},
        {"ApiVersion": "x"},
        {},
        None,
        "OK",
    ],
)
def test_versions_that_cannot_be_spoken(version: Any) -> None:
    with pytest.raises(NotCapable):
        settle(version)
