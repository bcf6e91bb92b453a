"""What is served, operation by operation: the botocore model against the services' declarations.

Full: does what AWS does. Partial: what is missing is said. None: refused with 501. `docs/coverage.md` is
this table, and a test holds them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from windlass.aws.models import Models
from windlass.services.plane import Service


@dataclass(frozen=True, slots=True)
class Covered:
    """One operation. `missing` says what a partial one lacks."""

    service: str
    operation: str
    state: Literal["full", "partial", "none"]
    missing: str = ""


def coverage(services: Sequence[Service], only: Iterable[str] = ()) -> list[Covered]:
    """Every operation of the models of these services (or of those named in `only`), by name."""
    chosen = set(only)
    models = Models(service.name for service in services)
    return [
        covered(service, operation)
        for service in sorted(services, key=lambda service: service.name)
        if not chosen or service.name in chosen
        for operation in sorted(models.service(service.name).operation_names)
    ]


def covered(service: Service, operation: str) -> Covered:
    if operation not in service.handlers:
        return Covered(service.name, operation, "none")
    missing = service.partial.get(operation, "")
    return Covered(service.name, operation, "partial" if missing else "full", missing)


def markdown(rows: Sequence[Covered]) -> str:
    """docs/coverage.md."""
    lines = [
        "# Coverage",
        "",
        "Written by `windlass coverage --markdown`; a test compares it with the code. An operation that is",
        "neither full nor partial is refused with HTTP 501 and its name.",
    ]
    for service in dict.fromkeys(row.service for row in rows):
        mine = [row for row in rows if row.service == service]
        full = [row.operation for row in mine if row.state == "full"]
        none = [row.operation for row in mine if row.state == "none"]
        lines += ["", f"## {service}", "", f"{len(full)} full, {len(mine) - len(full) - len(none)} partial, "]
        lines[-1] += f"{len(none)} not there, of {len(mine)}."
        lines += ["", f"**Full:** {', '.join(full) or 'none'}."]
        partial = [row for row in mine if row.state == "partial"]
        if partial:
            lines += ["", "| Partial | What is missing |", "|---|---|"]
            lines += [f"| {row.operation} | {row.missing} |" for row in partial]
        if none:
            lines += ["", f"**Not there:** {', '.join(none)}."]
    return "\n".join(lines) + "\n"
