"""Amazon ECS: clusters, task definitions and tasks that really run.

What this decides: which tasks a call may start, what their containers are told, and what their status is.
It must not know where tasks run: it writes units, the fleet places them. Known gaps: services, container
instances, Auto Scaling group capacity, daemons, ECS Exec; see docs/aws/ecs.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.services.ecs.controller import Observer, Retention
from windlass.services.ecs.handlers import clusters, settings, tags, task_definitions, tasks
from windlass.services.ecs.model import TABLES
from windlass.services.ecs.partial import PARTIAL
from windlass.services.ecs.role_credentials import RoleCredentials
from windlass.services.plane import Plane, Service


def start(plane: Plane) -> Sequence[object]:
    """Start the ECS loops."""
    observer, retention = Observer(plane), Retention(plane)
    for loop in (observer.loop, retention.loop):
        plane.spawn.start(loop.name, loop.run())
    return (observer, retention, RoleCredentials(plane))


SERVICE = Service(
    name="ecs",
    handlers={
        "CreateCluster": clusters.create_cluster,
        "DeleteAccountSetting": settings.delete_account_setting,
        "DeleteCluster": clusters.delete_cluster,
        "DeleteTaskDefinitions": task_definitions.delete_task_definitions,
        "DeregisterTaskDefinition": task_definitions.deregister_task_definition,
        "DescribeClusters": clusters.describe_clusters,
        "DescribeTaskDefinition": task_definitions.describe_task_definition,
        "DescribeTasks": tasks.describe_tasks,
        "ListAccountSettings": settings.list_account_settings,
        "ListClusters": clusters.list_clusters,
        "ListTagsForResource": tags.list_tags_for_resource,
        "ListTaskDefinitionFamilies": task_definitions.list_task_definition_families,
        "ListTaskDefinitions": task_definitions.list_task_definitions,
        "ListTasks": tasks.list_tasks,
        "PutAccountSetting": settings.put_account_setting,
        "PutAccountSettingDefault": settings.put_account_setting_default,
        "PutClusterCapacityProviders": clusters.put_cluster_capacity_providers,
        "RegisterTaskDefinition": task_definitions.register_task_definition,
        "RunTask": tasks.run_task,
        "StopTask": tasks.stop_task,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "UpdateCluster": clusters.update_cluster,
        "UpdateClusterSettings": clusters.update_cluster_settings,
    },
    tables=TABLES,
    start=start,
    invalid="InvalidParameterException",
    buckets={
        "DescribeClusters": "ecs.DescribeClusters",
        "ListClusters": "ecs.ListClusters",
        "RunTask": "ecs.RunTask",
    },
    partial=PARTIAL,
)
