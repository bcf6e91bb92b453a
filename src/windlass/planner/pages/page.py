"""A page of a report: one file that needs no network, with tables that are text. Reads its style."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

_NUMERIC = re.compile(r"[+-]?[\d,.]+( ?[a-zA-Z%/]+)?( \([^)]*\)| (to|of) [\d,.]+( ?[a-zA-Z%/]+)?)?")
_ASSETS = Path(__file__).parent


def page(title: str, sections: Iterable[str], *, wide: bool = False) -> str:
    """One HTML file around these parts, which are HTML. `wide`: for two columns."""
    style, script = (_ASSETS / "report.css").read_text(), (_ASSETS / "report.js").read_text()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{style}</style></head><body><main{' class=wide' if wide else ''}><h1>{escape(title)}</h1>"
        f"{''.join(sections)}</main><script>{script}</script></body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], links: Sequence[str] = ()) -> str:
    """A table; cells are text, numbers stand to the right, and a column without any text is left out.

    `links`: where the first cells lead on this page.
    """
    given = [list(row) for row in rows]
    kept = [place for place in range(len(head)) if not given or any(row[place] for row in given)]
    head, body = [head[place] for place in kept], [[row[place] for place in kept] for row in given]
    right = [
        any(row[place] for row in body) and all(_is_number(row[place]) for row in body)
        for place in range(len(head))
    ]
    cells = "".join(
        f'<th scope="col"{_kind(number)}>{escape(name)}</th>'
        for name, number in zip(head, right, strict=True)
    )
    lines = []
    for number, row in enumerate(body):
        said = [escape(cell) for cell in row]
        if links:
            said[0] = f'<a href="#{escape(links[number])}">{said[0]}</a>'
        pairs = zip(said, right, strict=True)
        lines.append("".join(f"<td{_kind(numeric)}>{cell}</td>" for cell, numeric in pairs))
    rest = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="table"><table><thead><tr>{cells}</tr></thead><tbody>{rest}</tbody></table></div>'


def inert(data: str) -> str:
    """JSON that cannot end the script element it is in."""
    return data.replace("<", "\\u003c")


def _kind(number: bool) -> str:
    return ' class="number"' if number else ""


def _is_number(cell: str) -> bool:
    """Whether a cell may stand in a column of numbers."""
    return not cell or cell in ("never", "the same", "–") or _NUMERIC.fullmatch(cell) is not None
