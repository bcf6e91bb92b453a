"""What the functions of a node run from: their packages, unpacked when first needed and kept while room is.

However many environments start at once, each content is unpacked once. What no environment uses is dropped,
oldest use first, when there is more than ROOM_BYTES of it, and when nobody used it for UNUSED_LIFE.
Must not know: environments, the plane. Known gap: an agent that starts anew unpacks again.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from windlass.fleet.function_messages import Package
from windlass.fleet.messages import FunctionSpec
from windlass.kernel.clock import HOUR, Duration, Instant
from windlass.node.function_code import BadCode, Unpacked, merged, unpacked

ROOM_BYTES = 2 * 1024**3
"""Unpacked packages that nobody uses are kept up to so much in all. Ours."""
UNUSED_LIFE: Duration = 24 * HOUR
"""A package that nobody used for so long is dropped. Ours."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a function's files lie: `task` is its package, `layers` what its layers make together, if any."""

    task: Path
    layers: Path | None = None


def packages_of(function: FunctionSpec) -> tuple[Package, ...]:
    """The function's own package, then its layers in their order."""
    return (Package(function.code_sha256, function.code_path), *function.layers)


@dataclass(slots=True)
class _Kept:
    """One directory: who uses it, and since when nobody does."""

    ready: asyncio.Future[Unpacked]
    users: set[str] = field(default_factory=set)
    used_at: Instant = 0

    @property
    def size(self) -> int | None:
        """Bytes; None while it is being unpacked, and when that failed."""
        if not self.ready.done() or self.ready.cancelled() or self.ready.exception():
            return None
        return self.ready.result().size


class Packages:
    """The unpacked packages below one directory. Lives on one loop."""

    def __init__(self, directory: Path, now: Callable[[], Instant], room_bytes: int = ROOM_BYTES) -> None:
        self._directory = directory
        self._now = now
        self._room = room_bytes
        self._kept: dict[str, _Kept] = {}

    async def open(self, unit_id: str, packages: Sequence[Package]) -> Files:
        """Have the files of a function and of its layers there until `close`.

        Raises BadCode; then nothing is held.
        """
        try:
            task, *layers = [await self._have(unit_id, package) for package in packages]
            if not layers:
                return Files(task.path)
            opt = layers[0] if len(layers) == 1 else await self._merge(unit_id, layers)
            return Files(task.path, opt.path)
        except BadCode:
            self.close(unit_id)
            raise
        finally:
            self._tidy()

    def close(self, unit_id: str) -> None:
        """The environment has ended: its files may go when their room is needed."""
        for kept in self._kept.values():
            if unit_id in kept.users:
                kept.users.discard(unit_id)
                kept.used_at = self._now()

    async def _have(self, unit_id: str, package: Package) -> Unpacked:
        work = partial(unpacked, self._directory, package.sha256, Path(package.path))
        return await self._once(unit_id, package.sha256, work)

    async def _merge(self, unit_id: str, layers: list[Unpacked]) -> Unpacked:
        name = hashlib.sha256("/".join(layer.path.name for layer in layers).encode()).hexdigest()
        return await self._once(unit_id, name, partial(merged, self._directory, name, layers))

    async def _once(self, unit_id: str, name: str, work: Callable[[], Unpacked]) -> Unpacked:
        """Do the blocking work once however many ask; a failure is not kept."""
        kept = self._kept.get(name)
        if kept is None:
            ready = asyncio.get_running_loop().run_in_executor(None, work)
            kept = self._kept[name] = _Kept(ready)
        kept.users.add(unit_id)
        try:
            return await asyncio.shield(kept.ready)
        except BadCode:
            if self._kept.get(name) is kept:
                del self._kept[name]
            raise

    def _tidy(self) -> None:
        """Drop what is unused for too long, and what is unused and too much."""
        sizes = {name: size for name, kept in self._kept.items() if (size := kept.size) is not None}
        unused = sorted((self._kept[name].used_at, name) for name in sizes if not self._kept[name].users)
        excess = sum(sizes.values()) - self._room
        for used_at, name in unused:
            if excess <= 0 and self._now() - used_at < UNUSED_LIFE:
                return
            excess -= sizes[name]
            self._drop(name)

    def _drop(self, name: str) -> None:
        """Out of the way at once, so that the same content can be unpacked anew, then deleted."""
        gone = self._directory / f".gone-{name}"
        del self._kept[name]
        try:
            (self._directory / name).rename(gone)
        except OSError:
            return
        asyncio.get_running_loop().run_in_executor(None, partial(shutil.rmtree, gone, ignore_errors=True))
