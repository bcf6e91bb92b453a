"""`windlass instance …`: machines for EC2 capacity on this machine."""

from __future__ import annotations

import json
import os
import time
from typing import Annotated, Any

import typer

from windlass.cli.admin_client import AdminClient, default_endpoint
from windlass.cli.output import AsJson, age, fail, show_json, show_table

app = typer.Typer(
    help="Instances for EC2 capacity: parts of this machine that ECS places tasks on.", no_args_is_help=True
)
Endpoint = Annotated[str, typer.Option(help="URL of the plane.", default_factory=default_endpoint)]


@app.command()
def run(
    endpoint: Endpoint,
    cluster: Annotated[str, typer.Option(help="ECS cluster to join; '' for none.")] = "default",
    count: Annotated[int, typer.Option(help="How many.", min=1)] = 1,
    cpu: Annotated[int, typer.Option(help="CPU units, 1024 a vCPU.")] = 2048,
    memory: Annotated[int, typer.Option(help="MiB.")] = 4096,
    zone: Annotated[str, typer.Option(help="Availability zone; the Region's first if none is named.")] = "",
    type_: Annotated[str, typer.Option("--type", help="Its ecs.instance-type; limits awsvpc tasks.")] = "",
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An attribute; may be repeated.")
    ] = None,
    account: Annotated[str, typer.Option(help="Account; else that of AWS_ACCESS_KEY_ID.")] = "",
    region: Annotated[str, typer.Option(help="Region; else AWS_REGION, AWS_DEFAULT_REGION.")] = "",
    as_json: AsJson = False,
) -> None:
    """Launch instances; each joins the cluster as a container instance."""
    pairs = [text.partition("=") for text in attribute or ()]
    if not all(separator for _, separator, _ in pairs):
        fail("an --attribute is NAME=VALUE", 2)
    found = AdminClient(endpoint).post(
        "instances/run",
        cluster=cluster,
        count=str(count),
        cpu=str(cpu),
        memory=str(memory),
        zone=zone,
        type=type_,
        attributes=json.dumps({name: value for name, _, value in pairs}),
        account=account,
        key=os.environ.get("AWS_ACCESS_KEY_ID", ""),
        region=region or _region(),
    )
    _show(found, as_json)


@app.command(name="ls")
def list_(endpoint: Endpoint, as_json: AsJson = False) -> None:
    """The instances that there are, those terminated within the last hour included."""
    _show(AdminClient(endpoint).get("instances"), as_json)


@app.command()
def terminate(
    instances: Annotated[list[str], typer.Argument(help="Instance ids.")],
    endpoint: Endpoint,
    as_json: AsJson = False,
) -> None:
    """End instances: their tasks stop, and they leave their cluster."""
    client = AdminClient(endpoint)
    ended = [client.post("instances/terminate", id=instance)["instances"][0] for instance in instances]
    _show({"instances": ended}, as_json)


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    now = time.time()
    rows = [
        (
            row["id"],
            row["state"],
            row["cluster"] or "-",
            f"{row['cpu_units'] / 1024:g} vCPU",
            f"{row['memory_mib']} MiB",
            row["zone"] or "-",
            str(row["units"]),
            age(now - row["launched_at"]),
        )
        for row in found["instances"]
    ]
    show_table(("INSTANCE", "STATE", "CLUSTER", "CPU", "MEMORY", "ZONE", "TASKS", "AGE"), rows)
