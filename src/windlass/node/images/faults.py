"""What is wrong with an image, in one line for people."""

from __future__ import annotations


class BadImage(Exception):
    """The image, archive or name cannot be used; the text says why and, where there is one, the way out."""
