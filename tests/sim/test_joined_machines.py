"""Machines of one's own in virtual time: they come and go as they like, with ECS tasks on them."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from windlass.aws.quotas import Profile
from windlass.fleet import tokens
from windlass.fleet.lost import LOST_AFTER
from windlass.fleet.model import NODES
from windlass.kernel.clock import MILLISECOND, SECOND
from windlass.kernel.faults import Fault
from windlass.services import ec2, ecs, iam, logs, ssm
from windlass.services.ssm.registrar import Registrar, Registration
from windlass.sim.course import Course
from windlass.sim.runner import SimulatedNode
from windlass.sim.world import World

SERVICES = (ec2.SERVICE, ecs.SERVICE, iam.SERVICE, logs.SERVICE, ssm.SERVICE)
STEPS = 80
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class Lab:
    """Three machines that joined the cluster `default`, and what happens to them."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self.machines: list[str] = []
        self.tasks: list[str] = []
        self.away: dict[str, int] = {}
        """Machine → since when its link is down."""

    async def open(self) -> None:
        world = self._world
        await world.call("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
        made = await world.call("ssm", "CreateActivation", IamRole="r", RegistrationLimit=3)
        for number in range(3):
            await self._join(made["ActivationId"], made["ActivationCode"], f"{number:064x}")
        await world.call(
            "ecs",
            "RegisterTaskDefinition",
            family="work",
            requiresCompatibilities=["EXTERNAL"],
            containerDefinitions=[{"name": "main", "image": "work", "memory": 64}],
        )
        await world.pass_time(SECOND)

    async def _join(self, activation: str, code: str, secret: str) -> None:
        world = self._world
        asked = Registration(activation, code, secret, 4096, 8192)
        machine = await world.plane.calls.part(Registrar).register(asked)
        course = Course(provision=100 * MILLISECOND, stop=200 * MILLISECOND)
        node = SimulatedNode(machine, secret, world.clock, world.plane.spawn, lambda spec: course)
        node.cpu_units, node.memory_mib = 4096, 8192
        world.nodes[machine] = node
        world.connect(machine)
        self.machines.append(machine)

    async def step(self) -> None:
        often = [self.run, self.run, self.stop]
        await self._chance.choice([*often, self.cut, self.mend])()
        long = self._chance.random() < 0.1
        await self._world.pass_time(self._chance.randrange(400 if long else 5) * SECOND)

    async def run(self) -> None:
        try:
            made = await self._world.call(
                "ecs", "RunTask", taskDefinition="work", launchType="EXTERNAL", count=2
            )
        except Fault as fault:
            assert fault.code == "InvalidParameterException" and self.away, fault
            return
        self.tasks += [task["taskArn"] for task in made["tasks"]]

    async def stop(self) -> None:
        if self.tasks:
            await self._world.call("ecs", "StopTask", task=self._chance.choice(self.tasks[-20:]))

    async def cut(self) -> None:
        machine = self._chance.choice(self.machines)
        if machine not in self.away:
            self.away[machine] = self._world.clock.now()
            self._world.disconnect(machine)

    async def mend(self) -> None:
        for machine in self._chance.sample(sorted(self.away), min(1, len(self.away))):
            del self.away[machine]
            self._world.connect(machine)

    async def described(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for start in range(0, len(self.tasks), 100):
            answer = await self._world.call("ecs", "DescribeTasks", tasks=self.tasks[start : start + 100])
            found += answer["tasks"]
        return found


def _id(task: dict[str, Any]) -> str:
    return str(task["taskArn"].rpartition("/")[2])


@pytest.mark.parametrize("seed", range(12))
def test_tasks_and_machines_agree_when_all_are_back(seed: int) -> None:
    """Links break for moments, and for longer than it takes to be lost.

    In the end what ECS shows RUNNING runs, once, and nothing else does; a task that was given up says so;
    every machine has the secret that is good.
    """

    async def story(world: World) -> None:
        lab = Lab(world, random.Random(seed))
        await lab.open()
        for _ in range(STEPS):
            await lab.step()
        while lab.away:
            await lab.mend()
        await world.pass_time(30 * SECOND)
        tasks = await lab.described()
        running = sorted(_id(task) for task in tasks if task["lastStatus"] == "RUNNING")
        held = [
            unit_id
            for node in world.nodes.values()
            for unit_id, state in node.states.items()
            if state.status == "running"
        ]
        assert sorted(held) == running
        lost = {task["stoppedReason"] for task in tasks if task.get("stopCode") == "TerminationNotice"}
        assert lost <= {f"Host EC2 (instance {machine}) terminated." for machine in lab.machines}
        for machine in lab.machines:
            row = world.plane.store[NODES].require(machine)
            assert row.connected and tokens.fits(row, world.nodes[machine].token)

    World(SERVICES, Profile("test"), seed, check_every=0, shuffle=True).run(story)


def test_given_up_and_placed_elsewhere() -> None:
    """1. A machine with a task stays away. 2. The task is STOPPED. 3. Others run elsewhere. 4. It is back."""

    async def story(world: World) -> None:
        lab = Lab(world, random.Random(1))
        await lab.open()
        await lab.run()
        await world.pass_time(SECOND)
        [first, _] = await lab.described()
        machine = next(node_id for node_id, node in world.nodes.items() if _id(first) in node.states)
        world.disconnect(machine)
        await world.pass_time(LOST_AFTER - SECOND)
        assert (await lab.described())[0]["lastStatus"] == "RUNNING"
        await world.pass_time(2 * SECOND)
        [given_up, _] = await lab.described()
        assert (given_up["lastStatus"], given_up["stopCode"]) == ("STOPPED", "TerminationNotice")
        await lab.run()
        await world.pass_time(SECOND)
        assert [task["lastStatus"] for task in (await lab.described())[2:]] == ["RUNNING", "RUNNING"]
        world.connect(machine)
        await world.pass_time(SECOND)
        assert _id(given_up) not in world.nodes[machine].states

    World(SERVICES, Profile("test"), 1, check_every=0).run(story)
