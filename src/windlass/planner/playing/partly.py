"""What a scenario asks for that this plane takes and does not act on, or that a simulation leaves out. Pure.

Services list what they only partly do, by operation, in words (`Service.partial`, docs/coverage.md): what a
scenario's parameters name there is told. Known gap: only names that look like names of the API are found in
those words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

SIMULATED: Mapping[str, str] = {
    "healthCheck": "health checks of containers pass, first after their interval",
    "dependsOn": "containers of a task start together",
    "restartPolicy": "containers are not started again within their task",
    "volumes": "volumes take no time and hold nothing",
    "ephemeralStorage": "storage is never full, and has no price",
}
"""Members of definitions → what a simulated machine makes of them."""
WHOLE = frozenset({"networkMode", "portMappings", "maximumPercent", "deploymentConfiguration"})
"""What operations do only partly on real machines, or beside much that they do."""
_AS = re.compile(r"as (\w+)(?:;|$)")
_WORD = re.compile(r"[A-Za-z]+")


def notes(operations: Iterator[tuple[str, Any]], partial: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A sentence for each (operation, "ecs.CreateCluster", and its parameters) that asks for such a thing.

    `partial`: service → operation → what of it is only partly done.
    """
    found: dict[str, None] = {}
    for operation, params in operations:
        service, _, name = operation.partition(".")
        asked = dict.fromkeys(_names(params))
        for clause in _clauses(name, partial.get(service, {})):
            words = set(_WORD.findall(clause))
            if any(one in words and one not in WHOLE and _is_api(one) for one in asked):
                found[f"{operation}: {clause}"] = None
        found |= {
            f"{operation}: {SIMULATED[one]}": None for one in asked if one in SIMULATED and service == "ecs"
        }
    return list(found)


def _clauses(operation: str, partial: Mapping[str, str]) -> Iterator[str]:
    text = partial.get(operation, "")
    if (same := _AS.match(text)) is not None:
        yield from _clauses(same[1], {name: told for name, told in partial.items() if name != operation})
    yield from (part.strip() for part in text.split(";"))


def _is_api(name: str) -> bool:
    """A name that is no English word: those words are written small, names have a capital somewhere."""
    return any(letter.isupper() for letter in name)


def _names(params: Any) -> Iterator[str]:
    match params:
        case dict():
            for name, value in params.items():
                if value is not False and value not in (None, "", [], {}):
                    yield name
                    yield from _names(value)
        case list():
            for value in params:
                yield from _names(value)
