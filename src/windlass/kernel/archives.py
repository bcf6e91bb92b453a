"""Zip archives from strangers: what their members are, and that each stays inside the archive's directory.

Pure: looks at the directory of the archive and at the targets of its links; writes nothing. Whoever takes an
archive in asks before it is stored, and whoever unpacks it asks again: neither trusts the other.
Symbolic links are taken when they cannot lead out: relative, any ".." only at the start and no more of them
than folders above the link, and nothing lies beneath a link. Then every ".." walks through real folders, so
what the text says is where it leads, whatever the links in between. Must not know what archives are for.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

FILE_NAME_BYTES_MAX = 255
PATH_BYTES_MAX = 2_048
"""Names in an archive: what Linux takes (255 a name, 4,096 a path), with room for where it is unpacked."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What zip tools write. Others can ask for gigabytes of memory to unpack a few bytes."""


class Unfit(Exception):
    """A member that cannot be taken: its name, and words that go on from it ("leaves its directory")."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"member {name[:200]!r} {problem}")


@dataclass(frozen=True, slots=True)
class Member:
    """One thing to make. `parts` are the names of its path; `target` is that of a link.

    `source` is the archive's entry for it; of the mode only the execute bits are honoured.
    """

    parts: tuple[str, ...]
    kind: Literal["file", "folder", "link"]
    source: zipfile.ZipInfo
    target: str = ""

    @property
    def execute_bits(self) -> int:
        return (self.source.external_attr >> 16) & 0o111


def members(package: zipfile.ZipFile) -> list[Member]:
    """What to make of the archive: folders, then files, then links, each path once, no member unsafe.

    Of several members of one name the last counts, as with `zip -g`. Raises Unfit, and what zipfile raises
    for broken archives.
    """
    last = {member.parts: member for source in package.infolist() if (member := _member(package, source))}
    folders = {parts[:depth] for parts in last for depth in range(1, len(parts))}
    for member in last.values():
        if member.kind != "folder" and member.parts in folders:
            what = "a file" if member.kind == "file" else "a link"
            raise Unfit("/".join(member.parts), f"is {what} and a folder")
    order = {"folder": 0, "file": 1, "link": 2}
    return sorted(last.values(), key=lambda member: order[member.kind])


def unpacked_bytes(found: Iterable[Member]) -> int:
    """What the archive says it unpacks to. It may lie: count again when unpacking."""
    return sum(member.source.file_size for member in found)


def _member(package: zipfile.ZipFile, source: zipfile.ZipInfo) -> Member | None:
    """None for the archive's own directory ("./", or no name at all)."""
    problem = reaches_out(source.filename) or _unusable(source)
    if problem:
        raise Unfit(source.filename, problem)
    parts = tuple(part for part in source.filename.split("/") if part not in ("", "."))
    if not parts:  # first: is_dir() fails for a name that is empty
        return None
    if source.is_dir():
        return Member(parts, "folder", source)
    kind = stat.S_IFMT(source.external_attr >> 16)
    if kind in (0, stat.S_IFREG, stat.S_IFDIR):
        return Member(parts, "file", source)
    if kind != stat.S_IFLNK:
        raise Unfit(source.filename, "is a special file")
    with package.open(source) as content:
        target = content.read(PATH_BYTES_MAX + 1).decode("utf-8", "surrogateescape")
    problem = leads_out(parts, target)
    if problem:
        raise Unfit(source.filename, problem)
    return Member(parts, "link", source, target)


def reaches_out(name: str) -> str:
    """Why a member of that name would leave the archive's directory; empty when it does not."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or (len(parts[0]) == 2 and parts[0][1] == ":"):
        return "has an absolute path"
    return "leaves its directory" if ".." in parts else ""


def leads_out(parts: tuple[str, ...], target: str) -> str:
    """Why a link at that path with that target is not taken; empty when it is.

    >>> leads_out(("lib", "libx.so"), "libx.so.1"), leads_out(("bin", "x"), "../lib/x")
    ('', '')
    >>> leads_out(("bin", "x"), "../../etc/passwd")
    'is a link that leads out of its directory'
    """
    steps = [part for part in target.split("/") if part not in ("", ".")]
    up = 0
    while up < len(steps) and steps[up] == "..":
        up += 1
    if not target or "\0" in target or len(target.encode("utf-8", "surrogateescape")) > PATH_BYTES_MAX:
        return "is a link without a usable target"
    if target.startswith("/"):
        return "is a link with an absolute target"
    if ".." in steps[up:] or up > len(parts) - 1:
        return "is a link that leads out of its directory"
    return ""


def _unusable(source: zipfile.ZipInfo) -> str:
    """Why no node could unpack it; empty when all can."""
    if source.compress_type not in _METHODS:
        return "is compressed by another method than deflate"
    parts = [part for part in source.filename.split("/") if part not in ("", ".")]
    lengths = [len(part.encode("utf-8", "replace")) for part in parts]
    if sum(lengths) + len(parts) > PATH_BYTES_MAX or max(lengths, default=0) > FILE_NAME_BYTES_MAX:
        return "has a longer name than file systems take"
    return "" if "\0" not in source.filename else "has a name that no file system takes"
