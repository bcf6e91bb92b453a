"""Blobs on their way from a registry to this disk: one file each, under its digest, gone on with after a
break.

Nothing leaves here before its digest was computed from what is in the file. One process at a time works on a
blob: others that want it wait, and then find what became of it.

    downloads/<hex>    what has come of one compressed layer
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC
from pathlib import Path
from typing import IO

from urllib3.exceptions import HTTPError

from windlass.node.images.config import hex_of
from windlass.node.images.faults import BadImage
from windlass.node.images.manifests import Descriptor
from windlass.node.images.registry import BACK_OFF_S, Body, Registry

PIECE_BYTES = 2**18
BREAKS_MAX = 5
"""Connections in a row that bring nothing new."""
KEPT_S = 24 * 3600
"""How long the beginning of a blob is kept for whoever wants the rest."""

Told = Callable[[int], None]
"""Called with the number of bytes that came; may raise to end it."""


@contextmanager
def claimed(folder: Path, digest: str) -> Iterator[IO[bytes]]:
    """The blob's file, to be filled and read by us alone until the end of this."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / hex_of(digest)
    while True:
        file = path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:
                try:
                    yield file
                finally:
                    file.flush()
                    about = os.fstat(file.fileno())
                    if about.st_nlink and not about.st_size:
                        path.unlink()
                return
        finally:
            file.close()


def fetch(registry: Registry, wanted: Descriptor, file: IO[bytes], told: Told) -> None:
    """Bring that file to its end, verified; it stands at its beginning then. Raises BadImage, OSError.

    What was there before and turns out wrong is fetched anew, once; what is wrong then is thrown away. What
    came until a connection broke for good is kept.
    """
    filling = _Filling(registry, wanted, file, told)
    resumed = filling.length
    try:
        filling.run()
        if resumed and filling.is_wrong:
            filling.restart()
            filling.run()
        if filling.is_wrong:
            filling.restart()
            raise BadImage(f"filesystem layer verification failed for digest {wanted.digest}")
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            filling.restart()
        raise
    file.seek(0)


class _Filling:
    """One blob; its digest is computed as it comes."""

    def __init__(self, registry: Registry, wanted: Descriptor, file: IO[bytes], told: Told) -> None:
        self._registry = registry
        self._wanted = wanted
        self._file = file
        self._told = told
        self._hash = hashlib.sha256()
        self.length = 0
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            self._hash.update(piece)
            self.length += len(piece)
        told(self.length)
        if self.length > wanted.size:
            self.restart()

    @property
    def is_wrong(self) -> bool:
        return self.length != self._wanted.size or self._hash.hexdigest() != hex_of(self._wanted.digest)

    def restart(self) -> None:
        self._file.truncate(0)
        self._told(-self.length)
        self.length = 0
        self._hash = hashlib.sha256()

    def run(self) -> None:
        """Until all of it is here, or nothing more comes."""
        breaks, why = 0, ""
        while self.length < self._wanted.size and breaks < BREAKS_MAX:
            before = self.length
            if breaks:
                self._registry.pause(BACK_OFF_S[min(breaks, len(BACK_OFF_S)) - 1])
            try:
                self._take(self._registry.blob(self._wanted.digest, self.length))
                why = "unexpected EOF"
            except HTTPError as error:
                why = str(error)[:200]
            breaks = 0 if self.length > before else breaks + 1
        self._file.flush()
        if self.length < self._wanted.size:
            raise BadImage(f"download of {self._wanted.digest} failed after attempts={BREAKS_MAX + 1}: {why}")

    def _take(self, answer: Body) -> None:
        """What that answer brings."""
        try:
            begins = f"bytes {self.length}-"
            if self.length and not (
                answer.status == 206 and answer.headers.get("Content-Range", "").startswith(begins)
            ):
                self.restart()
            if answer.status == 416 or (answer.status == 206 and not self.length):
                return
            while piece := answer.read1(PIECE_BYTES):
                if self.length + len(piece) > self._wanted.size:
                    self.restart()
                    raise BadImage(f"{self._wanted.digest} is larger than the manifest says")
                self._file.write(piece)
                self._hash.update(piece)
                self.length += len(piece)
                self._told(len(piece))
        finally:
            answer.close()


def discard(folder: Path, digest: str) -> None:
    """Take the file away; by who has claimed it."""
    (folder / hex_of(digest)).unlink(missing_ok=True)


def sweep(folder: Path, kept_s: float = KEPT_S) -> int:
    """Remove beginnings that nobody works on and that are old; returns their bytes."""
    freed = 0
    for path in folder.glob("*"):
        with suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            about = path.stat()
            if about.st_mtime + kept_s <= time.time():
                path.unlink()
                freed += about.st_size
    return freed
