"""`windlass chaos …`: make happen to tasks what AWS does to them unasked."""

from __future__ import annotations

from typing import Annotated

import typer

from windlass.cli.admin_client import AdminClient, default_endpoint
from windlass.cli.output import AsJson, show_json

app = typer.Typer(help="Faults on purpose, to see how your application takes them.", no_args_is_help=True)
Endpoint = Annotated[str, typer.Option(help="URL of the plane.", default_factory=default_endpoint)]


@app.callback()
def group() -> None:
    """Faults on purpose, to see how your application takes them."""


@app.command(name="spot-interrupt")
def spot_interrupt(
    tasks: Annotated[
        list[str], typer.Argument(metavar="TASK", help="Ids or ARNs of tasks, or ids of Batch jobs.")
    ],
    endpoint: Endpoint,
    as_json: AsJson = False,
) -> None:
    """Interrupt Fargate Spot tasks: the warning event, SIGTERM, and SIGKILL after their stopTimeout."""
    client = AdminClient(endpoint)
    found = [client.post("chaos/spot-interrupt", task=task) for task in tasks]
    if as_json:
        show_json({"tasks": found})
        return
    for one in found:
        typer.echo(f"{one['task']}: {one['stopCode']}: {one['stoppedReason']}")
