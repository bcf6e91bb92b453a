"""Unpacks one layer: a tar stream into a fresh directory of its own, so that overlayfs can stack it.

Trusts nothing in the archive. A name or link that would leave the directory, or go through a symbolic link
inside it, is refused; device nodes are skipped, for a container gets its devices from the runtime; deletions
("whiteouts", OCI image specification, layer.md) become what overlayfs understands. Needs root, as owners
are kept, or a user namespace of one user, where they are not. Runs synchronously: in a process of its own,
never in an agent.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from windlass.node import user_namespace
from windlass.node.images.faults import BadImage
from windlass.node.images.streams import DAMAGED, Digesting, Readable

ENTRIES_MAX = 2_000_000
"""Files of one layer."""
BYTES_MAX = 64 * 2**30
"""Unpacked bytes of one layer: a small archive can unpack to anything."""
SPARSE_BYTES_MAX = 2**30
"""Of files with holes, which take no room in the archive; no image builder writes them."""
DEPTH_MAX = 128
"""Directories above a file."""
_COPY_BYTES = 2**20
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_XATTR = "SCHILY.xattr."
_XATTRS_KEPT = ("security.capability", "user.")
_XATTRS_NEVER = ("user.overlay.",)
"""Nor `trusted.overlay.*`: with those an archive could redirect the overlay to other directories."""
_ZERO_BLOCK = bytes(512)


def unpack(source: Readable, directory: Path) -> str:
    """Unpack an uncompressed tar stream into that empty directory; returns its digest (the "diff id").

    Raises BadImage for what is wrong with the archive, OSError for what is wrong with the disk.
    """
    stream = Digesting(source)
    room = Room()
    folder = _Folder(directory)
    try:
        with tarfile.open(fileobj=cast(Any, stream), mode="r|") as archive:
            for member in archive:
                room.take(member)
                folder.put(member, archive)
        stream.drain()
    except DAMAGED as error:
        raise BadImage(f"the archive is damaged or cut off: {error}") from error
    if stream.tail != _ZERO_BLOCK:
        raise BadImage("the archive is cut off: it has no end mark")
    folder.finish()
    return stream.digest


class Room:
    """Counts entries and bytes against the limits."""

    def __init__(self) -> None:
        self._entries = 0
        self._bytes = 0
        self._sparse = 0

    def take(self, member: tarfile.TarInfo) -> None:
        self._entries += 1
        self._bytes += member.size if member.isreg() else 0
        self._sparse += member.size if member.issparse() else 0
        if self._sparse > SPARSE_BYTES_MAX:
            raise BadImage(f"the layer's files with holes are larger than {SPARSE_BYTES_MAX // 2**30} GiB")
        if member.size < 0:
            raise BadImage("the archive is damaged: a file of negative size")
        if self._entries > ENTRIES_MAX:
            raise BadImage(f"the layer has more than {ENTRIES_MAX} files")
        if self._bytes > BYTES_MAX:
            raise BadImage(f"the layer unpacks to more than {BYTES_MAX // 2**30} GiB")


class _Folder:
    """The directory that is filled. It is private to us while this runs: what lies in it, we put there."""

    def __init__(self, root: Path) -> None:
        self._root = os.fspath(root)
        self._alone = user_namespace.is_alone()
        """Then there are no other owners, and overlayfs reads the attributes of users."""
        self._known: set[str] = {""}
        """Directories that are known to be real ones all the way down."""
        self._times: list[tuple[str, int]] = []
        """Directories' modification times, set at the end: every new file changes them."""

    def put(self, member: tarfile.TarInfo, archive: tarfile.TarFile) -> None:
        """One entry."""
        parent, name = self._split(member.name)
        if not name:
            if member.isdir():
                self._attributes(member, self._root)
            return
        path = os.path.join(self._root, parent, name)  # noqa: PTH118 (a million times)
        if name.startswith(_WHITEOUT):
            self._white_out(parent, name)
        elif member.isdir():
            self._directory(member, parent, name, path)
        else:
            self._clear(parent, name, path)
            self._leaf(member, path, archive)

    def finish(self) -> None:
        for path, seconds in reversed(self._times):
            with suppress(OSError):
                os.utime(path, (seconds, seconds), follow_symlinks=False)

    def _split(self, name: str) -> tuple[str, str]:
        """(parent, last part), both inside; every directory on the way is a real one, made when missing."""
        if name.startswith("/") or "\0" in name:
            raise BadImage(f"the archive names {name[:80]!r}, which is outside of it")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if ".." in parts:
            raise BadImage(f"the archive names {name[:80]!r}, which is outside of it")
        if len(parts) > DEPTH_MAX:
            raise BadImage(f"the archive has directories deeper than {DEPTH_MAX}")
        if not parts:
            return "", ""
        parent = "/".join(parts[:-1])
        if parent not in self._known:
            self._make_parents(parts[:-1], name)
        return parent, parts[-1]

    def _make_parents(self, parts: list[str], name: str) -> None:
        at = ""
        for part in parts:
            at = f"{at}/{part}" if at else part
            if at in self._known:
                continue
            path = f"{self._root}/{at}"
            try:
                mode = os.lstat(path).st_mode
            except FileNotFoundError:
                os.mkdir(path, 0o755)  # noqa: PTH102
            else:
                if not stat.S_ISDIR(mode):
                    raise BadImage(f"the archive's {name[:80]!r} goes through {at[:80]!r}, no directory")
            self._known.add(at)

    def _directory(self, member: tarfile.TarInfo, parent: str, name: str, path: str) -> None:
        inside = f"{parent}/{name}" if parent else name
        if inside not in self._known:
            with suppress(FileNotFoundError):
                if not stat.S_ISDIR(os.lstat(path).st_mode):
                    os.unlink(path)  # noqa: PTH108
            with suppress(FileExistsError):
                os.mkdir(path)  # noqa: PTH102
            self._known.add(inside)
        self._attributes(member, path)
        self._times.append((path, int(member.mtime)))

    def _clear(self, parent: str, name: str, path: str) -> None:
        """A later entry takes the place of an earlier one; not of a directory with something in it."""
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(mode):
            os.unlink(path)  # noqa: PTH108
            return
        try:
            os.rmdir(path)  # noqa: PTH106
        except OSError as error:
            raise BadImage(f"the archive has {name[:80]!r} both as a directory and as a file") from error
        self._known.discard(f"{parent}/{name}" if parent else name)

    def _leaf(self, member: tarfile.TarInfo, path: str, archive: tarfile.TarFile) -> None:
        if member.isreg():
            source = archive.extractfile(member)
            assert source is not None
            _write(path, source, member)
        elif member.issym():
            os.symlink(member.linkname, path)  # noqa: PTH211 (followed in the container only)
        elif member.islnk():
            self._hard_link(member, path)
            return
        elif member.isfifo():
            os.mkfifo(path)
        else:  # character and block devices, and what tar may yet invent
            return
        self._attributes(member, path)

    def _hard_link(self, member: tarfile.TarInfo, path: str) -> None:
        parent, name = self._split(member.linkname)
        target = f"{self._root}/{parent}/{name}"
        try:
            if stat.S_ISDIR(os.lstat(target).st_mode):
                raise BadImage(f"the archive links {member.name[:80]!r} to a directory")
            os.link(target, path, follow_symlinks=False)
        except FileNotFoundError:
            raise BadImage(f"the archive links to {member.linkname[:80]!r}, which it does not have") from None

    def _white_out(self, parent: str, name: str) -> None:
        """A deletion in the layers below: overlayfs has a character device 0/0, or an attribute, for it."""
        directory = f"{self._root}/{parent}" if parent else self._root
        if name == _OPAQUE:
            os.setxattr(directory, f"{'user' if self._alone else 'trusted'}.overlay.opaque", b"y")
            return
        deleted = name.removeprefix(_WHITEOUT)
        if deleted.startswith(_WHITEOUT):  # aufs's own bookkeeping
            return
        if deleted in ("", ".", ".."):
            raise BadImage(f"the archive deletes {deleted!r}")
        path = f"{directory}/{deleted}"
        with suppress(FileExistsError):  # what this layer itself brings stays
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(0, 0))

    def _attributes(self, member: tarfile.TarInfo, path: str) -> None:
        if not self._alone:
            os.chown(path, member.uid, member.gid, follow_symlinks=False)
        if member.issym():
            return
        os.chmod(path, member.mode & 0o7777)  # noqa: PTH101 (after chown, which clears set-id bits)
        for name, value in _xattrs(member):
            with suppress(OSError):  # a file system without attributes
                os.setxattr(path, name, value, follow_symlinks=False)
        if not member.isdir():
            os.utime(path, (int(member.mtime), int(member.mtime)), follow_symlinks=False)


def _write(path: str, source: IO[bytes], member: tarfile.TarInfo) -> None:
    """A regular file. O_EXCL and O_NOFOLLOW: nothing can be there, and nothing is followed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file:
        left = member.size
        while left > 0:
            data = source.read(min(left, _COPY_BYTES))
            if not data:
                raise BadImage(f"the archive is cut off in {member.name[:80]!r}")
            left -= len(data)
            _write_all(file, data)


def _write_all(file: IO[bytes], data: bytes) -> None:
    """A write takes what still fits on the disk, and only the next one fails: there has to be a next one."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _xattrs(member: tarfile.TarInfo) -> Iterator[tuple[str, bytes]]:
    for key, value in member.pax_headers.items():
        name = key.removeprefix(_XATTR)
        known = name.startswith(_XATTRS_KEPT) and not name.startswith(_XATTRS_NEVER)
        if key.startswith(_XATTR) and known:
            yield name, value.encode("utf-8", "surrogateescape")
