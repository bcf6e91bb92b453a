"""Auto Scaling groups of simulated worlds."""

from __future__ import annotations

from typing import Any

from windlass.sim.world import REGION, World


async def make_group(
    world: World, zones: str, least: int, most: int, template: dict[str, str] | None = None, **more: Any
) -> None:
    """The group `web` in these zones ("abc"), with a launch template of that name: t3.small unless told."""
    data = {"ImageId": "ami-12345678", "InstanceType": "t3.small", **(template or {})}
    await world.call("ec2", "CreateLaunchTemplate", LaunchTemplateName="web", LaunchTemplateData=data)
    await world.call(
        "autoscaling",
        "CreateAutoScalingGroup",
        AutoScalingGroupName="web",
        LaunchTemplate={"LaunchTemplateName": "web"},
        AvailabilityZones=[f"{REGION}{letter}" for letter in zones],
        MinSize=least,
        MaxSize=most,
        **more,
    )
