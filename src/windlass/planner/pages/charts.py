"""Charts over time as SVG: readable on a screen, in the dark, by people who see no red, and on paper. Pure.

A chart shows lines, and bands around them where there were several runs; moving over it tells the values
there, dragging over it zooms in, and a click on a name hides its line (report.js). Lines are told apart by
dashes too, so that they survive a black-and-white printer. Colours are names of the style sheet's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypeAlias

from windlass.planner.pages.page import inert

WIDTH, HEIGHT = 720, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 24, 44
COLOURS = 8
"""That the style sheet has: c0 to c7."""
DASHES = ("", "7 4", "2 3", "10 3 2 3")
POINTS_MAX = 800
"""Points that are drawn of a line: more than there are pixels, for those who zoom in."""
MARK_LENGTH = 28
"""Letters of a mark's name."""
MARKS_NAMED = 9
"""Of more marks the others have no name in the chart."""
AXIS = "time since the beginning"
ROOM = 2
"""Around what is clipped when one zooms in: half a line at the top and at the bottom."""

Line: TypeAlias = "Sequence[float | None]"
"""Values; None is a gap."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over the same times. `at` in seconds."""

    title: str
    unit: str
    at: Sequence[float]
    lines: Mapping[str, Line]
    marks: Sequence[tuple[float, str]] = ()
    """(time, name) of what happened: a line from top to bottom."""
    steps: bool = False
    """Whether a value holds until the next one."""
    bands: Mapping[str, tuple[Line, Line]] = field(default_factory=dict)
    """Name of a line → from where to where most runs are."""
    band_name: str = ""
    """What the bands are."""

    @property
    def end(self) -> float:
        return max(self.at, default=0.0) or 1.0

    @property
    def top(self) -> float:
        """A round number that nothing is above."""
        drawn = [*self.lines.values(), *(high for _, high in self.bands.values())]
        return ceiling(max((value for line in drawn for value in line if value is not None), default=1.0))


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where numbers are in the picture."""

    end: float
    top: float

    def x(self, at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * at / self.end

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top


def svg(chart: Chart, *, end: float | None = None, top: float | None = None) -> str:
    """The chart, with its title and its legend; `end` and `top` are axes that others have too."""
    frame = _Frame(end or chart.end, top or chart.top)
    kept = _kept(len(chart.at))
    at = [chart.at[place] for place in kept]
    bands = {
        name: tuple([line[place] for place in kept] for line in band) for name, band in chart.bands.items()
    }
    parts = [*_marks(chart.marks, frame)]
    drawn = [(name, [line[place] for place in kept]) for name, line in chart.lines.items()]
    for number, (name, _) in enumerate(drawn):
        if name in bands:
            parts.append(f'<path {_styled("band", number)} d="{_area(frame, at, *bands[name])}"/>')
    for number, (_, line) in enumerate(drawn):
        parts.append(
            f'<path {_styled("line", number)} {_dashed(number)} d="{_path(frame, at, line, chart.steps)}"/>'
        )
    legend = "".join(_name(number, name) for number, name in enumerate(chart.lines))
    said = f'<span class="band-name">Shaded: {escape(chart.band_name)}; line: their median.</span>'
    data = {
        "at": [_rounded(when) for when in at],
        "lines": [[_rounded(value) for value in line] for _, line in drawn],
        "bands": [
            [[_rounded(value) for value in side] for side in bands[name]] if name in bands else None
            for name, _ in drawn
        ],
        "unit": chart.unit,
        "end": frame.end,
        "left": LEFT,
        "right": WIDTH - RIGHT,
    }
    return (
        f'<figure class="chart"><figcaption>{escape(chart.title)}</figcaption>'
        '<button type="button" class="whole" hidden="">Show all</button>'
        f'<div class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" tabindex="0" '
        f'aria-label="{escape(_label(chart))}">{"".join(_grid(frame, chart.unit))}'
        f'<g class="times">{"".join(_times(frame))}</g>{_window("".join(parts))}'
        f'<rect class="chosen" y="{TOP}" height="{HEIGHT - BOTTOM - TOP}"/>'
        f'<line class="cursor" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/></svg></div>'
        f'<div class="legend">{legend}<span class="now"></span></div>{said if bands else ""}'
        f'<script type="application/json">{inert(json.dumps(data))}</script></figure>'
    )


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


def _label(chart: Chart) -> str:
    """For those who hear the page."""
    unit = f" ({chart.unit})" if chart.unit else ""
    return f"{chart.title}{unit} from 0 s to {seconds(chart.end)}: {', '.join(chart.lines)}"


def _styled(kind: str, number: int) -> str:
    return f'class="{kind} c{number % COLOURS}" data-line="{number}"'


def _dashed(number: int) -> str:
    """No two of the first 32 lines have the same colour and the same dashes."""
    return f'stroke-dasharray="{DASHES[(number + number // COLOURS) % len(DASHES)]}"'


def _name(number: int, name: str) -> str:
    """Of a line, in the legend."""
    swatch = (
        f'<svg class="swatch" viewBox="0 0 26 8" aria-hidden="true"><line class="line c{number % COLOURS}" '
        f'{_dashed(number)} x1="0" x2="26" y1="4" y2="4"/></svg>'
    )
    begin = f'<button type="button" data-line="{number}" aria-pressed="true">'
    return f"{begin}{swatch}{escape(name)}<b></b></button>"


def _grid(frame: _Frame, unit: str) -> Iterable[str]:
    for place in range(5):
        value = frame.top * place / 4
        y = frame.y(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _tick(LEFT - 6, y + 4, "end", number_said(value))
    yield f'<text class="axis" x="4" y="{TOP - 11}">{escape(unit)}</text>'
    x = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text class="axis" text-anchor="middle" x="{x:.1f}" y="{HEIGHT - 8}">{AXIS}</text>'


def _times(frame: _Frame) -> Iterable[str]:
    """On the axis; when one zooms in the page writes others there."""
    step = _step(frame.end)
    for place in range(int(frame.end / step + 1e-9) + 1):
        x = frame.x(place * step)
        anchor = "end" if x > WIDTH - RIGHT - 20 else "middle"
        yield _tick(x, HEIGHT - BOTTOM + 16, anchor, seconds(place * step))


def _window(drawn: str) -> str:
    """What moves when one zooms in, clipped to the axes; its coordinates are those around it."""
    box = f"{LEFT} {TOP - ROOM} {WIDTH - LEFT - RIGHT} {HEIGHT - TOP - BOTTOM + 2 * ROOM}"
    x, y, width, height = box.split()
    return (
        f'<svg class="window" x="{x}" y="{y}" width="{width}" height="{height}" viewBox="{box}">{drawn}</svg>'
    )


def _tick(x: float, y: float, anchor: str, said: str) -> str:
    return f'<text class="tick" text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}">{said}</text>'


def _marks(marks: Sequence[tuple[float, str]], frame: _Frame) -> Iterator[str]:
    named = 0
    for at, name in marks:
        if not 0 <= at <= frame.end:
            continue
        x = frame.x(at)
        ends = f'x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"'
        yield f'<line class="mark" data-x="{x:.2f}" {ends}/>'
        if named < MARKS_NAMED:
            side, anchor = (-4, "end") if x > WIDTH * 0.7 else (4, "start")
            short = name if len(name) <= MARK_LENGTH else name[: MARK_LENGTH - 1] + "…"
            yield (
                f'<text class="mark" data-x="{x:.2f}" text-anchor="{anchor}" x="{x + side:.1f}" '
                f'y="{TOP + 10 + named % 3 * 12}">{escape(short)}</text>'
            )
            named += 1


def _kept(count: int) -> list[int]:
    """Places that are drawn: every so many, and always the last."""
    step = max(1, math.ceil(count / POINTS_MAX))
    return sorted({*range(0, count, step), count - 1} - {-1})


def _path(frame: _Frame, at: Sequence[float], line: Line, steps: bool) -> str:
    drawn, pen, before = [], "M", 0.0
    for when, value in zip(at, line, strict=True):
        if value is None:
            pen = "M"
            continue
        x, y = frame.x(when), frame.y(value)
        if steps and pen == "L" and y != before:
            drawn.append(f"L{x:.2f} {before:.1f}")
        drawn.append(f"{pen}{x:.2f} {y:.1f}")
        pen, before = "L", y
    return "".join(drawn)


def _area(frame: _Frame, at: Sequence[float], low: Line, high: Line) -> str:
    """Between two lines, a piece for each stretch without a gap."""
    pieces: list[list[tuple[float, float, float]]] = [[]]
    for when, below, above in zip(at, low, high, strict=True):
        if below is None or above is None:
            pieces.append([])
        else:
            pieces[-1].append((frame.x(when), frame.y(below), frame.y(above)))
    return "".join(
        "M"
        + "L".join(f"{x:.2f} {above:.1f}" for x, _, above in piece)
        + "L"
        + "L".join(f"{x:.2f} {below:.1f}" for x, below, _ in reversed(piece))
        + "Z"
        for piece in pieces
        if piece
    )


def _rounded(value: float | None) -> float | None:
    """As many digits as are told; whole numbers without a point."""
    if value is None:
        return None
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() else short


def ceiling(value: float) -> float:
    """The next round number that a quarter of which is round too."""
    if value < 1e-9:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 1.2, 1.6, 2, 4, 6, 8, 10, 12) if power * factor >= value)


def _step(end: float) -> float:
    """Seconds between two times on the axis: about eight of them."""
    steps = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400)
    return next((float(step) for step in steps if end / step <= 9), end / 8)


def number_said(value: float) -> str:
    """A number on an axis."""
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k" if value >= 10_000 else f"{value:g}"
