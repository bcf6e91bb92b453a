"""`windlass why`: what a task, a service, a job or a function waits for, in sentences."""

from __future__ import annotations

from typing import Any

from windlass.cli.admin_client import AdminClient
from windlass.cli.output import show_json, show_paragraphs


def why(endpoint: str, subject: str, as_json: bool) -> None:
    """Print the reasons for each task, service, job or function that is meant, the weightiest first."""
    found = AdminClient(endpoint).get("why", subject=subject)["found"]
    if as_json:
        show_json(found)
        return
    for one in found:
        show_paragraphs(_title(one), [reason["sentence"] for reason in one["why"]])


def _title(found: dict[str, Any]) -> str:
    where = f"({found['account']}, {found['region']})"
    if found["kind"] == "function":
        return f"function {found['name']} {where}"
    if found["kind"] == "service":
        return f"service {found['cluster']}/{found['name']} {where}"
    if found["kind"] == "job":
        return f"job {found['id']} ({found['name']}) in queue {found['queue']} {where}"
    of = f" of service {found['service']}" if found["service"] else f" of {found['family']}"
    return f"task {found['cluster']}/{found['id']}{of} {where}"
