"""A function's code on the node: unpacked once per content, shared read-only by its environments.

Unpacking goes to a fresh directory that is renamed into place, so a crash leaves no half of a package and
two starts at once cannot see one. Members are checked again: a node trusts no plane with its file system.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path

_COPY_BYTES = 1 << 20


_UNREADABLE = (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, RuntimeError)
"""What zipfile raises for broken archives, and the file system for members it cannot take."""


class BadCode(Exception):
    """The package cannot be unpacked; the message is for people."""


def unpacked(directory: Path, sha256: str, archive: Path) -> Path:
    """The directory with the unpacked package. Blocks on the disk; call it in an executor.

    Raises BadCode when the archive is missing, broken, or reaches out of its directory.
    """
    target = directory / sha256
    if target.is_dir():
        return target
    directory.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{sha256[:16]}-", dir=directory))
    try:
        with zipfile.ZipFile(archive) as package:
            for member in package.infolist():
                _extract(package, member, fresh)
        fresh.chmod(0o755)
        fresh.rename(target)
    except (BadCode, *_UNREADABLE) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if target.is_dir():  # another start was quicker
            return target
        raise BadCode(f"code {sha256[:16]} could not be unpacked: {error}") from error
    return target


def sweep(directory: Path) -> None:
    """Start with an empty directory: what an agent before this one unpacked, wholly or in part, goes.

    Only while no environment runs.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o711, parents=True, exist_ok=True)


def _extract(package: zipfile.ZipFile, member: zipfile.ZipInfo, root: Path) -> None:
    parts = Path(member.filename).parts
    mode = member.external_attr >> 16
    if not parts:
        return
    if member.filename.startswith("/") or ".." in parts or stat.S_ISLNK(mode):
        raise BadCode(f"member {member.filename!r} reaches out of the package")
    path = root.joinpath(*parts)
    if member.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # of two members of one name the last counts, and the first is read-only
    with package.open(member) as source, path.open("wb") as copy:
        shutil.copyfileobj(source, copy, _COPY_BYTES)
    path.chmod(0o444 | (mode & 0o111))
