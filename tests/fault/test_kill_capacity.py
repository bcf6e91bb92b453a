"""A plane that is killed while tasks wait for capacity: they wait on, and run; no instance is there twice."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.fault.waiting import until
from tests.process import PlaneProcess

ACCOUNT = "123456789012"


def test_tasks_wait_on_when_the_plane_is_killed(own_plane: Callable[..., PlaneProcess]) -> None:
    """1. Six tasks wait, two instances have been ordered. 2. kill -9. 3. The next plane finishes the work."""
    plane = own_plane()
    arns = a_cluster_that_waits(plane)
    scaling = plane.client("autoscaling", ACCOUNT)
    until(lambda: len(members(scaling)) == 2, "two instances were ordered")
    plane.kill()
    plane.start()
    ecs, scaling = plane.client("ecs", ACCOUNT), plane.client("autoscaling", ACCOUNT)
    ecs.get_waiter("tasks_running").wait(
        cluster="prod", tasks=arns, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    found = ecs.describe_tasks(cluster="prod", tasks=arns)["tasks"]
    on = {task["containerInstanceArn"] for task in found}
    assert len(on) == 3
    joined = ecs.list_container_instances(cluster="prod")["containerInstanceArns"]
    assert on == set(joined)
    assert len(members(scaling)) == 3
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    ecs.get_waiter("tasks_stopped").wait(
        cluster="prod", tasks=arns, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


def members(scaling: Any) -> list[Any]:
    found: list[Any] = scaling.describe_auto_scaling_instances()["AutoScalingInstances"]
    return found


def a_cluster_that_waits(plane: PlaneProcess) -> list[str]:
    """Six tasks of which two go onto an instance, on a managed provider without any; their ARNs."""
    ecs, ec2, scaling = (plane.client(name, ACCOUNT) for name in ("ecs", "ec2", "autoscaling"))
    ecs.create_cluster(clusterName="prod")
    script = base64.b64encode(b"echo ECS_CLUSTER=prod >> /etc/ecs/ecs.config").decode()
    ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={"ImageId": "ami-12345678", "InstanceType": "t3.small", "UserData": script},
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="web",
        LaunchTemplate={"LaunchTemplateName": "web"},
        AvailabilityZones=[f"{ecs.meta.region_name}a"],
        MinSize=0,
        MaxSize=5,
    )
    ecs.create_capacity_provider(
        name="web",
        autoScalingGroupProvider={
            "autoScalingGroupArn": "web",
            "managedScaling": {"status": "ENABLED", "instanceWarmupPeriod": 60},
        },
    )
    ecs.put_cluster_capacity_providers(
        cluster="prod",
        capacityProviders=["web"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "web", "weight": 1}],
    )
    main = {"name": "main", "image": "host", "cpu": 1024, "memory": 128, "command": ["sleep", "600"]}
    ecs.register_task_definition(family="sleep", containerDefinitions=[main])
    ran = ecs.run_task(cluster="prod", taskDefinition="sleep", count=6)
    return [task["taskArn"] for task in ran["tasks"]]
