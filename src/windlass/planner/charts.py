"""Charts as SVG, and a page around them: one file, no network, readable on paper.

A chart shows lines over time; moving over it tells the values there (charts.js), and a click on a name hides
its line. Lines are told apart by dashes too, so that they survive a black-and-white printer.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 22, 34
COLOURS = ("#1f5aa6", "#d9822b", "#3a7d44", "#a3293d", "#6b4fa0", "#5f6b76", "#1f9d9d", "#b8860b")
DASHES = ("", "7 4", "2 3", "10 3 2 3", "", "7 4", "2 3", "10 3 2 3")
POINTS_MAX = 600
"""Points that are drawn of a line: more than pixels are nothing."""
_NUMERIC = re.compile(r"[+-]?[\d,.]+( [a-z%]+)?")
_ASSETS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over the same times. `at` in seconds; None in a line is a gap."""

    title: str
    unit: str
    at: Sequence[float]
    lines: Mapping[str, Sequence[float | None]]
    marks: Sequence[tuple[float, str]] = ()
    """(time, name) of what happened: a line from top to bottom."""
    steps: bool = False
    """Whether a value holds until the next one."""


def svg(chart: Chart) -> str:
    """The chart, with its title and its legend."""
    end = max(chart.at, default=0.0) or 1.0
    values = [value for line in chart.lines.values() for value in line if value is not None]
    top = _ceiling(max(values, default=1.0))
    parts = [*_grid(end, top, chart.unit)]
    for number, (at, name) in enumerate(chart.marks):
        parts.append(_mark(_x(at, end), name, number))
    for number, line in enumerate(chart.lines.values()):
        parts.append(
            f'<path class="line" data-line="{number}" stroke="{COLOURS[number % len(COLOURS)]}" '
            f'stroke-dasharray="{DASHES[number % len(DASHES)]}" d="{_path(chart, line, end, top)}"/>'
        )
    legend = "".join(_name(number, name) for number, name in enumerate(chart.lines))
    times, lines = _thinned(chart)
    data = json.dumps({"at": times, "lines": lines, "end": end, "left": LEFT, "right": WIDTH - RIGHT})
    return (
        f'<figure class="chart"><figcaption>{escape(chart.title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)}">{"".join(parts)}'
        f'<line class="cursor" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/></svg>'
        f'<div class="legend"><span class="now"></span>{legend}</div>'
        f'<script type="application/json">{_inert(data)}</script></figure>'
    )


def page(title: str, sections: Iterable[str]) -> str:
    """One HTML file around these parts, which are HTML."""
    style, script = (_ASSETS / "charts.css").read_text(), (_ASSETS / "charts.js").read_text()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><main><h1>{escape(title)}</h1>{''.join(sections)}</main>"
        f"<script>{script}</script></body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are text, numbers stand to the right."""
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = ("".join(f'<td class="{_kind(cell)}">{escape(cell)}</td>' for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def seconds(value: float) -> str:
    """A time on an axis.

    >>> seconds(45), seconds(90), seconds(5400)
    ('45 s', '1:30 min', '1:30 h')
    """
    if value < 60:
        return f"{value:g} s"
    if value < 3_600:
        return f"{int(value // 60)}:{int(value % 60):02} min"
    return f"{int(value // 3_600)}:{int(value % 3_600 // 60):02} h"


def _name(number: int, name: str) -> str:
    """Of a line, in the legend."""
    colour = COLOURS[number % len(COLOURS)]
    swatch = f'<i style="background:{colour}"></i>'
    return f'<button type="button" data-line="{number}">{swatch}{escape(name)}<b></b></button>'


def _kind(cell: str) -> str:
    return "number" if _NUMERIC.fullmatch(cell) else ""


def _inert(data: str) -> str:
    """JSON that cannot end the script element it is in."""
    return data.replace("<", "\\u003c")


def _x(at: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at / end


def _y(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top


def _grid(end: float, top: float, unit: str) -> Iterable[str]:
    for place in range(5):
        value = top * place / 4
        y = _y(value, top)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="tick" text-anchor="end" x="{LEFT - 6}" y="{y + 4:.1f}">{_number(value)}</text>'
    yield f'<text class="tick" x="4" y="{TOP - 4}">{escape(unit)}</text>'
    step = _step(end)
    for place in range(int(end / step + 1e-9) + 1):
        x = _x(place * step, end)
        said = seconds(place * step)
        yield f'<text class="tick" text-anchor="middle" x="{x:.1f}" y="{HEIGHT - 14}">{said}</text>'


def _mark(x: float, name: str, number: int) -> str:
    return (
        f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="mark" x="{x + 4:.1f}" y="{TOP + 10 + number % 3 * 12}">{escape(name)}</text>'
    )


def _thinned(chart: Chart) -> tuple[list[float], list[list[float | None]]]:
    """Every so many points, and always the last."""
    step = max(1, math.ceil(len(chart.at) / POINTS_MAX))
    places = sorted({*range(0, len(chart.at), step), len(chart.at) - 1} - {-1})
    return [chart.at[place] for place in places], [
        [line[place] for place in places] for line in chart.lines.values()
    ]


def _path(chart: Chart, line: Sequence[float | None], end: float, top: float) -> str:
    thin = Chart(chart.title, chart.unit, chart.at, {"": line})
    at, [values] = _thinned(thin)
    drawn, pen, before = [], "M", 0.0
    for when, value in zip(at, values, strict=True):
        if value is None:
            pen = "M"
            continue
        x, y = _x(when, end), _y(value, top)
        if chart.steps and pen == "L":
            drawn.append(f"L{x:.1f} {before:.1f}")
        drawn.append(f"{pen}{x:.1f} {y:.1f}")
        pen, before = "L", y
    return "".join(drawn)


def _ceiling(value: float) -> float:
    """The next round number that a quarter of which is round too."""
    if value < 1e-9:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 4, 8, 10, 20) if power * factor >= value)


def _step(end: float) -> float:
    """Seconds between two times on the axis: about eight of them."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400)
    return next((float(step) for step in steps if end / step <= 9), end / 8)


def _number(value: float) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k" if value >= 10_000 else f"{value:g}"
