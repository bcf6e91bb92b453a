"""`windlass lambda …`: functions, what their environments print, and where their cold starts go."""

from __future__ import annotations

import sys
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import typer

from windlass.cli.admin_client import AdminClient, default_endpoint
from windlass.cli.bars import FULL, bar, shares
from windlass.cli.output import AsJson, clock_time, show_json, show_table

if TYPE_CHECKING:
    from rich.text import Text

app = typer.Typer(help="Lambda functions of every account and Region.", no_args_is_help=True)
Endpoint = Annotated[str, typer.Option(help="URL of the plane.", default_factory=default_endpoint)]
COLOURS = {
    "routing": "bright_black",
    "placement": "blue",
    "code": "cyan",
    "network": "red",
    "sandbox": "magenta",
    "runtime": "yellow",
    "init": "green",
    "restore": "bright_green",
}
"""Of the phases of a cold start, wherever they are drawn."""
BAR_WIDTH = 40
_MS = 1000.0


@app.command()
def ps(endpoint: Endpoint, as_json: AsJson = False) -> None:
    """The functions that there are, how many environments each has, and its last cold start."""
    found = AdminClient(endpoint).get("functions")
    if as_json:
        show_json(found)
        return
    show_table(
        ("FUNCTION", "WHERE", "STATE", "RUNTIME", "MIB", "WARM", "COLD START"),
        [
            (
                one["name"],
                f"{one['account']}/{one['region']}",
                one["state"],
                one["runtime"],
                str(one["memory_mib"]),
                str(one["environments"]),
                f"{one['last_cold_start_s'] * _MS:.1f} ms" if one["cold_starts"] else "",
            )
            for one in found["functions"]
        ],
    )


@app.command()
def logs(
    function: Annotated[str, typer.Argument(help="The function's name.")],
    endpoint: Endpoint,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """What its environments print, with the platform's own lines."""
    from windlass.cli import inspect

    inspect.logs(endpoint, function, follow)


@app.command(name="cold-starts")
def cold_starts(
    function: Annotated[str, typer.Argument(help="Name or ARN.")], endpoint: Endpoint, as_json: AsJson = False
) -> None:
    """The last cold starts of a function, phase by phase; milliseconds."""
    found = AdminClient(endpoint).get("cold-starts", function=function)
    if as_json:
        show_json(found)
    elif sys.stdout.isatty():
        for one in found["functions"]:
            _draw(one, found["phases"])
    else:
        show_table(
            (),
            [
                _plain(start, one["name"], found["phases"])
                for one in found["functions"]
                for start in one["cold_starts"]
            ],
        )


def _plain(start: dict[str, Any], name: str, phases: list[str]) -> tuple[str, ...]:
    numbers = (start["total_s"], *(start["phases_s"][phase] for phase in phases))
    taken = (f"{number * _MS:.3f}" for number in numbers)
    return (clock_time(start["at"]), name, start["kind"], *taken, start["error"])


def _draw(function: dict[str, Any], phases: list[str]) -> None:
    """A table with a bar for each start, and the median of each phase."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    starts = function["cold_starts"]
    title = f"[bold]{function['name']}[/] ({function['account']}, {function['region']})"
    if not starts:
        console.print(f"{title}: no cold start since the plane was started")
        return
    console.print(f"{title}: {len(starts)} cold starts, median {_median(starts, 'total_s'):.1f} ms")
    longest = max(start["total_s"] for start in starts)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("AT", no_wrap=True)
    table.add_column("MS", justify="right")
    table.add_column("")
    table.add_column("", style="dim")
    for start in starts:
        told = " ".join(filter(None, (start["error"], "" if start["kind"] == "on-demand" else start["kind"])))
        line = stacked([start["phases_s"][phase] for phase in phases], phases, longest)
        table.add_row(clock_time(start["at"]), f"{start['total_s'] * _MS:.1f}", line, told)
    console.print(table)
    console.print()
    legend = Table(box=None, pad_edge=False, show_header=False)
    legend.add_column()
    legend.add_column(justify="right")
    legend.add_column()
    middles = {phase: median(start["phases_s"][phase] for start in starts) for phase in phases}
    for phase, middle in middles.items():
        drawn = f"[{COLOURS[phase]}]{bar(middle, max(middles.values()), BAR_WIDTH)}[/]"
        legend.add_row(phase, f"{middle * _MS:.1f}", drawn)
    console.print(legend)


def stacked(parts: list[float], phases: list[str], longest: float) -> Text:
    """One bar in the colours of its phases."""
    from rich.text import Text

    line = Text()
    for phase, length in zip(phases, shares(parts, longest, BAR_WIDTH), strict=True):
        line.append(FULL * length, style=COLOURS[phase])
    return line


def _median(starts: list[dict[str, Any]], key: str) -> float:
    return float(median(start[key] for start in starts)) * _MS
