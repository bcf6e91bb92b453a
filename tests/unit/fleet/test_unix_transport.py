from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import pytest

from tests.fleet_build import TOKEN, Fleet, Peer
from windlass.fleet.frames import (
    FROM_PLANE_BYTES_MAX,
    SOCKET_PATH_BYTES_MAX,
    StreamTransport,
    decode_from_plane,
)
from windlass.fleet.intake import register
from windlass.fleet.messages import Desired, Welcome
from windlass.fleet.unix_transport import serve


def test_session_over_a_socket(tmp_path: Path) -> None:
    """An agent connects by the socket, which only its owner may open; a stale socket is replaced."""

    async def story() -> None:
        path = tmp_path / "plane.sock"
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(path))
        stale.close()
        fleet = Fleet()
        register(fleet.store, "n1", TOKEN, unbounded=True)
        server = await serve(path, fleet.links, fleet.spawn)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        reader, writer = await asyncio.open_unix_connection(str(path))
        peer = Peer("n1", StreamTransport(reader, writer, FROM_PLANE_BYTES_MAX, decode_from_plane))
        await peer.hello()
        assert isinstance(await peer.hear(), Welcome)
        assert isinstance(await peer.hear(), Desired)
        await fleet.spawn.close()
        assert await peer.hear() is None
        peer.transport.close()
        server.close()
        assert not fleet.crashes

    asyncio.run(story())


def test_path_too_long(tmp_path: Path) -> None:
    """A socket path that the kernel cannot take is refused in words."""

    async def story() -> None:
        fleet = Fleet()
        with pytest.raises(ValueError, match="longer than"):
            await serve(tmp_path / ("x" * SOCKET_PATH_BYTES_MAX), fleet.links, fleet.spawn)
        await fleet.spawn.close()

    asyncio.run(story())
