"""Whether a registry is asked for an image that a container needs. Pure.

Follows ECS_IMAGE_PULL_BEHAVIOR (ECS Developer Guide, "agent configuration"): `default` asks each time and
falls back on what is here; `always` does not fall back; `once` and `prefer-cached` ask only for what is not
here. Two things come before: a digest can never mean another image, and an image that somebody imported by
hand is meant, whatever a registry has under that name.
"""

from __future__ import annotations

from typing import Literal

from windlass.node.images.settings import Behavior

Choice = Literal["cached", "pull", "pull or cached"]


def choose(behavior: Behavior, *, here: bool, pinned: bool, imported: bool) -> Choice:
    """What to do for an image that is `here`, or not; `pinned`: its name is a digest."""
    if not here:
        return "pull"
    if pinned or imported or behavior in ("once", "prefer-cached"):
        return "cached"
    return "pull or cached" if behavior == "default" else "pull"
