"""The world of seed 003's launch rates: a client that asks for Fargate tasks as fast as the buckets allow."""

from __future__ import annotations

from typing import Any

from windlass.aws.quotas import load_profile
from windlass.kernel.clock import SECOND
from windlass.services import ec2, ecs, logs
from windlass.sim.traffic import Answers, ask_for_tasks
from windlass.sim.world import World

WORKER: dict[str, Any] = {
    "family": "worker",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "containerDefinitions": [{"name": "main", "image": "worker"}],
}
"""A definition for Fargate, as RegisterTaskDefinition takes it."""
SERVICES = (ec2.SERVICE, ecs.SERVICE, logs.SERVICE)


def launch(
    seed: int, *, tasks: int = 1_000, per_call: int = 1, shuffle: bool = False, lasts_s: int = 50
) -> tuple[World, Answers]:
    """So many virtual seconds of it: the world afterwards, and what the client was told."""
    answers = Answers()

    async def story(world: World) -> None:
        world.add_node("n1")
        await world.call("ecs", "CreateCluster", clusterName="default")
        await world.call(
            "ecs",
            "RegisterTaskDefinition",
            **WORKER,
        )
        world.begin(
            "client", ask_for_tasks(world, answers, tasks=tasks, per_call=per_call, definition="worker")
        )
        await world.pass_time(lasts_s * SECOND)

    world = World(SERVICES, load_profile("aws-2022"), seed, shuffle=shuffle)
    world.run(story)
    return world, answers
