"""One pull: from a name to an image in the store. Blocking, with a few threads; for a process of its own.

Resolves the name, fetches what is not here yet, verifies every digest, unpacks, and names the image last:
whoever dies on the way leaves nothing that can be mistaken for an image. Whether to pull is policy.py's.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from errno import EDQUOT, ENOSPC
from pathlib import Path

from windlass.node.images import config, downloads, manifests
from windlass.node.images.faults import BadImage
from windlass.node.images.manifests import Descriptor, Index, Manifest
from windlass.node.images.reference import Remote, normal, remote
from windlass.node.images.registry import Access, Fetched, Registry
from windlass.node.images.store import CONFIG_BYTES_MAX, Image, ImageStore
from windlass.node.images.streams import unpacked

LAYERS_AT_ONCE = 3
"""Of one pull; Docker's max-concurrent-downloads."""

Progress = Callable[[int, int], None]
"""Called from any thread with (bytes that are here, bytes in all), compressed."""


class _Ended(Exception):
    """Another layer failed."""


def pull(store: ImageStore, reference: str, access: Access, progress: Progress) -> Image:
    """The image of that name as its registry has it now. Raises BadImage, OSError."""
    name = normal(reference)
    where = remote(name)
    registry = Registry(where, name, access)
    here = store.find(name)
    if here is not None and store.is_whole(here) and here.digest == _digest(where, registry):
        return here
    top = registry.manifest(where.target)
    manifest = _manifest(registry, top)
    return _Pull(store, registry, manifest, progress).run(name, top.digest)


def _digest(where: Remote, registry: Registry) -> str | None:
    """What the name means now; None when the registry does not say."""
    return where.target if where.is_pinned else registry.digest() or None


def _manifest(registry: Registry, top: Fetched) -> Manifest:
    """The manifest for this machine: what was fetched, or one of those that it lists."""
    found = manifests.read(top.raw)
    if isinstance(found, Index):
        chosen = manifests.for_machine(found.manifests, platform.machine())[0]
        config.hex_of(chosen.digest)
        found = manifests.read(registry.manifest(chosen.digest).raw)
    if isinstance(found, Index):
        raise BadImage("its index lists another index for this machine")
    manifests.check(found)
    return found


class _Pull:
    """What is fetched for one image."""

    def __init__(self, store: ImageStore, registry: Registry, manifest: Manifest, progress: Progress) -> None:
        self._store = store
        self._registry = registry
        self._manifest = manifest
        self._progress = progress
        self._total = sum(layer.size for layer in manifest.layers)
        self._done = 0
        self._lock = threading.Lock()
        self._failed = threading.Event()

    def run(self, name: str, digest: str) -> Image:
        raw_config = self._config()
        parsed = config.parse(raw_config)
        layers = self._manifest.layers
        if len(layers) != len(parsed.diff_ids):
            raise BadImage(f"it has {len(layers)} layers, its configuration says {len(parsed.diff_ids)}")
        with self._store.workshop() as workshop:
            self._store.keep(workshop, parsed.diff_ids)
            self._layers(parsed.diff_ids, workshop)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return self._store.add_image(name, raw_config, now, digest, pulled=True)

    def _layers(self, diff_ids: Sequence[str], workshop: Path) -> None:
        """All of them; the first failure ends the others."""
        with ThreadPoolExecutor(LAYERS_AT_ONCE, "layer") as pool:
            running = [
                pool.submit(self._layer, layer, diff_id, workshop)
                for layer, diff_id in zip(self._manifest.layers, diff_ids, strict=True)
            ]
            wait(running, return_when=FIRST_EXCEPTION)
            if any(one.done() and one.exception() for one in running):
                self._failed.set()
                pool.shutdown(cancel_futures=True)
        failures = [error for one in running if not one.cancelled() and (error := one.exception())]
        for error in sorted(failures, key=lambda one: isinstance(one, _Ended)):
            if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):
                self._make_room()
            raise error

    def _make_room(self) -> None:
        """On a full disk, beginnings of what cannot be had are in everybody's way."""
        for layer in self._manifest.layers:
            downloads.discard(self._store.downloads, layer.digest)

    def _config(self) -> bytes:
        wanted = self._manifest.config
        if wanted.size > CONFIG_BYTES_MAX:
            raise BadImage(f"its configuration is larger than {CONFIG_BYTES_MAX // 2**20} MiB")
        with downloads.claimed(self._store.downloads, wanted.digest) as file:
            downloads.fetch(self._registry, wanted, file, lambda length: None)
            raw = file.read()
            downloads.discard(self._store.downloads, wanted.digest)
        return raw

    def _layer(self, layer: Descriptor, diff_id: str, workshop: Path) -> None:
        """Fetch and unpack it, unless somebody else has done so by the time that we have its file."""
        folder = self._store.downloads
        with downloads.claimed(folder, layer.digest) as file:
            if self._store.has_layer(diff_id):
                self._told(layer.size)
                downloads.discard(folder, layer.digest)
                return
            downloads.fetch(self._registry, layer, file, self._told)
            try:
                self._store.add_layer(unpacked(file), workshop, diff_id)
            except BadImage as error:
                raise BadImage(f"failed to register layer {layer.digest}: {error}") from error
            finally:
                downloads.discard(folder, layer.digest)

    def _told(self, length: int) -> None:
        if self._failed.is_set():
            raise _Ended
        with self._lock:
            self._done += length
            self._progress(self._done, self._total)
