"""Which API bucket an ECS operation draws from: AWS throttles families of actions, each with one bucket.

The figures are the profile's (`[buckets]`, "ecs.FAMILY"); `local` has none. Source: ECS API reference,
request throttling (a stored copy of 2025), which spells UpdateContainerInstancesState in the plural. The
operations that are not in its table have no bucket here.
"""

from __future__ import annotations

from collections.abc import Mapping

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "cluster_modify": (
        "CreateCluster",
        "DeleteCluster",
        "PutClusterCapacityProviders",
        "UpdateCluster",
        "UpdateClusterSettings",
    ),
    "cluster_read": ("DescribeClusters", "ListClusters"),
    "task_definition_modify": ("DeregisterTaskDefinition", "RegisterTaskDefinition"),
    "task_definition_read": ("DescribeTaskDefinition", "ListTaskDefinitions", "ListTaskDefinitionFamilies"),
    "task_definition_delete": ("DeleteTaskDefinitions",),
    "capacity_provider_modify": (
        "CreateCapacityProvider",
        "DeleteCapacityProvider",
        "UpdateCapacityProvider",
    ),
    "capacity_provider_read": ("DescribeCapacityProviders",),
    "tag_modify": ("TagResource", "UntagResource"),
    "tag_read": ("ListTagsForResource",),
    "setting_modify": ("DeleteAccountSetting", "PutAccountSetting", "PutAccountSettingDefault"),
    "setting_read": ("ListAccountSettings",),
    "cluster_resource_modify": (
        "DeleteAttributes",
        "DeregisterContainerInstance",
        "ExecuteCommand",
        "PutAttributes",
        "RunTask",
        "StartTask",
        "StopTask",
        "UpdateContainerAgent",
        "UpdateContainerInstancesState",
    ),
    "cluster_resource_read": (
        "DescribeContainerInstances",
        "DescribeTasks",
        "ListAttributes",
        "ListContainerInstances",
        "ListTasks",
    ),
    "agent_modify": (
        "RegisterContainerInstance",
        "SubmitAttachmentStateChanges",
        "SubmitContainerStateChange",
        "SubmitTaskStateChange",
    ),
    "service_modify": ("CreateService", "DeleteService", "UpdateService"),
    "service_read": ("DescribeServices", "ListServices"),
    "service_deployment": ("DescribeServiceDeployments", "ListServiceDeployments"),
    "service_revision": ("DescribeServiceRevisions",),
    "task_protection": ("GetTaskProtection", "UpdateTaskProtection"),
    "cluster_service_resource_read": ("ListServicesByNamespace",),
}
BUCKETS: Mapping[str, str] = {
    operation: f"ecs.{family}" for family, operations in FAMILIES.items() for operation in operations
}
"""Operation → name of its bucket in the profile."""
