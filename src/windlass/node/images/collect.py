"""Collects images: reads the store, asks cleanup.py, takes away. Blocking; for a process of its own.

What is decided is looked at again under the store's lock, where containers claim their images: one that has
just been claimed stays.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from windlass.kernel.clock import SECOND, Instant
from windlass.node.images import cleanup, downloads
from windlass.node.images.cleanup import Kept, Removal
from windlass.node.images.settings import ImageSettings
from windlass.node.images.store import Image, ImageStore


def run(store: ImageStore, settings: ImageSettings, *, dry: bool = False) -> list[Removal]:
    """One cycle; returns what was taken away, or with `dry` would be. Raises BadImage, OSError."""
    used = store.in_use()
    planned = cleanup.plan(kept(store.images(), used), store.layer_sizes(), time.time_ns(), settings)
    if dry:
        return planned
    names = [name for removal in planned for name in removal.image.names]
    used_before = {removal.image.image_id for removal in planned}
    taken = set(
        store.remove_all(names, lambda image: image.id not in used_before or image.id in store.in_use())
    )
    downloads.sweep(store.downloads)
    return [removal for removal in planned if taken.issuperset(removal.image.names)]


def kept(images: Iterable[Image], used: set[str]) -> list[Kept]:
    """The store's images as cleanup.py sees them: one for each id."""
    by_id: dict[str, list[Image]] = defaultdict(list)
    for image in images:
        by_id[image.id].append(image)
    return [
        Kept(
            image_id,
            tuple(image.reference for image in same),
            same[0].config.diff_ids,
            pulled_at=max(_instant(image.imported_at) for image in same),
            used_at=int(same[0].used_at * SECOND),
            pulled=all(image.pulled for image in same),
            in_use=image_id in used,
        )
        for image_id, same in by_id.items()
    ]


def _instant(written: str) -> Instant:
    try:
        return int(datetime.fromisoformat(written).timestamp() * SECOND)
    except ValueError:
        return 0
