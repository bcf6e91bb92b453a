"""Large values by their content: one file each, named by its SHA-256, written once and never changed.

A value is on disk before anybody may name it in a row, so `put` comes before the transaction. What no row
names any more is swept at the next start, when nobody can be about to name it. Blocks on the disk: do it
with `aside`. Without a directory values are kept in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Blobs:
    """The values under one directory; None keeps them in memory, where no other process finds them."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._memory: dict[str, bytes] = {}

    def put(self, value: bytes) -> str:
        """Store it durably; returns its SHA-256 as lower-case hex. Raises OSError when the disk will not."""
        sha256 = hashlib.sha256(value).hexdigest()
        if self._directory is None:
            self._memory[sha256] = value
        elif not (self._directory / sha256).exists():
            self._write(self._directory, self._directory / sha256, value)
        return sha256

    async def aside(self, work: Callable[[], T]) -> T:
        """Do what takes the disk, or a while, beside the loop; at once where values are in memory.

        Such planes are for tests, or in virtual time, where there are no threads.
        """
        if self._directory is None:
            return work()
        return await asyncio.get_running_loop().run_in_executor(None, work)

    def get(self, sha256: str) -> bytes:
        """Its bytes. Raises FileNotFoundError for what is not there."""
        if self._directory is not None:
            return (self._directory / sha256).read_bytes()
        if sha256 not in self._memory:
            raise FileNotFoundError(sha256)
        return self._memory[sha256]

    def path(self, sha256: str) -> Path | None:
        """Its file; None when values are kept in memory."""
        return None if self._directory is None else self._directory / sha256

    def sweep(self, keep: Collection[str]) -> int:
        """Delete all others; returns how many. Only while nobody can be between `put` and naming it."""
        if self._directory is None or not self._directory.is_dir():
            return 0
        gone = [path for path in sorted(self._directory.iterdir()) if path.name not in keep]
        for path in gone:
            path.unlink()
        return len(gone)

    @staticmethod
    def _write(directory: Path, path: Path, value: bytes) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", dir=directory)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            Path(name).rename(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
