"""`windlass ps`: the units that exist, with the service and deployment, or the queue, that they belong to."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from windlass.cli.admin_client import AdminClient
from windlass.cli.output import age, show_json, show_table

Shape = dict[str, Any]


def ps(endpoint: str, as_json: bool) -> None:
    """Units, each on a line that fits 80 columns; below it what does not fit, and what a task waits for."""
    found = AdminClient(endpoint).get("units")
    if as_json:
        show_json(found)
    elif sys.stdout.isatty():
        _show_groups(found["units"])
    else:
        show_table((), [_plain(unit, time.time()) for unit in found["units"]])


def services(endpoint: str, as_json: bool) -> None:
    """Services, with what they wait for."""
    found = AdminClient(endpoint).get("services")
    if as_json:
        show_json(found)
        return
    if sys.stdout.isatty():
        _show_services(found)
        return
    rows = [
        (
            f"{one['cluster']}/{one['name']}",
            f"{one['account']}/{one['region']}",
            f"{one['running']}/{one['desired']}",
            str(one["pending"]),
            " ".join(f"{each['definition']}:{each['rollout']}" for each in one["deployments"]),
            one["why"][0]["sentence"],
        )
        for one in found["services"]
    ]
    show_table((), rows)


def _show_services(found: Shape) -> None:
    """As `windlass top` draws them, and all that they wait for."""
    from rich.console import Console

    from windlass.cli.top_frame import service_blocks

    console = Console(highlight=False)
    for block in service_blocks(found, console.width, 20):
        for line in block:
            line.overflow = "fold"
            console.print(line)


def _plain(unit: Shape, now: float) -> tuple[str, ...]:
    task, job = unit["task"] or {}, unit["job"] or {}
    return (
        unit["id"],
        unit["service"],
        f"{unit['account']}/{unit['region']}",
        unit["state"],
        age(now - unit["created_at"]),
        unit["node"],
        " ".join(_container(c) for c in unit["containers"]) or unit["why"],
        _belongs(task, job),
        task.get("deployment", ""),
        task.get("machine", ""),
        task.get("health", ""),
        (task or job)["why"]["sentence"] if task or job else "",
    )


def _belongs(task: Shape, job: Shape) -> str:
    """Cluster and service of a task, queue and job of an attempt."""
    if task:
        return f"{task['cluster']}/{task['service'] or task['family']}"
    return f"{job['queue']}/{job['id']}" if job else ""


def _show_groups(units: Sequence[Shape]) -> None:
    from rich.console import Console

    groups: dict[tuple[str, ...], list[Shape]] = {}
    for unit in units:
        groups.setdefault(_group(unit), []).append(unit)
    console = Console(highlight=False)
    now = time.time()
    for group, members in sorted(groups.items()):
        _print(console, "  ".join(part for part in group if part), "bold", 0)
        for unit in members:
            for text, style, indent in _lines(unit, now):
                _print(console, text, style, indent)


def _print(console: Any, text: str, style: str, indent: int) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text, style=style, overflow="fold"), (0, 0, 0, indent)))


def _group(unit: Shape) -> tuple[str, ...]:
    """What its heading says: units of one service and deployment stand together."""
    task, where = unit["task"], f"{unit['account']} {unit['region']}"
    if unit["job"] is not None:
        return (f"jobs of queue {unit['job']['queue']}", "", where)
    if task is None:
        return (unit["service"], "", where)
    what = (
        f"service {task['cluster']}/{task['service']}" if task["service"] else f"tasks in {task['cluster']}"
    )
    of = f"{task['deployment']} {task['definition']}" if task["service"] else ""
    return (what, of, where)


_STYLES = {"RUNNING": "green", "running": "green", "STOPPED": "dim", "stopped": "dim", "lost": "red"}


def _lines(unit: Shape, now: float) -> Iterator[tuple[str, str, int]]:
    """(text, style, indent): the unit, and what more there is to say of it."""
    if unit["job"] is not None:
        yield from _job_lines(unit["job"], now)
        return
    task = unit["task"]
    state = task["last_status"] if task else unit["state"]
    since = age(now - (task["since"] if task else unit["created_at"]))
    health = task["health"] if task and task["health"] != "UNKNOWN" else ""
    family = task["definition"] if task and not task["service"] else ""
    place = (task["machine"] if task else "") or unit["node"]
    text = f"{unit['id']:<32}  {state:<12} {since:<7} {health:<9} {family or place}".rstrip()
    yield text, _STYLES.get(state, "yellow"), 2
    containers = " ".join(_container(c) for c in unit["containers"] if c["status"] != "running")
    said = task["why"] if task else {"code": "", "sentence": unit["why"]}
    if said["sentence"] and said["code"] != "NOTHING":
        yield said["sentence"], "dim", 4
    elif containers:
        yield containers, "dim", 4


def _job_lines(job: Shape, now: float) -> Iterator[tuple[str, str, int]]:
    attempt = f"attempt {job['attempt']}" if job["attempt"] > 1 else ""
    since = age(now - job["since"])
    text = f"{job['id']:<41}  {job['status']:<8} {since:<6} {job['name']} {attempt}"
    yield text.rstrip(), _STYLES.get(job["status"], "yellow"), 2
    if job["why"]["code"] != "NOTHING":
        yield job["why"]["sentence"], "dim", 4


def _container(container: Shape) -> str:
    code = container["exit_code"]
    return f"{container['name']}={container['status'] if code is None else f'exit {code}'}"
