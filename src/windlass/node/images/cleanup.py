"""Which images go: the ECS agent's rules for automated image cleanup, and a budget for the disk. Pure.

Images that no container has, least recently used first, a few each cycle, none that was pulled just now (ECS
Developer Guide, "automated task and image cleanup"). Over the budget neither the number nor the age protects.
Images that were imported by hand never go: no registry has them. Knows no disk; layers that nothing needs any
more go by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from windlass.kernel.clock import Instant
from windlass.node.images.settings import ImageSettings


@dataclass(frozen=True, slots=True)
class Kept:
    """One image in the store, by its id, with all of its names. `layers` are diff ids."""

    image_id: str
    names: tuple[str, ...]
    layers: tuple[str, ...]
    pulled_at: Instant
    used_at: Instant
    pulled: bool
    in_use: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """Take this image away. `freed` is what that gives back, in bytes."""

    image: Kept
    why: str
    freed: int

    def __str__(self) -> str:
        return f"{', '.join(self.image.names)} ({self.why}, {self.freed / 2**20:.1f} MiB)"


def plan(
    images: Sequence[Kept], sizes: Mapping[str, int], now: Instant, settings: ImageSettings
) -> list[Removal]:
    """What to take away now, in order. `sizes` are bytes by diff id, also of layers that no image has."""
    left = Counter(diff_id for image in images for diff_id in set(image.layers))
    total = sum(size for diff_id, size in sizes.items())
    found: list[Removal] = []
    unused = (image for image in images if image.pulled and not image.in_use)
    for image in sorted(unused, key=lambda one: (one.used_at, one.image_id)):
        over = settings.budget > 0 and total > settings.budget
        due = (
            settings.cleanup
            and len(found) < settings.deletes_per_cycle
            and max(image.pulled_at, image.used_at) + settings.minimum_age <= now
        )
        if not (over or due):
            continue
        freed = _alone(image.layers, left, sizes)
        left.subtract(set(image.layers))
        total -= freed
        found.append(Removal(image, "unused" if due else "over the budget", freed))
    return found


def _alone(layers: Iterable[str], left: Mapping[str, int], sizes: Mapping[str, int]) -> int:
    """Bytes of the layers that no other image has."""
    return sum(sizes.get(diff_id, 0) for diff_id in set(layers) if left[diff_id] == 1)
