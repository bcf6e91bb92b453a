"""What agents left behind on this host: found by the tags in names, told apart by who may still need it.

A namespace of a task goes with its last process; a router, its link and the host's table stay when an agent
is killed. The next agent of the same data directory takes them over or away; for directories that nobody
will use again `windlass agent doctor` does, with `find` and `remove`. Root, Linux.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from windlass.node.network import names, namespaces
from windlass.node.network.netlink import Netlink
from windlass.node.network.nft import Nft
from windlass.node.network.router import PORT_PREFIX

NOTES = Path("/run/windlass")
"""One file for each tag: the data directory that it stands for. Gone with a reboot, as all of it is."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """All that carries one tag. `data` is the directory that it belongs to, None when nobody wrote it down;

    `in_use` how many networks of tasks are plugged in: each has a living process, or its agent lives.
    """

    tag: str
    data: Path | None
    namespaces: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    in_use: int = 0


def note(own: str, data: Path) -> None:
    """Write down whose tag that is."""
    NOTES.mkdir(mode=0o755, parents=True, exist_ok=True)
    (NOTES / own).write_text(str(data))


def is_noted(own: str) -> bool:
    """Whether an agent of that directory made networks and did not take them away."""
    return (NOTES / own).exists()


def forget(own: str) -> None:
    """Nothing with that tag is left."""
    (NOTES / own).unlink(missing_ok=True)


def find(mounts: int) -> list[Leftover]:
    """Everything of any agent, dead or alive. `mounts` is the host's mount namespace."""
    kept = [(tag, name) for name in namespaces.names(mounts) if (tag := names.tag_of_namespace(name))]
    links = [(tag, name) for name in _interfaces() if (tag := names.tag_of_uplink(name))]
    tables = [(tag, name) for name in _tables() if (tag := names.tag_of_table(name))]
    tags = sorted({tag for tag, _ in (*kept, *links, *tables)})
    return [
        Leftover(
            tag,
            _data(tag),
            of(kept, tag),
            of(links, tag),
            of(tables, tag),
            sum(_plugged(name, mounts) for name in of(kept, tag)),
        )
        for tag in tags
    ]


def of(found: list[tuple[str, str]], tag: str) -> tuple[str, ...]:
    return tuple(name for other, name in found if other == tag)


def remove(leftover: Leftover, mounts: int) -> None:
    """Take all of it away, in use or not."""
    netlink = Netlink()
    try:
        for link in leftover.links:
            netlink.remove(link)
    finally:
        netlink.close()
    for name in leftover.namespaces:
        with suppress(FileNotFoundError):
            namespaces.release(name, mounts)
    nft = Nft()
    try:
        nft.run("".join(f"delete table ip {table}\n" for table in leftover.tables))
    finally:
        nft.close()
    forget(leftover.tag)


def _data(tag: str) -> Path | None:
    try:
        return Path((NOTES / tag).read_text())
    except OSError:
        return None


def _interfaces() -> list[str]:
    netlink = Netlink()
    try:
        return list(netlink.numbers())
    finally:
        netlink.close()


def _tables() -> list[str]:
    nft = Nft()
    try:
        told = nft.run("list tables ip")
    finally:
        nft.close()
    return [line.split()[-1] for line in told.splitlines() if line.startswith("table ip ")]


def _plugged(name: str, mounts: int) -> int:
    """Networks that are plugged into that router."""
    namespace = namespaces.kept(name, mounts)
    if namespace is None:
        return 0
    try:
        netlink = Netlink(namespace)
        try:
            return sum(interface.startswith(PORT_PREFIX) for interface in netlink.numbers())
        finally:
            netlink.close()
    finally:
        os.close(namespace)
