"""Filters of ListSecrets and BatchGetSecretValue. Pure. Source: API reference, Filter.

Values are prefixes, without regard to case; all filters must fit, of one filter's values any; a value that
begins with "!" must not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from windlass.kernel.faults import Fault
from windlass.services.secretsmanager.model import Secret

Filter: TypeAlias = tuple[str, tuple[str, ...]]
KEYS = ("all", "description", "name", "owning-service", "primary-region", "tag-key", "tag-value")


def read(given: Iterable[Mapping[str, Any]]) -> list[Filter]:
    """Raises InvalidParameterException for one without values."""
    found = []
    for one in given:
        if not one.get("Values"):
            raise Fault("InvalidParameterException", f"Invalid filter values for key: {one['Key']}")
        found.append((one["Key"], tuple(one["Values"])))
    return found


def fit(row: Secret, filters: Iterable[Filter]) -> bool:
    return all(_fits(row, key, values) for key, values in filters)


def _fits(row: Secret, key: str, values: Iterable[str]) -> bool:
    texts = [text.lower() for text in _texts(row, key)]
    if key == "all":
        texts += [word for text in texts for word in re.split(r"[ /_+=.@!-]", text)]
    for value in values:
        wanted = value.removeprefix("!").lower()
        if any(text.startswith(wanted) for text in texts) != value.startswith("!"):
            return True
    return False


def _texts(row: Secret, key: str) -> list[str]:
    match key:
        case "name":
            return [row.name]
        case "description":
            return row.description.split()
        case "tag-key":
            return [name for name, _ in row.tags]
        case "tag-value":
            return [value for _, value in row.tags]
        case "primary-region":
            return [row.region]
        case "all":
            return [row.name, row.description, *(text for tag in row.tags for text in tag)]
        case _:
            return []
