"""Amazon ECS: clusters, task definitions and tasks that really run.

What this decides: which tasks a call may start, what their containers are told, and what their status is.
It must not know where tasks run: it writes units, the fleet places them. Known gaps: see docs/aws/ecs.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.aws.fargate_use import FargateUse
from windlass.fleet.container_instances import ContainerInstances
from windlass.fleet.role_credentials import RoleCredentials
from windlass.services.ecs import lookup
from windlass.services.ecs.capacity_scaling import CapacityScaling
from windlass.services.ecs.controller import Observer, Retention
from windlass.services.ecs.exec_sessions import ExecSessions
from windlass.services.ecs.express.cleaning import Cleaning
from windlass.services.ecs.express.model import EXPRESS
from windlass.services.ecs.families import BUCKETS
from windlass.services.ecs.handlers import (
    attributes,
    capacity_providers,
    clusters,
    container_instances,
    exec,
    express,
    protection,
    service_deployments,
    services,
    settings,
    tags,
    task_definitions,
    task_sets,
    tasks,
)
from windlass.services.ecs.instance_controller import Registrar
from windlass.services.ecs.instance_model import INSTANCES
from windlass.services.ecs.interruptions import Interruptions
from windlass.services.ecs.launch import OWNER
from windlass.services.ecs.launch_rates import LaunchRates
from windlass.services.ecs.launching import fargate_tasks
from windlass.services.ecs.lifecycle_hooks import LifecycleHooks
from windlass.services.ecs.managed_draining import ManagedDraining
from windlass.services.ecs.measuring import Measuring
from windlass.services.ecs.model import TABLES
from windlass.services.ecs.partial import PARTIAL
from windlass.services.ecs.provider_model import PROVIDER_TABLES
from windlass.services.ecs.role_credentials import TaskRoles
from windlass.services.ecs.rooms import Rooms
from windlass.services.ecs.scheduler import Scheduler
from windlass.services.ecs.service_model import SERVICE_TABLES
from windlass.services.ecs.story import Story
from windlass.services.ecs.target_registrar import TargetRegistrar
from windlass.services.ecs.task_protection import TaskProtection
from windlass.services.ecs.tempo import Tempo
from windlass.services.ecs.waiting import WaitingRoom
from windlass.services.plane import Plane, Service


def start(plane: Plane) -> Sequence[object]:
    """Start the ECS loops."""
    rooms = Rooms(plane.store, plane.chance.stream("ecs.placement").randrange)
    observer, retention, registrar = Observer(plane), Retention(plane), Registrar(plane, rooms)
    interruptions, scheduler, hooks = Interruptions(plane), Scheduler(plane), LifecycleHooks(plane)
    measuring, targets, cleaning = Measuring(plane, rooms), TargetRegistrar(plane), Cleaning(plane)
    interruptions.before_each(targets.leave)
    loops = (observer, retention, registrar, interruptions, scheduler, hooks, measuring, targets, cleaning)
    for running in loops:
        plane.spawn.start(running.loop.name, running.loop.run())
    _start_capacity(plane, rooms)
    plane.calls.part(RoleCredentials).serve(OWNER, TaskRoles())
    plane.calls.part(FargateUse).counted_by(fargate_tasks)
    plane.calls.part(ContainerInstances).named_by(lookup.arn_of_machine)
    parts = (TaskProtection(plane), ExecSessions(plane), LaunchRates(plane.quotas))
    seen = (Story(plane.store, plane.journal), Tempo(plane.store, plane.clock))
    return (observer, retention, interruptions, rooms, *parts, *seen)


def _start_capacity(plane: Plane, rooms: Rooms) -> None:
    """Start the loops of capacity providers."""
    for running in (ManagedDraining(plane, rooms), CapacityScaling(plane), WaitingRoom(plane, rooms)):
        plane.spawn.start(running.loop.name, running.loop.run())


SERVICE = Service(
    name="ecs",
    handlers={
        "ContinueServiceDeployment": service_deployments.continue_service_deployment,
        "CreateCapacityProvider": capacity_providers.create_capacity_provider,
        "CreateCluster": clusters.create_cluster,
        "CreateExpressGatewayService": express.create_express_gateway_service,
        "CreateService": services.create_service,
        "CreateTaskSet": task_sets.create_task_set,
        "DeleteAccountSetting": settings.delete_account_setting,
        "DeleteAttributes": attributes.delete_attributes,
        "DeleteCapacityProvider": capacity_providers.delete_capacity_provider,
        "DeleteCluster": clusters.delete_cluster,
        "DeleteExpressGatewayService": express.delete_express_gateway_service,
        "DeleteService": services.delete_service,
        "DeleteTaskDefinitions": task_definitions.delete_task_definitions,
        "DeleteTaskSet": task_sets.delete_task_set,
        "DeregisterContainerInstance": container_instances.deregister_container_instance,
        "DeregisterTaskDefinition": task_definitions.deregister_task_definition,
        "DescribeCapacityProviders": capacity_providers.describe_capacity_providers,
        "DescribeClusters": clusters.describe_clusters,
        "DescribeContainerInstances": container_instances.describe_container_instances,
        "DescribeExpressGatewayService": express.describe_express_gateway_service,
        "DescribeServiceDeployments": service_deployments.describe_service_deployments,
        "DescribeServiceRevisions": service_deployments.describe_service_revisions,
        "DescribeServices": services.describe_services,
        "DescribeTaskDefinition": task_definitions.describe_task_definition,
        "DescribeTasks": tasks.describe_tasks,
        "DescribeTaskSets": task_sets.describe_task_sets,
        "ExecuteCommand": exec.execute_command,
        "GetTaskProtection": protection.get_task_protection,
        "ListAccountSettings": settings.list_account_settings,
        "ListAttributes": attributes.list_attributes,
        "ListClusters": clusters.list_clusters,
        "ListContainerInstances": container_instances.list_container_instances,
        "ListServiceDeployments": service_deployments.list_service_deployments,
        "ListServices": services.list_services,
        "ListServicesByNamespace": services.list_services_by_namespace,
        "ListTagsForResource": tags.list_tags_for_resource,
        "ListTaskDefinitionFamilies": task_definitions.list_task_definition_families,
        "ListTaskDefinitions": task_definitions.list_task_definitions,
        "ListTasks": tasks.list_tasks,
        "PutAccountSetting": settings.put_account_setting,
        "PutAccountSettingDefault": settings.put_account_setting_default,
        "PutAttributes": attributes.put_attributes,
        "PutClusterCapacityProviders": clusters.put_cluster_capacity_providers,
        "RegisterContainerInstance": container_instances.register_container_instance,
        "RegisterTaskDefinition": task_definitions.register_task_definition,
        "RunTask": tasks.run_task,
        "StartTask": tasks.start_task,
        "StopServiceDeployment": service_deployments.stop_service_deployment,
        "StopTask": tasks.stop_task,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "UpdateCapacityProvider": capacity_providers.update_capacity_provider,
        "UpdateCluster": clusters.update_cluster,
        "UpdateClusterSettings": clusters.update_cluster_settings,
        "UpdateContainerAgent": container_instances.update_container_agent,
        "UpdateContainerInstancesState": container_instances.update_container_instances_state,
        "UpdateExpressGatewayService": express.update_express_gateway_service,
        "UpdateService": services.update_service,
        "UpdateServicePrimaryTaskSet": task_sets.update_service_primary_task_set,
        "UpdateTaskProtection": protection.update_task_protection,
        "UpdateTaskSet": task_sets.update_task_set,
    },
    tables=(*TABLES, INSTANCES, *SERVICE_TABLES, *PROVIDER_TABLES, EXPRESS),
    start=start,
    invalid="InvalidParameterException",
    buckets=BUCKETS,
    partial=PARTIAL,
)
