"""Texts with stars: literal parts with anything between them. Pure, and linear in the text.

Event patterns (`wildcard`) and log filter patterns write their stars differently, so they hand in the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def glob(parts: Sequence[str]) -> Callable[[str], bool]:
    """Whether a text is these parts in this order with any characters between them.

    >>> matches = glob("/ecs/*/web*".split("*"))
    >>> matches("/ecs/a/b/web-1"), matches("/ecs/web")
    (True, False)
    """
    first, *others = parts
    if not others:
        return lambda text: text == first
    *middle, last = others

    def matches(text: str) -> bool:
        if not text.startswith(first):
            return False
        place, end = len(first), len(text) - len(last)
        for part in middle:
            found = text.find(part, place, end)
            if found < 0:
                return False
            place = found + len(part)
        return place <= end and text.endswith(last)

    return matches
