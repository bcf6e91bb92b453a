"""`windlass batch …`: queues, environments and jobs, why a job is where it is, and what it printed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from windlass.cli.admin_client import AdminClient, default_endpoint
from windlass.cli.bars import FULL, bar, shares
from windlass.cli.log_lines import Labelled, Sources, show
from windlass.cli.output import AsJson, age, fail, show_json, show_paragraphs, show_table

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

app = typer.Typer(help="AWS Batch: job queues of every account and Region.", no_args_is_help=True)
Endpoint = Annotated[str, typer.Option(help="URL of the plane.", default_factory=default_endpoint)]
JobName = Annotated[
    str, typer.Argument(help="Id (eight digits are enough), ARN, or name; with :INDEX a child of an array.")
]
Shape = dict[str, Any]
COLOURS = {
    "SUBMITTED": "bright_black",
    "PENDING": "bright_black",
    "RUNNABLE": "blue",
    "STARTING": "yellow",
    "RUNNING": "cyan",
    "SUCCEEDED": "green",
    "FAILED": "red",
}
"""Of the states of jobs, in the order of a job's life, wherever they are drawn."""
ENDED = ("SUCCEEDED", "FAILED")
DRAWN = tuple(reversed(COLOURS))
"""What is done is drawn first, so that a bar fills up from the left."""
BAR_WIDTH = 40
JOB_BAR_WIDTH = 12


@app.command()
def ps(
    endpoint: Endpoint,
    queue: Annotated[str, typer.Argument(help="Only this queue, its environments and its jobs.")] = "",
    as_json: AsJson = False,
) -> None:
    """Queues with their jobs by state, environments and their vCPUs, and the newest jobs not over."""
    found = AdminClient(endpoint).get("batch", **({"queue": queue} if queue else {}))
    if as_json:
        show_json(found)
    elif sys.stdout.isatty():
        _draw(found)
    else:
        show_table((), list(_plain(found)))


@app.command()
def why(job: JobName, endpoint: Endpoint, as_json: AsJson = False) -> None:
    """Why a job, or a child of an array, is where it is; of one that ended, how it did."""
    found = AdminClient(endpoint).get("batch/job", job=job)["found"]
    if as_json:
        show_json(found)
        return
    for one in found:
        title = f"{one['name']} {one['id']} {one['status']}"
        show_paragraphs(title, [reason["sentence"] for reason in one["why"]])


@app.command()
def logs(
    job: JobName,
    endpoint: Endpoint,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Of an array: lines of all its children.")] = False,
) -> None:
    """What a job or a child printed, in all its attempts."""
    client = AdminClient(endpoint)
    query = {"job": job, "children": "yes"} if every else {"job": job}

    def find() -> Sources:
        found = client.get("batch/job", **query)["found"]
        return Sources(
            [one for seen in found for one in _labelled(seen)], all(one["status"] in ENDED for one in found)
        )

    found = client.get("batch/job", job=job)["found"]
    array = next((one for one in found if one["size"]), None)
    if array is not None and not every:
        last = array["size"] - 1
        fail(f"{job} is an array of {array['size']}: name a child, {job}:0 to {job}:{last}, or give --all")
    if not find().streams:
        nothing = f"{job} has printed nothing yet: {found[0]['why'][0]['sentence']}"
        if not follow:
            fail(nothing)
        print(f"windlass: {nothing}", file=sys.stderr, flush=True)
    show(endpoint, find, follow)


def _labelled(seen: Shape) -> Iterator[Labelled]:
    """The streams of a job, told apart by child, attempt and container as far as there are several."""
    runs = seen.get("children") or [seen]
    for run in runs:
        index = [f"{run['index']:>{len(str(seen['size'] - 1))}}"] if "index" in run else []
        for number, streams in enumerate(run["streams"], 1):
            attempt = [f"attempt {number}"] if len(run["streams"]) > 1 else []
            for stream in streams:
                container = [stream["stream"].split("/")[-2]] if len(streams) > 1 else []
                yield Labelled(stream, " ".join([*index, *attempt, *container]))


