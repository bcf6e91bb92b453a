"""Bars of text for terminals: a length as blocks, and a length made of parts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

FULL = "█"
_EIGHTHS = " ▏▎▍▌▋▊▉"
_UPRIGHT = " ▁▂▃▄▅▆▇█"


def bar(value: float, most: float, width: int) -> str:
    """`value` as a bar where `most` fills the width, to an eighth of a character.

    >>> bar(3, 8, 4)
    '█▌'
    """
    if value <= 0 or most <= 0:
        return ""
    eighths = max(1, round(min(1.0, value / most) * width * 8))
    return FULL * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def shares(parts: Sequence[float], most: float, width: int) -> list[int]:
    """How many characters each part gets of a bar where `most` fills the width.

    They add up to the bar of the whole, rounded; what is left over goes to the parts that lost most.
    >>> shares([1, 1, 6], 8, 4), shares([0.1, 7.9], 8, 4)
    ([1, 0, 3], [0, 4])
    """
    if most <= 0:
        return [0 for _ in parts]
    exact = [max(0.0, part) / most * width for part in parts]
    given = [int(part) for part in exact]
    left = min(width, round(sum(exact))) - sum(given)
    for at in sorted(range(len(parts)), key=lambda at: given[at] - exact[at])[: max(0, left)]:
        given[at] += 1
    return given


def columns(values: Sequence[float], height: int) -> list[str]:
    """A chart of columns, the highest as high as that: its lines from the top down.

    >>> columns([1, 4, 2], 2)
    [' █ ', '▄██']
    """
    most = max(values, default=0.0)
    eighths = [round(value / most * height * 8) if most > 0 and value > 0 else 0 for value in values]
    eighths = [max(1, one) if value > 0 else 0 for one, value in zip(eighths, values, strict=True)]
    return [
        "".join(_UPRIGHT[min(8, max(0, one - 8 * (height - 1 - line)))] for one in eighths)
        for line in range(height)
    ]
