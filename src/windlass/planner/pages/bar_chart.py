"""Bars as SVG: one number for each of several things, with its spread and what was published. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from windlass.planner.pages.charts import WIDTH, ceiling, number_said
from windlass.planner.spread import Spread

NAMES, BAR, GAP, TOP, BOTTOM = 236, 14, 10, 8, 38
NAME_LENGTH = 35
"""Letters of a bar's name."""
VALUES = 90
"""Room to the right, for what the values are."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A number. `said`: as people read it; without a `value` that is all there is."""

    name: str
    said: str
    value: float | None
    band: Spread | None = None
    published: float | None = None
    """What somebody measured: a dashed line across the bar."""


def svg(title: str, unit: str, bars: Sequence[Bar]) -> str:
    """The chart, with its title; `unit` names the axis."""
    top = _top(bars)
    height = TOP + BOTTOM + len(bars) * (BAR + GAP)
    parts = [*_grid(top, unit, height)]
    for number, bar in enumerate(bars):
        parts += _bar(bar, TOP + GAP / 2 + number * (BAR + GAP), top)
    label = f"{title}: " + ", ".join(f"{bar.name} {bar.said}" for bar in bars)
    return (
        f'<figure class="bars"><figcaption>{escape(title)}</figcaption>'
        f'<div class="plot"><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg></div></figure>"
    )


def _top(bars: Sequence[Bar]) -> float:
    values = [bar.value for bar in bars] + [bar.published for bar in bars]
    values += [bar.band.high for bar in bars if bar.band is not None]
    return ceiling(max((value for value in values if value is not None), default=0.0))


def _x(value: float, top: float) -> float:
    return NAMES + (WIDTH - NAMES - VALUES) * value / top


def _grid(top: float, unit: str, height: int) -> Iterator[str]:
    for place in range(5):
        x, low = _x(top * place / 4, top), height - BOTTOM
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{low}"/>'
        said = number_said(top * place / 4)
        yield f'<text class="tick" text-anchor="middle" x="{x:.1f}" y="{low + 14}">{said}</text>'
    middle = (NAMES + WIDTH - VALUES) / 2
    yield f'<text class="axis" text-anchor="middle" x="{middle:.1f}" y="{height - 8}">{escape(unit)}</text>'


def _bar(bar: Bar, y: float, top: float) -> Iterator[str]:
    base, ends = y + BAR - 3, [bar.value or 0.0]
    name = escape(_short(bar.name))
    yield f'<text class="said" text-anchor="end" x="{NAMES - 8}" y="{base:.1f}">{name}</text>'
    if bar.value is not None:
        width = _x(bar.value, top) - NAMES
        yield f'<rect class="bar c0" x="{NAMES}" y="{y:.1f}" width="{width:.1f}" height="{BAR}"/>'
    if bar.band is not None and bar.band.low != bar.band.high:
        low, high, middle = _x(bar.band.low, top), _x(bar.band.high, top), y + BAR / 2
        ends.append(bar.band.high)
        yield f'<line class="whisker" x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>'
        for x in (low, high):
            yield f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{y + 3:.1f}" y2="{y + BAR - 3:.1f}"/>'
    if bar.published is not None:
        x = _x(bar.published, top)
        ends.append(bar.published)
        yield f'<line class="published" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 3:.1f}" y2="{y + BAR + 3:.1f}"/>'
    yield f'<text class="said" x="{_x(max(ends), top) + 6:.1f}" y="{base:.1f}">{escape(bar.said)}</text>'


def _short(name: str) -> str:
    """Its begin and its end: what variants differ in is mostly last."""
    if len(name) <= NAME_LENGTH:
        return name
    return f"{name[: NAME_LENGTH // 3]}…{name[-(NAME_LENGTH - NAME_LENGTH // 3 - 1) :]}"
