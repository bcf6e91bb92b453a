from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from windlass.node.network import namespaces
from windlass.proxy.dial import dial

HERE = Path("/proc/thread-self/ns/net")


def test_dials_and_refuses() -> None:
    """A listener is reached; where nobody listens, and a name that is a path, are OSErrors."""

    async def story() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with await dial("127.0.0.1", port) as connection:
                assert connection.getpeername() == ("127.0.0.1", port)
        with pytest.raises(ConnectionRefusedError):
            await dial("127.0.0.1", port)
        for name in ("../net", "windlass-", "windlass-0-no-such-vpc"):
            with pytest.raises(OSError):
                await dial("127.0.0.1", port, name)

    asyncio.run(story())


def test_dials_within_a_namespace() -> None:
    """What listens on loopback of another namespace is reached there, and this thread is where it was."""
    namespace, name = namespaces.make(), f"windlass-test-{os.getpid()}"
    mounts = namespaces.mounts()
    namespaces.keep(namespace, name, mounts)
    try:
        with namespaces.inside(namespace):
            inside = socket.socket()
        _bring_loopback_up(namespace)
        inside.bind(("127.0.0.1", 0))
        inside.listen()
        before = HERE.readlink()

        async def story() -> None:
            with await dial("127.0.0.1", inside.getsockname()[1], name) as connection:
                assert connection.getpeername() == inside.getsockname()

        asyncio.run(story())
        assert HERE.readlink() == before
        inside.close()
    finally:
        namespaces.release(name, mounts)
        os.close(mounts)
        os.close(namespace)


def _bring_loopback_up(namespace: int) -> None:
    from windlass.node.network.netlink import Netlink

    netlink = Netlink(namespace)
    try:
        netlink.bring_loopback_up()
    finally:
        netlink.close()
