"""How the command line shows things: tables and colour on a terminal, plain lines in a pipe, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fail(message: str, code: int = 1) -> NoReturn:
    """One line on stderr, then the end."""
    print(f"windlass: {message}", file=sys.stderr)
    raise SystemExit(code)


def show_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, head: bool = True) -> None:
    """A table on a terminal, with its column names if `head`; tab-separated lines without them in a pipe."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_header=head)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_coloured(cell) for cell in row))
    Console().print(table)


def show_story(entries: Sequence[Sequence[str]]) -> None:
    """Times, sources, what, subjects and why: sentences on a terminal, tab-separated lines in a pipe."""
    if not sys.stdout.isatty():
        show_table((), entries)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for at, source, what, subject, why in entries:
        line = Text(short(subject), style="bold")
        line.append(f"  {what}" if what != "event" else "", style="not bold cyan")
        line.append(f"  {why}", style="not bold")
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, style="dim")
        grid.add_column(no_wrap=True, style="dim", min_width=5)
        grid.add_column(overflow="fold")
        grid.add_row(at, source, line)
        console.print(grid)


def short(subject: str) -> str:
    """An ARN by its last parts.

    >>> short("arn:aws:ecs:eu-west-1:123456789012:service/default/web")
    'default/web'
    """
    return subject.split(":", 5)[-1].partition("/")[2] if subject.startswith("arn:") else subject


def clock_time(at_s: float) -> str:
    """An epoch time as local clock time with milliseconds."""
    return datetime.fromtimestamp(at_s, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]


def age(seconds: float) -> str:
    """A duration in the largest two units: 75 → 1m15s."""
    whole = int(max(0, seconds))
    for size, unit, smaller, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // smaller}{small_unit}"
    return f"{whole}s"


_COLOURS = {
    "running": "green", "full": "green", "ready": "green", "yes": "green",
    "stopped": "dim", "none": "dim", "waiting": "yellow", "assigned": "yellow", "starting": "yellow",
    "stopping": "yellow", "partial": "yellow", "lost": "red", "degraded": "red", "no": "red",
}  # fmt: skip


def _coloured(cell: str) -> str:
    from rich.markup import escape

    colour = _COLOURS.get(cell)
    return f"[{colour}]{cell}[/]" if colour else escape(cell)


def show_paragraphs(title: str, sentences: Sequence[str]) -> None:
    """A title, and below it sentences, wrapped on a terminal; whole lines in a pipe."""
    if not sys.stdout.isatty():
        for sentence in sentences:
            print(f"{title}\t{sentence}")
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    console.print(Text(title, style="bold", overflow="fold"))
    for sentence in sentences:
        console.print(Padding(Text(sentence, overflow="fold"), (0, 0, 0, 2)))
