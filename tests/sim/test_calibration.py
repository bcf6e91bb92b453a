"""A round trip: tasks of a simulated account, their timings as DescribeTasks tells them, the profile back."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

from tests.workload_build import DEFINITION
from windlass.aws.quotas import Profile, load_profile
from windlass.kernel.clock import MINUTE
from windlass.planner.calibration.calibrate import calibrate
from windlass.planner.calibration.timings import read
from windlass.planner.playing.changes import profile_of
from windlass.planner.playing.play import play
from windlass.planner.scenario.reading import parse
from windlass.services import ec2, ecs, logs
from windlass.sim.launch_model import MB, Image, LaunchModel
from windlass.sim.world import World

DELAYS = {"task.provision": 25.0, "task.public_address": 12.0, "task.pull": 3.0, "task.start": 2.5}
SIGMAS = {"task.provision": 0.3, "task.public_address": 0.6, "task.pull": 0.2, "task.start": 0.5}
MODELS = {"image.pull_mb_per_s": 20.0, "image.unpack_mb_per_s": 60.0}
SIZES = (60, 250, 900)
SURE = 3.0
TASKS = 120
"""Of each size, half of them with a public address."""


def account() -> Profile:
    """One that is slower than the profile says, and has no limits that matter here."""
    base = load_profile("aws")
    quotas = {**base.quotas, "fargate.on_demand.tasks": 10_000}
    return dataclasses.replace(
        base,
        quotas=quotas,
        delays={**base.delays, **DELAYS},
        sigmas={**base.sigmas, **SIGMAS},
        models={**base.models, **MODELS},
    )


def described(profile: Profile) -> list[dict[str, Any]]:
    """Tasks of three images, as DescribeTasks tells them."""
    found: list[dict[str, Any]] = []

    async def story(world: World) -> None:
        world.add_node("n1")
        await world.call("ecs", "CreateCluster")
        subnets = (await world.call("ec2", "DescribeSubnets"))["Subnets"]
        arns: list[str] = []
        for size in SIZES:
            await world.call(
                "ecs",
                "RegisterTaskDefinition",
                family=f"of-{size}",
                requiresCompatibilities=["FARGATE"],
                networkMode="awsvpc",
                cpu="256",
                memory="512",
                containerDefinitions=[{"name": "main", "image": f"of-{size}"}],
            )
        for number in range(TASKS * len(SIZES) // 10):
            public = "ENABLED" if number % 2 else "DISABLED"
            network = {"subnets": [subnets[0]["SubnetId"]], "assignPublicIp": public}
            answer = await world.call(
                "ecs",
                "RunTask",
                taskDefinition=f"of-{SIZES[number % len(SIZES)]}",
                count=10,
                launchType="FARGATE",
                networkConfiguration={"awsvpcConfiguration": network},
            )
            arns += [task["taskArn"] for task in answer["tasks"]]
            await world.pass_time(MINUTE)
        await world.pass_time(10 * MINUTE)
        for place in range(0, len(arns), 100):
            answer = await world.call("ecs", "DescribeTasks", tasks=arns[place : place + 100])
            for at, task in enumerate(answer["tasks"], place):
                size = SIZES[at // 10 % len(SIZES)]
                public = "ENABLED" if at // 10 % 2 else "DISABLED"
                found.append({**task, "image_mb": size, "assignPublicIp": public})

    world = World((ec2.SERVICE, ecs.SERVICE, logs.SERVICE), profile, 5, check_every=MINUTE, traced=False)
    world.launches = LaunchModel(5, {f"of-{size}": Image(size * MB) for size in SIZES})
    world.run(story)
    return found


def as_csv(tasks: list[dict[str, Any]], columns: tuple[str, ...]) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(columns)
    rows.writerows([task.get(column, "") for column in columns] for task in tasks)
    return text.getvalue()


def test_known_parameters_come_back(tmp_path: Path) -> None:
    """From CSV, within three standard errors; the profile that is written predicts what was observed."""
    tasks = described(account())
    stamps = ("createdAt", "pullStartedAt", "pullStoppedAt", "startedAt")
    told = ("launchType", "capacityProviderName", "image_mb", "assignPublicIp")
    found = calibrate(read(as_csv(tasks, stamps + told), "my.csv"), load_profile("aws"), "my.csv")
    numbers = {one.name: one for one in found.numbers}
    assert set(numbers) == {*DELAYS, *MODELS} and not found.notes
    for name, value in (DELAYS | MODELS).items():
        one = numbers[name]
        assert abs(one.value - value) < SURE * one.error < value, one
        if one.sigma is not None:
            assert abs(one.sigma - SIGMAS[name]) < SURE * one.sigma_error, one
            assert one.distance is not None and one.distance < one.distance_max, one
    _predicts(found.toml(), numbers["task.provision"].value, tmp_path)


def _predicts(toml: str, provision_s: float, folder: Path) -> None:
    (folder / "my.toml").write_text(toml)
    profile = load_profile(str(folder / "my.toml"))
    assert profile.buckets == load_profile("aws").buckets
    assert abs(profile.delays["task.provision"] - provision_s) < 0.01
    scenario = parse(SCENARIO.replace("PROFILE", json.dumps(str(folder / "my.toml"))), "x.yaml")
    usual = parse(SCENARIO.replace("PROFILE", "aws"), "x.yaml")
    assert profile_of(scenario).models == profile.models
    took, before = play(scenario, 1).took_s, play(usual, 1).took_s
    assert took is not None and before is not None and took > before + 5


SCENARIO = (
    """
name: x
profile: PROFILE
resources:
  - ecs.CreateCluster: {}
"""
    + DEFINITION
    + """\
  - ecs.CreateService:
      serviceName: web
      taskDefinition: web
      desiredCount: 9
      launchType: FARGATE
      networkConfiguration: {awsvpcConfiguration: {subnets: "${default.subnets}"}}
until: {service: web, running: 9}
"""
)
