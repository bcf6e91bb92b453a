"""Builders for tests with real network namespaces: interfaces, groups, and who reaches whom."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator

from windlass.fleet.networks import Interface, Rule, SecurityGroup
from windlass.node.network import namespaces

ALL_OUT = Rule("egress", ranges=("0.0.0.0/0",))


def at(last: int, net: int = 1) -> str:
    """An address in a range that no other test process on this machine has at the same time."""
    return f"10.{128 + os.getpid() % 100}.{net}.{last}"


def an_interface(last: int, *groups: str, net: int = 1, vpc: str = "vpc-1", subnet: str = "") -> Interface:
    """`at(last, net)` in the subnet of that number."""
    return Interface(
        id=f"eni-{last}",
        mac=f"02:00:00:00:00:{last:02x}",
        address=at(last, net),
        subnet_id=f"subnet-{net}",
        subnet=subnet or f"{at(0, net)}/24",
        vpc_id=vpc,
        vpc=f"{at(0, 0)}/16",
        groups=groups,
    )


def a_group(id: str, *rules: Rule, members: tuple[str, ...] = ()) -> SecurityGroup:
    """A group that lets everything out, and in what its rules say."""
    return SecurityGroup(id, (ALL_OUT, *rules), members)


def free_port() -> int:
    """A port of the host that nobody has just now; the kernel chooses, and rarely the same one soon again."""
    with socket.create_server(("0.0.0.0", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def listening(netns: str, port: int, address: str = "0.0.0.0") -> Iterator[None]:
    """Somebody in that namespace takes connections, and says the address of who connects."""
    with namespaces.inside_path(netns):
        listener = socket.create_server((address, port))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, peer = listener.accept()
                with connection:
                    connection.sendall(peer[0].encode())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def seen_from(netns: str, address: str, port: int, patience_s: float = 5.0) -> str | None:
    """How somebody in that namespace looks to who listens there; None: he does not get through.

    `patience_s` is what a dropped packet costs: make it short where that is expected.
    """
    with namespaces.inside_path(netns):
        connection = socket.socket()
    with connection:
        connection.settimeout(patience_s)
        try:
            connection.connect((address, port))
            return connection.recv(64).decode()
        except OSError:
            return None


DENIED_S = 0.4
"""Patience with a connection that is expected not to come about."""
