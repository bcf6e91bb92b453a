"""What is wrong with a template, and where. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Keys and places from the template's root on."""


class BadTemplate(Exception):
    """One line for people; `path` says where, as far as the template goes."""

    def __init__(self, path: Sequence[str | int], why: str) -> None:
        super().__init__(why)
        self.path = tuple(path)
        self.why = why


def hint(name: str, known: Iterable[str], most: int = 12) -> str:
    """What was probably meant, or what there is.

    >>> hint("AWS::ECS::Servise", ["AWS::ECS::Service"])
    'did you mean AWS::ECS::Service?'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, 1)
    if close:
        return f"did you mean {close[0]}?"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"there are {', '.join(names[:most])}{more}" if names else "there are none"
