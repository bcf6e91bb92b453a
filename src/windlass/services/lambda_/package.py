"""Whether bytes are a deployment package: a zip file within Lambda's sizes that stays in its directory.

Pure: looks at the directory of the archive and at what members really unpack to, writes nothing. A member's
declared size is not believed: a bomb lies about it, so what claims to fit is unpacked and counted.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib

from windlass.kernel.faults import Fault
from windlass.services.lambda_.limits import (
    FILE_NAME_BYTES_MAX,
    PATH_BYTES_MAX,
    UNZIPPED_BYTES_MAX,
    ZIP_BYTES_MAX,
    ZIP_MEMBERS_MAX,
)

_READ_BYTES = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What zip tools write. Others can ask for gigabytes of memory to unpack a few bytes."""
_NOT_A_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


def check_package(data: bytes) -> None:
    """Raise the Fault that Lambda answers for these bytes, if any. Costs an unpacking: not for the loop."""
    if len(data) > ZIP_BYTES_MAX:
        raise Fault(
            "RequestEntityTooLargeException",
            f"Zipped size must be smaller than {ZIP_BYTES_MAX} bytes",
            status=413,
        )
    if not data:
        raise invalid("Uploaded file must be a non-empty zip")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            members = package.infolist()
            _check_members(members)
            _check_sizes(package, members)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise invalid(_NOT_A_ZIP) from error


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > ZIP_MEMBERS_MAX:
        raise invalid(f"The package has {len(members)} files; Windlass takes {ZIP_MEMBERS_MAX}")
    if sum(member.file_size for member in members) > UNZIPPED_BYTES_MAX:
        raise too_large()
    files: set[tuple[str, ...]] = set()
    folders: set[tuple[str, ...]] = set()
    for member in members:
        parts = _parts(member)
        folders.update(parts[:depth] for depth in range(1, len(parts)))
        (folders if member.is_dir() else files).add(parts)
        problem = reaches_out(member) or _unusable(member, parts)
        if problem:
            raise _unfit(member.filename, problem)
    for path in sorted(files & folders):
        raise _unfit("/".join(path), "is a file and a folder")


def _unfit(name: str, problem: str) -> Fault:
    return invalid(f"{_NOT_A_ZIP} (member {name[:200]!r} {problem})")


def _parts(member: zipfile.ZipInfo) -> tuple[str, ...]:
    return tuple(part for part in member.filename.split("/") if part not in ("", "."))


def _unusable(member: zipfile.ZipInfo, parts: tuple[str, ...]) -> str:
    """Why no node could unpack it; empty when all can."""
    if member.compress_type not in _METHODS:
        return "is compressed by another method than deflate"
    lengths = [len(part.encode("utf-8", "replace")) for part in parts]
    if sum(lengths) + len(parts) > PATH_BYTES_MAX or max(lengths, default=0) > FILE_NAME_BYTES_MAX:
        return "has a longer name than file systems take"
    return ""


def reaches_out(member: zipfile.ZipInfo) -> str:
    """Why the member would leave the package's directory; empty when it does not.

    Links are refused whole: whether one reaches out depends on the others.
    """
    parts = member.filename.replace("\\", "/").split("/")
    if member.filename.startswith(("/", "\\")) or (len(parts[0]) == 2 and parts[0][1] == ":"):
        return "has an absolute path"
    if ".." in parts:
        return "leaves its directory"
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a special file"
    return ""


def _check_sizes(package: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """Unpack and count; also finds broken data and wrong checksums."""
    left = UNZIPPED_BYTES_MAX
    for member in members:
        with package.open(member) as content:
            while chunk := content.read(_READ_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise too_large()


def too_large() -> Fault:
    return invalid(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")


def invalid(message: str) -> Fault:
    return Fault("InvalidParameterValueException", message)
