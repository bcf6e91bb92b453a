"""What can go wrong before a container runs, worded as ECS words it; and hosts that lack what a runner needs.

`CannotStart` is command.py's and `CannotPull` images/faults.py's, next to the rules that raise them.
"""

from __future__ import annotations


class NotCapable(Exception):
    """This host cannot do what a runner needs; one line with the reason and the way out."""


class CannotCreate(Exception):
    """The container cannot be made; the text is what ECS shows as the container's reason."""

    def __init__(self, why: str) -> None:
        super().__init__(f"CannotCreateContainerError: {why}")
