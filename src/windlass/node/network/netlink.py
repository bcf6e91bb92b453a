"""Interfaces, addresses and routes by pyroute2: what a router and the sandboxes of tasks consist of.

Acts, decides nothing. pyroute2 is loaded with the first namespace, since it takes a third of a second and
24 MB that most nodes do not need. Raises OSError, with the kernel's number, for what the kernel refuses.
Used in one thread only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENOENT
from pathlib import Path
from typing import Any

from windlass.node.network import namespaces

INSIDE = "eth0"
"""A task's own interface, as in Fargate and Docker."""
_INSIDE_INDEX = 2
"""Its number: `lo` is always 1."""
_PERMANENT = 0x80
"""NUD_PERMANENT: neighbours that are never asked for, and never learnt."""
_STATIC = 0x40
"""NUD_NOARP: in a bridge, an address of a port that was not learnt; in a locked port, the only sender."""
_NO_PREFIX_ROUTE = 0x200
"""IFA_F_NOPREFIXROUTE: the mask is the subnet's, and still all goes through the router."""


class Netlink:
    """One namespace's interfaces; None: those of the thread's own."""

    def __init__(self, namespace: int | None = None) -> None:
        from pyroute2 import IPRoute

        if namespace is None:
            self._route: Any = IPRoute()
        else:
            with namespaces.inside(namespace):
                self._route = IPRoute()

    def close(self) -> None:
        self._route.close()

    def add_bridge(self, name: str, mac: str, gateway: str, prefix: int) -> int:
        """A subnet's bridge with the gateway's address; returns its number. One that is there stays."""
        with _refusals(), suppress(FileExistsError), _refusals():
            self._route.link("add", ifname=name, kind="bridge", address=mac)
        index = self.index(name)
        with _refusals():
            self._route.link("set", index=index, state="up")
            self._route.addr("replace", index=index, address=gateway, prefixlen=prefix)
        return index

    def add_uplink(self, outside: str, inside: str, router: int, addresses: tuple[str, str]) -> None:
        """The link of a router to its host: made on the host, its other end goes into `router`."""
        with _refusals():
            peer = {"ifname": inside, "net_ns_fd": router}
            self._route.link("add", ifname=outside, kind="veth", state="up", peer=peer)
            index = self.index(outside)
            self._route.addr("add", index=index, address=addresses[0], prefixlen=31)

    def set_up_router(self, uplink: str, addresses: tuple[str, str], endpoints: str) -> None:
        """In a router: loopback, the address of the endpoints, the link to the host and the way out."""
        with _refusals():
            self._route.link("set", index=1, state="up")
            self._route.addr("replace", index=1, address=endpoints, prefixlen=32)
            index = self.index(uplink)
            self._route.addr("replace", index=index, address=addresses[1], prefixlen=31)
            self._route.link("set", index=index, state="up")
            self._route.route("replace", dst="default", gateway=addresses[0])

    def add_port(self, number: int, name: str, bridge: int, sandbox: int) -> None:
        """Plug a sandbox into a bridge: other ports are not reached, and only the address that is led to the

        port may send (locked: Linux 5.18; older kernels do not know the word, and pass it over).
        """
        with _refusals():
            peer = {"ifname": INSIDE, "index": _INSIDE_INDEX, "net_ns_fd": sandbox}
            self._route.link(
                "add", ifname=name, index=number, kind="veth", master=bridge, state="up", peer=peer
            )
            self._route.brport("set", index=number, isolated=1, learning=0, locked=1)

    def lead_to(self, number: int, bridge: int, mac: str, address: str) -> None:
        """Packets to that address go to that port, whatever anybody claims."""
        with _refusals():
            self._route.fdb("append", ifindex=number, lladdr=mac, state=_STATIC)
            self._route.neigh("replace", ifindex=bridge, dst=address, lladdr=mac, state=_PERMANENT)

    def forget(self, bridge: int, address: str) -> None:
        """Whoever gets that address next is asked anew."""
        with suppress(OSError), _refusals():
            self._route.neigh("del", ifindex=bridge, dst=address)

    def prepare_sandbox(self, gateway: str) -> None:
        """In a new sandbox: all that does not depend on the task."""
        with _refusals():
            self._route.link("set", index=1, state="up")
            self._route.link("set", index=_INSIDE_INDEX, state="up")
            self._route.route("replace", dst=f"{gateway}/32", oif=_INSIDE_INDEX, scope="link")
            self._route.route("replace", dst="default", gateway=gateway, oif=_INSIDE_INDEX)

    def give_address(self, mac: str, address: str, prefix: int) -> None:
        """In a sandbox: it becomes the interface that its task was promised."""
        with _refusals():
            self._route.link("set", index=_INSIDE_INDEX, address=mac)
            self._route.addr(
                "add", index=_INSIDE_INDEX, address=address, prefixlen=prefix, flags=_NO_PREFIX_ROUTE
            )

    def bring_loopback_up(self) -> None:
        """In a namespace with no other interface."""
        with _refusals():
            self._route.link("set", index=1, state="up")

    def add_route(self, subnet: str, via: str, metric: int) -> None:
        with _refusals():
            self._route.route("replace", dst=subnet, gateway=via, priority=metric)

    def remove(self, name: str) -> None:
        """Take an interface away, with its other end."""
        with suppress(FileNotFoundError), _refusals():
            self._route.link("del", index=self.index(name))

    def index(self, name: str) -> int:
        """An interface's number. Raises OSError when there is none of that name."""
        with _refusals():
            found = [int(link["index"]) for link in self._route.get_links(ifname=name)]
        if not found:
            raise OSError(ENOENT, f"there is no interface {name}")
        return found[0]

    def numbers(self) -> dict[str, int]:
        """All interfaces: name → number."""
        with _refusals():
            return {str(link.get("ifname")): int(link["index"]) for link in self._route.get_links()}

    def addresses(self, index: int | None = None) -> set[str]:
        """All addresses here, or those of one interface."""
        chosen = {} if index is None else {"index": index}
        with _refusals():
            return {str(found.get("local")) for found in self._route.get_addr(family=2, **chosen)}

    def routes(self) -> list[tuple[str, str]]:
        """Ways to ranges, without default routes: (range, gateway or "")."""
        with _refusals():
            found = [route for route in self._route.get_routes(family=2, table=254) if route.get("dst")]
        return [
            (f"{route.get('dst')}/{route['dst_len']}", str(route.get("gateway") or "")) for route in found
        ]


def set_kernel(namespace: int | None, name: str, value: str) -> None:
    """One setting below /proc/sys/net, of a namespace or of the thread's own."""
    path = Path("/proc/sys/net") / name
    if namespace is None:
        path.write_text(value)
        return
    with namespaces.inside(namespace):
        path.write_text(value)


@contextmanager
def _refusals() -> Iterator[None]:
    """The kernel's refusals as OSError, which becomes FileExistsError and so on by its number."""
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        yield
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error
