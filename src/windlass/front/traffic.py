"""`/_windlass/traffic`: load balancers as people look at them.

For `windlass traffic` and the console. Reads only; of every account and Region.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from windlass.fleet.proxies import Proxies
from windlass.services.elbv2 import actions, names, seeing
from windlass.services.elbv2.model import (
    LISTENERS,
    LOAD_BALANCERS,
    RULES,
    TARGET_GROUPS,
    TARGETS,
    USES,
    Listener,
    LoadBalancer,
    Rule,
    TargetGroup,
)
from windlass.services.plane import Plane

LOAD_BALANCERS_PER_ANSWER_MAX = 1_000
TARGETS_PER_GROUP_MAX = 100
"""Targets of a group that are told one by one; all are counted."""


def traffic(plane: Plane, query: Mapping[str, str]) -> Any:
    """All load balancers by name, the first LOAD_BALANCERS_PER_ANSWER_MAX: listeners, rules, targets."""
    rows = sorted(plane.store[LOAD_BALANCERS].all(), key=lambda row: (row.name, row.account, row.region))
    return {
        "load_balancers": [_load_balancer(plane, row) for row in rows[:LOAD_BALANCERS_PER_ANSWER_MAX]],
        "total": len(rows),
    }


def _load_balancer(plane: Plane, row: LoadBalancer) -> dict[str, Any]:
    groups = {use.group for use in plane.store[USES].by("load_balancer", row.arn)}
    found = sorted(map(plane.store[TARGET_GROUPS].require, groups), key=lambda group: group.name)
    return {
        "arn": row.arn,
        "name": row.name,
        "account": row.account,
        "region": row.region,
        "state": "active" if plane.clock.now() >= row.active_at else "provisioning",
        "dns_name": names.dns_name(row),
        "address": row.address,
        "listeners": [_listener(plane, one) for one in plane.store[LISTENERS].by("load_balancer", row.arn)],
        "groups": [_group(plane, group) for group in found],
    }


def _listener(plane: Plane, row: Listener) -> dict[str, Any]:
    refused = plane.calls.part(Proxies).refused.get(row.arn, ())
    return {
        "arn": row.arn,
        "protocol": row.protocol,
        "port": row.port,
        "refused": [{"address": address, "why": why} for address, why in refused],
        "rules": [_rule(rule) for rule in plane.store[RULES].by("listener", row.arn)],
    }


def _rule(row: Rule) -> dict[str, Any]:
    """A rule with the names of the groups that it forwards to, and their weights."""
    return {
        "arn": row.arn,
        "priority": "default" if row.is_default else str(row.priority),
        "conditions": [condition["Field"] for condition in row.conditions],
        "action": row.actions[0]["Type"],
        "shares": [
            {"group": arn.split("/")[1], "weight": weight} for arn, weight in actions.shares(row.actions)
        ],
    }


def _group(plane: Plane, group: TargetGroup) -> dict[str, Any]:
    rows, now = plane.store[TARGETS].by("group", group.arn), plane.clock.now()
    seen = [(row, seeing.health(plane.store, group, row, now)) for row in rows]
    return {
        "arn": group.arn,
        "name": group.name,
        "states": _counted(health.state for _, health in seen),
        "targets": [
            {
                "id": row.id,
                "port": row.port,
                "state": health.state,
                "reason": health.code,
                "description": health.reason,
            }
            for row, health in seen[:TARGETS_PER_GROUP_MAX]
        ],
    }


def _counted(states: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for state in states:
        found[state] = found.get(state, 0) + 1
    return found
