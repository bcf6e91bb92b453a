"""What is wrong with an image, in one line for people."""

from __future__ import annotations

REASON_LENGTH_MAX = 1024
"""Characters; ECS API reference, Container.reason."""


class BadImage(Exception):
    """The image, archive or name cannot be used; the text says why and, where there is one, the way out."""


class CannotPull(Exception):
    """A container's image cannot be had; the text is what ECS shows as the container's reason."""

    def __init__(self, why: str, name: str = "CannotPullContainerError") -> None:
        super().__init__(f"{name}: {why}"[:REASON_LENGTH_MAX])


class Withdrawn(Exception):
    """Nobody wants the image any more."""
