"""`windlass traffic …`: load balancers, where they are reached, and how their targets are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from windlass.cli.admin_client import AdminClient, default_endpoint
from windlass.cli.output import AsJson, show_json, show_table

app = typer.Typer(help="Load balancers of every account and Region.", no_args_is_help=True)
Endpoint = Annotated[str, typer.Option(help="URL of the plane.", default_factory=default_endpoint)]


@app.command()
def ps(endpoint: Endpoint, as_json: AsJson = False) -> None:
    """Listeners with their addresses, the rules of each, and the target groups behind them."""
    found = AdminClient(endpoint).get("traffic")
    if as_json:
        show_json(found)
        return
    balancers = found["load_balancers"]
    show_table(
        ("LOAD BALANCER", "WHERE", "LISTENER", "NAME ON THE ENDPOINT", "RULES", "FORWARDS TO", "NOTE"),
        [
            (
                one["name"],
                f"{one['account']}/{one['region']}",
                _address(one, listener),
                one["dns_name"],
                str(len(listener["rules"]) if listener else 0),
                _forwards(listener),
                _note(one, listener),
            )
            for one in balancers
            for listener in one["listeners"] or [None]
        ],
    )


@app.command()
def targets(endpoint: Endpoint, as_json: AsJson = False) -> None:
    """The targets of groups that load balancers forward to, and why they are not healthy."""
    found = AdminClient(endpoint).get("traffic")
    if as_json:
        show_json(found)
        return
    show_table(
        ("LOAD BALANCER", "TARGET GROUP", "TARGET", "STATE", "REASON"),
        [
            (
                one["name"],
                group["name"],
                f"{target['id']}:{target['port']}" if target["port"] else target["id"],
                target["state"],
                target["description"],
            )
            for one in found["load_balancers"]
            for group in one["groups"]
            for target in group["targets"]
        ],
    )


def _address(balancer: dict[str, Any], listener: dict[str, Any] | None) -> str:
    if listener is None:
        return f"{balancer['address']} (no listener)"
    return f"{listener['protocol'].lower()}://{balancer['address']}:{listener['port']}"


def _forwards(listener: dict[str, Any] | None) -> str:
    """Names of groups with their weights where there are several: "blue 90, green 10"."""
    if listener is None:
        return ""
    rules = [rule["shares"] for rule in listener["rules"] if rule["shares"]]
    texts = (
        ", ".join(
            share["group"] if len(shares) == 1 else f"{share['group']} {share['weight']}" for share in shares
        )
        for shares in rules
    )
    return "; ".join(dict.fromkeys(texts))


def _note(balancer: dict[str, Any], listener: dict[str, Any] | None) -> str:
    """What is not as it should be: a port that could not be had, a load balancer that is not active yet."""
    refused = listener["refused"] if listener is not None else []
    texts = [f"{one['address']} refused: {one['why']}" for one in refused]
    return "; ".join([*texts, *([] if balancer["state"] == "active" else [balancer["state"]])])
