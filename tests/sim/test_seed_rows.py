"""The roll-outs of seed 003's table as services: each can be said over the API, and keeps the seed's rates.

Row 5 waits for load balancers; row 6, from zero instances, is in test_capacity.py.
How long they take is the simulator's promise (issue 8), not this test's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.sim.services import Told, tell
from windlass.kernel.clock import SECOND
from windlass.services.ecs.model import TASKS

COUNT = 1_000
SPOT, ON_DEMAND = "FARGATE_SPOT", "FARGATE"


def by_providers(**weights: int) -> dict[str, Any]:
    strategy = [{"capacityProvider": name, "weight": weight} for name, weight in weights.items()]
    return {"capacityProviderStrategy": strategy}


FARGATE: dict[str, Any] = {"launchType": "FARGATE"}
EC2: dict[str, Any] = {"launchType": "EC2"}
ROWS: dict[str, tuple[dict[str, Any], str, int]] = {
    "1 Fargate On-Demand": (FARGATE, "ENABLED", 500),
    "2 Fargate Spot": (by_providers(FARGATE_SPOT=1), "ENABLED", 500),
    "3 half and half": (by_providers(FARGATE=1, FARGATE_SPOT=1), "ENABLED", 500),
    "4 no public IP": (FARGATE, "DISABLED", 500),
    "7 EC2, awsvpc": (EC2, "DISABLED", 250),
    "8 EC2, host network": (EC2, "", 250),
}
"""Row → where its tasks run, assignPublicIp ("" without a network of their own), tasks per minute."""


@pytest.mark.parametrize(("where", "public", "per_minute"), ROWS.values(), ids=ROWS)
def test_row(where: Mapping[str, Any], public: str, per_minute: int) -> None:
    """It gets up; no minute has more launches than the seed's rate allows, and none is wasted."""
    created: list[int] = []

    async def story(told: Told) -> None:
        fargate = where is not EC2
        await told.ecs("CreateCluster", clusterName="default", capacityProviders=[ON_DEMAND, SPOT])
        if not fargate:
            await told.instances(40, cpu_units=8_192, memory_mib=32_768)
        await told.ecs(
            "RegisterTaskDefinition",
            family="web",
            requiresCompatibilities=["FARGATE" if fargate else "EC2"],
            networkMode="awsvpc" if public else "host",
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "main", "image": "good"}],
        )
        network = {}
        if public:
            subnet = (await told.world.call("ec2", "DescribeSubnets"))["Subnets"][0]["SubnetId"]
            vpc = {"subnets": [subnet], **({"assignPublicIp": public} if fargate else {})}
            network = {"networkConfiguration": {"awsvpcConfiguration": vpc}}
        await told.create(COUNT, **where, **network)
        await told.stable(within=1_200 * SECOND)
        created.extend(sorted(task.created_at for task in told.world.plane.store[TASKS].all()))

    tell(story, profile="aws-2022", check_every=30 * SECOND)
    assert len(created) == COUNT
    window = [sum(1 for at in created if 0 <= at - first < 60 * SECOND) for first in created]
    burst = -(-per_minute // 6)  # what one work cycle brings ahead of its time
    assert max(window) <= per_minute + burst
    took = (created[-1] - created[0]) / SECOND
    assert took <= COUNT / per_minute * 60 + 10
