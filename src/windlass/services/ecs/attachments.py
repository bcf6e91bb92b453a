"""What capacity providers have ECS keep for a cluster, as DescribeClusters shows it. Reads only.

There are no rows of attachments: they follow from the providers.
"""

from __future__ import annotations

import hashlib
from typing import Any

from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import CAPACITY_PROVIDERS, Cluster
from windlass.services.ecs.provider_model import PROVIDERS, CapacityProvider

DRAINING_HOOK = "ecs-managed-draining-termination-hook"
"""The hook that managed draining puts on a group; ECS Developer Guide, managed instance draining."""


def attachments(row: Cluster, reads: Reads) -> list[dict[str, Any]]:
    """What the cluster's providers have ECS keep for it: scaling policies and draining hooks."""
    found: list[dict[str, Any]] = []
    for name in row.capacity_providers:
        one = None if name in CAPACITY_PROVIDERS else reads[PROVIDERS].get((row.account, row.region, name))
        if one is not None and one.scaling.enabled:
            found.append(_attachment(row, one, "as_policy", "scalingPolicyName", f"ECSManagedPolicy-{name}"))
        if one is not None and one.drains:
            hook = "autoScalingLifecycleHookName"
            found.append(_attachment(row, one, "managed_draining", hook, DRAINING_HOOK))
    return found


def _attachment(row: Cluster, one: CapacityProvider, kind: str, name: str, value: str) -> dict[str, Any]:
    """Its id follows from what it is: there is no row of it."""
    digest = hashlib.sha256(f"{row.arn} {one.arn} {kind}".encode()).hexdigest()
    details = {"capacityProviderName": one.name, name: value}
    return {
        "id": f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}",
        "type": kind,
        "status": "CREATED",
        "details": [{"name": key, "value": text} for key, text in details.items()],
    }