def _plain(found: Shape) -> Iterator[tuple[str, ...]]:
    """Lines that begin with what they are of."""
    for queue in found["queues"]:
        where = f"{queue['account']}/{queue['region']}"
        states = " ".join(f"{name}={count}" for name, count in queue["states"].items())
        environments = " ".join(queue["environments"])
        yield "queue", queue["name"], where, str(queue["priority"]), queue["state"], environments, states
    for one in found["environments"]:
        where = f"{one['account']}/{one['region']}"
        yield "environment", one["name"], where, one["kind"], one["state"], one["status"], _vcpus(one)
    for job in found["jobs"]:
        where = f"{job['account']}/{job['region']}"
        since = age(found["at"] - job["created_at"])
        children = " ".join(f"{name}={count}" for name, count in job["children"].items())
        yield "job", job["id"], where, job["queue"], job["name"], job["status"], since, children


def _vcpus(environment: Shape) -> str:
    """In use, of the cap; of environments with instances also how many these are to have."""
    most, desired = environment["vcpus_max"], environment["vcpus_desired"]
    told = f"{environment['vcpus_used']:g}" + ("" if most is None else f" of {most}")
    return f"{told}, desired {desired}" if desired else told


def _draw(found: Shape) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not found["queues"] and not found["environments"]:
        console.print("There are no job queues.")
    for queue in found["queues"]:
        _draw_queue(console, queue)
    if found["environments"]:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("ENVIRONMENT", "KIND", "STATE", "STATUS", "VCPUS IN USE", ""):
            table.add_column(column)
        for one in found["environments"]:
            used = bar(one["vcpus_used"], one["vcpus_max"] or 0, JOB_BAR_WIDTH)
            table.add_row(one["name"], one["kind"], one["state"], one["status"], _vcpus(one), used)
        console.print(table)
    if found["jobs"]:
        console.print()
        _draw_jobs(console, found)


def _draw_queue(console: Console, queue: Shape) -> None:
    from rich.text import Text

    head = Text(queue["name"], style="bold")
    policy = f", shares by {queue['policy']}" if queue["policy"] else ""
    state = "" if queue["state"] == "ENABLED" else f", {queue['state']}"
    head.append(
        f"  priority {queue['priority']}, in {', '.join(queue['environments'])}{policy}{state}  "
        f"({queue['account']}, {queue['region']})",
        style="not bold",
    )
    console.print(head)
    total = sum(queue["states"].values())
    if not total:
        console.print("  no jobs\n", style="dim")
        return
    console.print(Text("  ").append_text(states_bar(queue["states"], BAR_WIDTH)))
    console.print(Text("  ").append_text(states_told(queue["states"])))
    for one in queue["blocked"]:
        console.print(Text(f"  first in line is {one['job'][:8]}: {one['sentence']}", style="dim"))
    console.print()


def _draw_jobs(console: Console, found: Shape) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("JOB", "NAME", "QUEUE", "STATUS", "AGE", "CHILDREN"):
        table.add_column(column, no_wrap=True)
    now = time.time()
    for job in found["jobs"]:
        children = Text()
        if job["children"]:
            children = states_bar(job["children"], JOB_BAR_WIDTH)
            ended = sum(job["children"][name] for name in ENDED)
            children.append(f" {ended}/{job['size']}", style="default")
        status = Text(job["status"], style=COLOURS[job["status"]])
        table.add_row(
            job["id"][:8], job["name"], job["queue"], status, age(now - job["created_at"]), children
        )
    console.print(table)
    left = found["jobs_total"] - len(found["jobs"])
    if left > 0:
        console.print(f"and {left} older ones", style="dim")


def states_bar(states: Mapping[str, int], width: int) -> Text:
    """States as one bar of that width, what is done first."""
    from rich.text import Text

    line = Text()
    counts = [states.get(name, 0) for name in DRAWN]
    for name, length in zip(DRAWN, shares(counts, sum(counts), width), strict=True):
        line.append(FULL * length, style=COLOURS[name])
    return line


def states_told(states: Mapping[str, int]) -> Text:
    """States and their counts in the colours of the bar."""
    from rich.text import Text

    line = Text()
    for name in DRAWN:
        if states.get(name):
            line.append(f"{states[name]} {name}  ", style=COLOURS[name])
    return line
