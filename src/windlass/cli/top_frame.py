"""One frame of `windlass top`: what `/_windlass/overview` says, laid out for a terminal of that size. Pure.

Above all the header, clusters and services; then what is left of the height for buckets and events. Lines are
made as text and cut at the width; names that identify come first on their line, so that they stay whole.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.text import Text

from windlass.cli.output import short

BARS = " ▁▂▃▄▅▆▇█"
EVENTS_MIN = 4
LOW = 30
"""Rows below which what a service waits for has one line, and full buckets none."""
EVENTS_ALONE = 12
"""Events of a frame that has no height."""
Shape = dict[str, Any]


def frame(seen: Shape, endpoint: str, width: int, height: int | None) -> Group:
    """All lines of a frame, no more than `height`; without a height all services and the latest events."""
    head = [*_header(seen, endpoint, width), *_clusters(seen), *_providers(seen)]
    low = height is not None and height < LOW
    buckets = [] if low and not seen["levels"] else list(_buckets(seen, width))
    services = service_blocks(seen, width, 1 if low else 3)
    if height is None:
        lines = [line for one in services for line in one]
        return _joined([*head, *_titled("SERVICES", lines), *buckets, *_events(seen, EVENTS_ALONE)], width)
    room = height - len(head) - len(buckets) - EVENTS_MIN - 3
    lines, hidden = _within(services, max(room, 3))
    body = [*head, *_titled("SERVICES", lines)]
    if hidden:
        body.append(Text(f"  … {hidden} more: windlass ps --services", style="dim"))
    body += buckets
    return _joined([*body, *_events(seen, height - len(body) - 2)][:height], width)


def _joined(lines: Sequence[Text], width: int) -> Group:
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return Group(*lines)


def _titled(title: str, lines: Sequence[Text]) -> Iterator[Text]:
    if lines:
        yield Text()
        yield Text(title, style="bold")
        yield from lines


def _within(blocks: Sequence[Sequence[Text]], room: int) -> tuple[list[Text], int]:
    """The first blocks that fit whole, and how many do not."""
    lines: list[Text] = []
    for number, block in enumerate(blocks):
        if lines and len(lines) + len(block) > room:
            return lines, len(blocks) - number
        lines += block
    return lines, 0


def _header(seen: Shape, endpoint: str, width: int) -> Iterator[Text]:
    nodes, units = seen["nodes"], seen["units"]
    line = Text(f"windlass {endpoint}", style="bold")
    line.append(f"  {_clock(seen['at'])}  ", style="not bold")
    all_there = nodes["connected"] == nodes["total"]
    told = f"nodes {nodes['connected']}/{nodes['total']}"
    line.append(told, style="not bold green" if all_there and nodes["total"] else "not bold red")
    line.append(f"  profile {seen['profile']}", style="not bold dim")
    yield line
    if seen["trouble"]:
        yield Text(f"trouble: {seen['trouble']}", style="red")
    states = "  ".join(f"{count} {state}" for state, count in sorted(units.items())) or "none"
    yield Text(f"units     {states}")
    shown = min(60, max(10, width - 40))
    for name, style in (("launched", "cyan"), ("running", "green"), ("stopped", "yellow")):
        counts = seen["tempo"][name][-shown:]
        line = Text(f"{name:<9} ")
        line.append(f"{counts[-1]:>5}/s  ", style="bold" if counts[-1] else "dim")
        line.append(sparkline(counts), style=style)
        line.append(f"  {max(counts)}/s at most", style="dim")
        yield line


def sparkline(counts: Sequence[int]) -> str:
    """Counts as bars, the largest as the highest.

    >>> sparkline([0, 1, 4, 8])
    ' ▁▄█'
    """
    most = max(counts, default=0)
    return "".join(BARS[-(-count * 8 // most)] if most else " " for count in counts)


def _clusters(seen: Shape) -> Iterator[Text]:
    lines = []
    names = max((len(_scoped(one)) for one in seen["clusters"]), default=0)
    for one in seen["clusters"]:
        line = Text(f"  {_scoped(one):<{names}}  {one['running']:>5} running {one['pending']:>4} pending  ")
        line.append(f"{one['services']} services", style="dim")
        instances = one["instances"]
        if instances["total"]:
            line.append(f"  {instances['connected']}/{instances['total']} instances connected")
        if instances["draining"]:
            line.append(f", {instances['draining']} draining", style="yellow")
        lines.append(line)
    yield from _titled("CLUSTERS", lines)


def _providers(seen: Shape) -> Iterator[Text]:
    lines = []
    for one in seen["providers"]:
        line = Text(f"  {one['cluster']}/{one['name']}  {one['instances']} instances")
        if one["booting"]:
            line.append(f"  {one['booting']} booting", style="cyan")
        if one["draining"]:
            line.append(f"  {one['draining']} draining", style="yellow")
        if one["tasks_waiting"]:
            line.append(f"  {one['tasks_waiting']} tasks wait", style="yellow")
        lines.append(line)
    yield from _titled("CAPACITY PROVIDERS", lines)


def _busy_first(services: Sequence[Shape]) -> list[Shape]:
    """Those that are in no steady state before the others; by cluster and name among themselves."""
    return sorted(services, key=lambda one: one["why"][0]["code"] == "NOTHING")


def service_blocks(seen: Shape, width: int, sentence_lines: int) -> list[list[Text]]:
    """The lines of each service, those that are in no steady state first."""
    return [list(_service(one, seen, width, sentence_lines)) for one in _busy_first(seen["services"])]


def _service(one: Shape, seen: Shape, width: int, sentence_lines: int) -> Iterator[Text]:
    """A line for the service; one for each deployment of a roll-out, and what it waits for."""
    steady = one["why"][0]["code"] == "NOTHING"
    several = len({_scope(each) for each in seen["services"]}) > 1
    line = Text(f"  {one['cluster']}/{one['name']}", style="" if steady else "bold")
    if several:
        line.append(f" {_scope(one)}", style="not bold dim")
    line.append(
        f"  {one['running']}/{one['desired']} running", style="not bold green" if steady else "not bold"
    )
    if one["pending"]:
        line.append(f"  {one['pending']} pending", style="not bold yellow")
    deployments = one["deployments"]
    alone = len(deployments) == 1 and deployments[0]["rollout"] == "COMPLETED"
    if alone:
        line.append(f"  {deployments[0]['definition']}", style="not bold dim")
    yield line
    cells = max(10, min(40, width - 60))
    for each in () if alone else deployments:
        yield _deployment(each, one["desired"], cells)
    if not steady:
        sentence = textwrap.wrap(
            one["why"][0]["sentence"], max(20, width - 4), max_lines=sentence_lines, placeholder=" …"
        )
        yield from (Text(f"    {line}", style="yellow") for line in sentence)


_ROLLOUT = {"COMPLETED": "green", "IN_PROGRESS": "cyan", "FAILED": "red"}


def _deployment(one: Shape, desired: int, cells: int) -> Text:
    """A bar of tasks by health, and the numbers."""
    line = Text(f"    {one['status']:<8} {one['definition']}  ")
    line.append(f"{one['rollout']}  ", style=_ROLLOUT[one["rollout"]])
    line.append_text(bar(one, desired, cells))
    line.append(f" {one['healthy']} healthy")
    for name in ("waiting", "pending", "unhealthy", "leaving"):
        if one[name]:
            line.append(f", {one[name]} {name}")
    if one["backoff_failures"]:
        line.append(f"  {one['backoff_failures']} failed in a row", style="red")
    return line


def bar(one: Shape, desired: int, cells: int) -> Text:
    """Tasks of a deployment: healthy █, running ▓, on their way ░, unhealthy ▒; dots up to what is wanted."""
    full = max(1, desired, sum(one[name] for name, *_ in _PARTS))
    drawn, told = Text("["), 0
    for name, sign, style in _PARTS:
        told += one[name]
        drawn.append(sign * (told * cells // full - (len(drawn) - 1)), style=style)
    drawn.append("·" * (cells - (len(drawn) - 1)), style="dim")
    return drawn.append("]")


_PARTS = (
    ("healthy", "█", "green"),
    ("waiting", "▓", "cyan"),
    ("pending", "░", "yellow"),
    ("unhealthy", "▒", "red"),
    ("leaving", "-", "dim"),
)


def _buckets(seen: Shape, width: int) -> Iterator[Text]:
    """Buckets that are not full."""
    lines = []
    cells = max(10, min(40, width - 60))
    names = max((len(one["name"]) for one in seen["levels"]), default=0)
    for one in seen["levels"]:
        filled = max(0, one["tokens"]) * cells // max(1, one["burst"])
        line = Text(f"  {one['name']:<{names}} [")
        line.append("█" * filled, style="red" if filled * 4 < cells else "blue")
        line.append("·" * (cells - filled), style="dim")
        refill = f"{one['per_minute']}/min" if "per_minute" in one else f"{one['per_second']}/s"
        line.append(f"] {one['tokens']}/{one['burst']}, {refill}  ")
        line.append(" ".join(part for part in (_scope(one), _subject(one, seen)) if part), style="dim")
        lines.append(line)
    yield from _titled("BUCKETS", lines or [Text("  all are full, or the profile has none", style="dim")])


def _subject(level: Shape, seen: Shape) -> str:
    """Whose bucket it is within its account: a service's, by its name if it is known."""
    names = {one["id"]: f"{one['cluster']}/{one['name']}" for one in seen["services"]}
    return str(names.get(level["subject"], level["subject"]))


def _events(seen: Shape, most: int) -> Iterator[Text]:
    lines = []
    for one in seen["events"][-most:] if most > 0 else ():
        line = Text(f"  {_clock(one['at'])}  ", style="dim")
        line.append(short(one["subject"]), style="not dim bold")
        line.append(f"  {one['what']}" if one["what"] != "event" else "", style="not dim cyan")
        line.append(f"  {one['why']}", style="not dim")
        lines.append(line)
    yield from _titled("EVENTS", lines)


def _scoped(one: Shape) -> str:
    return f"{one['name']} {_scope(one)}"


def _scope(one: Shape) -> str:
    return f"{one['account']} {one['region']}"


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).astimezone().strftime("%H:%M:%S")
