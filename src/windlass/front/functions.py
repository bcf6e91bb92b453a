"""`/_windlass/functions` and `cold-starts`: Lambda functions as people look at them.

For `windlass lambda …` and the console. Reads only; of every account and Region.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from windlass.front.shapes import reason
from windlass.kernel.clock import in_seconds
from windlass.kernel.faults import Fault
from windlass.kernel.store import Store
from windlass.services.lambda_.cold_starts import PHASES, ColdStart, ColdStarts
from windlass.services.lambda_.model import ENVIRONMENTS, FUNCTIONS, VERSIONS, Function
from windlass.services.lambda_.provisioned_model import PROVISIONED
from windlass.services.lambda_.why_function import why
from windlass.services.plane import Plane

FUNCTIONS_PER_ANSWER_MAX = 1_000


def functions(plane: Plane, query: Mapping[str, str]) -> Any:
    """All functions by name, the first FUNCTIONS_PER_ANSWER_MAX, with the environments that each has."""
    rows = sorted(plane.store[FUNCTIONS].all(), key=lambda row: (row.name, row.account, row.region))
    return {
        "functions": [_function(plane, row) for row in rows[:FUNCTIONS_PER_ANSWER_MAX]],
        "total": len(rows),
    }


def cold_starts(plane: Plane, query: Mapping[str, str]) -> Any:
    """The last cold starts of the functions that `function` means, by name or ARN. Raises Fault for none."""
    wanted = query["function"]
    found = [row for row in plane.store[FUNCTIONS].all() if wanted in (row.name, row.arn)]
    if not found:
        raise Fault("NotFound", f"no function is called {wanted!r}; see windlass lambda ps", status=404)
    kept = plane.calls.part(ColdStarts)
    return {
        "phases": list(PHASES),
        "functions": [
            {**_named(row), "cold_starts": [_cold_start(one) for one in kept.of(row)]}
            for row in sorted(found, key=lambda row: row.key)
        ],
    }


def waits(plane: Plane, subject: str) -> list[dict[str, Any]]:
    """What the functions of that name or ARN wait for, as /_windlass/why tells it."""
    store = plane.store
    found = sorted(
        (row for row in store[FUNCTIONS].all() if subject in (row.name, row.arn)), key=lambda row: row.key
    )
    return [{"kind": "function", **_named(row), "why": _why(store, row)} for row in found]


def _why(store: Store, row: Function) -> list[dict[str, Any]]:
    found = why(row, store[VERSIONS].by("function", row.uid), store[PROVISIONED].by("function", row.uid))
    return [reason(one) for one in found]


def _named(row: Function) -> dict[str, Any]:
    return {"arn": row.arn, "name": row.name, "account": row.account, "region": row.region}


def _function(plane: Plane, row: Function) -> dict[str, Any]:
    starts = plane.calls.part(ColdStarts).of(row)
    return {
        **_named(row),
        "state": row.state,
        "runtime": row.wanted.runtime,
        "memory_mib": row.wanted.memory_mib,
        "environments": sum(not one.template for one in plane.store[ENVIRONMENTS].by("uid", row.uid)),
        "cold_starts": len(starts),
        "last_cold_start_s": in_seconds(starts[-1].total) if starts else None,
    }


def _cold_start(start: ColdStart) -> dict[str, Any]:
    phases = zip(PHASES, start.phases, strict=True)
    return {
        "at": in_seconds(start.began_at),
        "total_s": in_seconds(start.total),
        "phases_s": {name: in_seconds(took) for name, took in phases},
        "version": start.version,
        "kind": start.kind,
        "error": start.error,
        "segment": start.segment(),
    }
