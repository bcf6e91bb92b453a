"""Packages on the node: a zip file becomes a directory, once per content, shared read-only.

Unpacking goes to a fresh directory that is renamed into place, so a crash leaves no half of a package and
two starts at once cannot see one. Contents are checked again (their SHA-256, their members, their size): a
node trusts no plane with its file system. Several layers become one directory of links to their files.
Blocks on the disk: call it in an executor. Which packages stay is function_packages.py's business.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from windlass.kernel.archives import Member, Unfit, members

UNZIPPED_BYTES_MAX = 262_144_000
"""A package, unzipped; Lambda quotas, "Deployment package (.zip file archive) size"."""
_COPY_BYTES = 1 << 20
_UNREADABLE = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, RuntimeError, Unfit)
"""What zipfile raises for broken archives, and the file system for members it cannot take."""


class BadCode(Exception):
    """The package cannot be unpacked; the message is for people."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A directory with a package's files, and how much room it takes."""

    path: Path
    size: int


def unpacked(directory: Path, sha256: str, archive: Path) -> Unpacked:
    """Unpack the archive below `directory`, under its SHA-256.

    Raises BadCode when the archive is missing, another, broken, too large, or reaches out of its directory.
    """
    target, fresh = directory / sha256, _fresh(directory, sha256)
    try:
        _check_content(archive, sha256)
        with zipfile.ZipFile(archive) as package:
            size = _extract(package, members(package), fresh)
        _put_in_place(fresh, target)
    except (BadCode, *_UNREADABLE) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise BadCode(f"code {sha256[:16]} could not be unpacked: {error}") from error
    return Unpacked(target, size)


def merged(directory: Path, name: str, layers: Sequence[Unpacked]) -> Unpacked:
    """One directory with the files of all these, as hard links; of two files of one path the later counts.

    A folder over a file, or a file over a folder, takes its place whole. It holds on to the layers' content,
    so its size is theirs. Raises BadCode.
    """
    target, fresh = directory / name, _fresh(directory, name)
    try:
        for layer in layers:
            _lay_over(layer.path, fresh)
        _put_in_place(fresh, target)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise BadCode(f"layers could not be put together: {error}") from error
    return Unpacked(target, sum(layer.size for layer in layers))


def sweep(directory: Path) -> None:
    """Start with an empty directory: what an agent before this one unpacked, wholly or in part, goes.

    Only while no environment runs.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o711, parents=True, exist_ok=True)


def _fresh(directory: Path, name: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f".{name[:16]}-", dir=directory))


def _put_in_place(fresh: Path, target: Path) -> None:
    fresh.chmod(0o755)
    try:
        fresh.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(fresh, ignore_errors=True)  # another start was quicker


def _check_content(archive: Path, sha256: str) -> None:
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise BadCode("its content is not what its name says")


def _extract(package: zipfile.ZipFile, found: Sequence[Member], root: Path) -> int:
    """Write all members; links come last, so nothing is written through one. Returns the bytes written."""
    left = UNZIPPED_BYTES_MAX
    for member in found:
        path = root.joinpath(*member.parts)
        (path if member.kind == "folder" else path.parent).mkdir(parents=True, exist_ok=True)
        if member.kind == "link":
            path.symlink_to(member.target)
        elif member.kind == "file":
            left -= _copy(package, member, path, left)
    return UNZIPPED_BYTES_MAX - left


def _copy(package: zipfile.ZipFile, member: Member, path: Path, room: int) -> int:
    """Write one file, readable for all: who runs a function is not who owns its code. Returns its size."""
    size = 0
    with package.open(member.source) as source, path.open("wb") as copy:
        while chunk := source.read(_COPY_BYTES):
            size += len(chunk)
            if size > room:
                raise BadCode(f"it unpacks to more than {UNZIPPED_BYTES_MAX} bytes")
            copy.write(chunk)
    path.chmod(0o444 | member.execute_bits)
    return size


def _lay_over(layer: Path, root: Path) -> None:
    """Put the files of a layer over what is there. Links are never followed, on either side."""
    for entry in sorted(os.scandir(layer), key=lambda entry: entry.name):
        there = root / entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if there.is_symlink() or there.is_file() or (there.is_dir() and not is_folder):
            _remove(there)
        if is_folder:
            there.mkdir(exist_ok=True)
            _lay_over(Path(entry.path), there)
        else:
            os.link(entry.path, there, follow_symlinks=False)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
