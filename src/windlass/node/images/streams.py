"""Streams of images: their digests, and what is inside of compressed ones.

gzip, zstd or neither is told by the first bytes, as media types are not to be relied on. A small archive can
unpack to anything: what swells far more than files do is a trap, and is refused.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import sys
import tarfile
import zlib
from typing import Any, Protocol, cast

from windlass.node.images.faults import BadImage

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

RATIO_MAX = 200
"""Unpacked bytes for each compressed one; text files reach 20, a file of zeros 1,000."""
RATIO_FREE_BYTES = 2**28
"""So much may come from anything: an empty disk image in an otherwise honest layer."""
ZSTD_WINDOW_LOG_MAX = 27
"""128 MiB of memory for one stream; zstd's own limit without `--long`."""
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_COPY_BYTES = 2**20
DAMAGED = (
    tarfile.TarError, gzip.BadGzipFile, lzma.LZMAError, zstd.ZstdError, EOFError, zlib.error, ValueError,
    OverflowError, MemoryError,
)  # fmt: skip
"""What is raised for archives that are cut off or were never archives."""


class Readable(Protocol):
    """What a layer is read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class Digesting:
    """Hands a stream on and computes its SHA-256 and its length; remembers how it ended."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.length = 0
        self.tail = b""

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        if data:
            self._hash.update(data)
            self.length += len(data)
            self.tail = data[-512:] if len(data) >= 512 else (self.tail + data)[-512:]
        return data

    def drain(self) -> None:
        while self.read(_COPY_BYTES):
            pass

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def unpacked(raw: Readable) -> Readable:
    """The stream inside. Reading it raises BadImage when it swells too much, and one of DAMAGED."""
    counted = _Counted(raw)
    head = counted.read(4)
    whole = cast(Any, _Peeked(head, counted))
    if head[:2] == GZIP:
        return _Swelling(cast(Readable, gzip.GzipFile(fileobj=whole, mode="rb")), counted)
    if head == ZSTD:
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZSTD_WINDOW_LOG_MAX}
        return _Swelling(cast(Readable, zstd.ZstdFile(whole, options=options)), counted)
    return cast(Readable, whole)


class _Counted:
    """A stream, and how much of it was read."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self.length = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self.length += len(data)
        return data


class _Peeked:
    """A stream whose first bytes were looked at."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if not self._head:
            return self._rest.read(size)
        taken = self._head if size < 0 else self._head[:size]
        self._head = self._head[len(taken) :]
        return taken if size >= 0 else taken + self._rest.read()


class _Swelling:
    """What comes out of `packed`, as long as it is not too much for what went in."""

    def __init__(self, inside: Readable, packed: _Counted) -> None:
        self._inside = inside
        self._packed = packed
        self._length = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._inside.read(size)
        self._length += len(data)
        if self._length > max(RATIO_FREE_BYTES, self._packed.length * RATIO_MAX):
            raise BadImage(f"it unpacks to more than {RATIO_MAX} times its size")
        return data
