"""Whether bytes are a deployment package: a zip file within Lambda's sizes that stays in its directory.

Pure: looks at the directory of the archive and at what members really unpack to, writes nothing. A member's
declared size is not believed: a bomb lies about it, so what claims to fit is unpacked and counted. What a
member may be is kernel/archives.py's business. Packages of functions and of layers are checked alike.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass

from windlass.kernel.archives import Member, Unfit, members, unpacked_bytes
from windlass.kernel.faults import Fault
from windlass.services.lambda_.limits import UNZIPPED_BYTES_MAX, ZIP_BYTES_MAX, ZIP_MEMBERS_MAX

_READ_BYTES = 1 << 20
_EMPTY = "Uploaded file must be a non-empty zip"
_NOT_A_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."


@dataclass(frozen=True, slots=True)
class Package:
    """A stored zip file. Sizes in bytes, as it is and as it unpacks."""

    sha256: str
    size: int
    unpacked_size: int


def check_package(data: bytes) -> int:
    """The bytes that it unpacks to. Costs an unpacking: not for the loop.

    Raises the Fault that Lambda answers for bytes that are no package.
    """
    if len(data) > ZIP_BYTES_MAX:
        raise Fault(
            "RequestEntityTooLargeException",
            f"Zipped size must be smaller than {ZIP_BYTES_MAX} bytes",
            status=413,
        )
    if not data:
        raise invalid(_EMPTY)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            if not package.infolist():
                raise invalid(_EMPTY)
            if len(package.infolist()) > ZIP_MEMBERS_MAX:
                count = len(package.infolist())
                raise invalid(f"The package has {count} files; Windlass takes {ZIP_MEMBERS_MAX}")
            found = members(package)
            if unpacked_bytes(found) > UNZIPPED_BYTES_MAX:
                raise too_large()
            return _counted(package, found)
    except Unfit as unfit:
        raise invalid(f"{_NOT_A_ZIP} ({unfit})") from unfit
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise invalid(_NOT_A_ZIP) from error


def _counted(package: zipfile.ZipFile, found: list[Member]) -> int:
    """Unpack and count; also finds broken data and wrong checksums."""
    total = 0
    for member in found:
        with package.open(member.source) as content:
            while chunk := content.read(_READ_BYTES):
                total += len(chunk)
                if total > UNZIPPED_BYTES_MAX:
                    raise too_large()
    return total


def too_large() -> Fault:
    return invalid(f"Unzipped size must be smaller than {UNZIPPED_BYTES_MAX} bytes")


def invalid(message: str) -> Fault:
    return Fault("InvalidParameterValueException", message)
