"""ECS limits: number, unit, source. "UNVERIFIED" in docs/aws/ecs.md marks those without an AWS page."""

from __future__ import annotations

from windlass.kernel.clock import HOUR, MINUTE, Duration

RUN_COUNT_MAX = 10
"""Tasks per RunTask call; ECS API reference, RunTask, count."""
CLIENT_TOKEN_LENGTH_MAX = 64
"""Characters; ECS API reference, RunTask, clientToken."""
CLIENT_TOKEN_KEPT: Duration = 24 * HOUR
"""How long RunTask remembers a clientToken: our choice."""
CLIENT_TOKENS_MAX = 100_000
"""Tokens remembered in all: our choice. Above it the oldest is forgotten first."""
STARTED_BY_LENGTH_MAX = 128
"""Characters; ECS API reference, RunTask, startedBy."""
STOP_REASON_LENGTH_MAX = 1_024
"""Characters of StopTask's reason: our choice; AWS names no limit."""
OVERRIDES_LENGTH_MAX = 8_192
"""Characters of JSON; ECS API reference, RunTask, overrides."""
SUBNETS_MAX = 16
"""Per awsvpcConfiguration; ECS API reference, AwsVpcConfiguration."""
SECURITY_GROUPS_MAX = 5
"""Per awsvpcConfiguration; ECS API reference, AwsVpcConfiguration."""
CONSTRAINTS_MAX = 10
"""Placement constraints of a task; ECS API reference, RunTask."""
STRATEGIES_MAX = 5
"""Placement strategy rules of a task; ECS API reference, RunTask."""
STRATEGY_ITEMS_MAX = 20
"""Items of a capacity provider strategy; ECS API reference, RunTask."""
DESCRIBE_MAX = 100
"""Tasks or clusters per Describe call; ECS API reference."""
PAGE_MAX = 100
"""Results per List page, and the default; ECS API reference."""
SETTINGS_PAGE_MAX = 10
"""Results per ListAccountSettings page; ECS API reference, ListAccountSettings."""
DELETE_DEFINITIONS_MAX = 10
"""Task definitions per DeleteTaskDefinitions call; ECS API reference."""
CONTAINERS_MAX = 10
"""Containers per task definition; ECS service quotas."""
PORT_RANGE_MAX = 1_000
"""Ports of one containerPortRange: our choice, since each is mapped by itself; AWS takes any range."""
DEFINITION_BYTES_MAX = 64 * 1024
"""Bytes of a task definition's JSON; ECS service quotas."""
NAME_LENGTH_MAX = 255
"""Characters of a cluster, family or container name; ECS API reference."""
TAGS_MAX = 50
"""Tags per resource; ECS API reference, Tag."""
STOPPED_KEPT: Duration = HOUR
"""How long a stopped task stays describable; ECS API reference, DescribeTasks."""
REASON_LENGTH_MAX = 1_024
"""Characters of a container's reason; ECS API reference, Container."""
PROVIDERS_MAX = 100
"""Capacity providers per account and Region: our choice."""
PROVIDERS_PAGE_MAX = 10
"""Capacity providers per page, and the default; ECS API reference, DescribeCapacityProviders."""
WAITING_MAX = 10_000
"""Tasks of a cluster that wait for capacity, where the profile has no quota: our choice."""
START_INSTANCES_MAX = 10
"""Container instances per StartTask call; ECS API reference, StartTask."""
START_STARTED_BY_LENGTH_MAX = 36
"""Characters; ECS API reference, StartTask, startedBy."""
STATE_INSTANCES_MAX = 10
"""Container instances per UpdateContainerInstancesState call; ECS API reference."""
CUSTOM_ATTRIBUTES_MAX = 10
"""Per container instance, and per call; ECS API reference, PutAttributes."""
ATTRIBUTE_LENGTH_MAX = 128
"""Characters of an attribute's name and value; ECS API reference, Attribute."""
PORTS_MAX = 100
"""Reserved ports of a container instance; ECS API reference, PortMapping, hostPort."""
GPUS_MAX = 64
"""GPUs of a container instance: our choice."""
FAILURES_MAX = 100
"""Container instances that a RunTask call names in its failures: our choice."""
CLUSTER_INSTANCES_MAX = 5_000
"""Container instances per cluster; ECS service quotas."""
EXEC_SESSIONS_MAX = 10
"""ExecuteCommand sessions per container; ECS service quotas, 2022."""
EXEC_IDLE: Duration = 20 * MINUTE
"""A session that neither input nor output was seen of for so long ends; ECS Developer Guide, ECS Exec."""
EXEC_TOKEN_VALID: Duration = 5 * MINUTE
"""How long a session waits for its client: our choice."""
EXEC_INPUT_BYTES_MAX = 256 * 1024
"""Bytes of input that wait in the plane for one command: our choice. Beyond, input is not acknowledged."""
EXEC_COMMAND_LENGTH_MAX = 64 * 1024
"""Characters: our choice; AWS names no limit."""
SERVICE_EVENTS_MAX = 100
"""Events that a service shows; ECS Developer Guide, service event messages."""
SAME_EVENT_EVERY: Duration = 6 * HOUR
"""How often a service repeats itself; ECS Developer Guide, service event messages."""
SERVICE_TOKEN_LENGTH_MAX = 36
"""Characters of a clientToken; ECS API reference, CreateService and CreateTaskSet."""
DESCRIBE_SERVICES_MAX = 10
"""Services per DescribeServices call; ECS API reference."""
SERVICES_PAGE_DEFAULT = 10
"""Services on a ListServices page when nobody says; ECS API reference."""
DESCRIBE_DEPLOYMENTS_MAX = 20
"""Service deployments, or revisions, per Describe call; ECS API reference."""
DEPLOYMENTS_PAGE_DEFAULT = 20
"""Service deployments on a ListServiceDeployments page when nobody says; ECS API reference."""
TARGET_GROUPS_MAX = 5
"""Load balancers of a service; ECS service quotas."""
TASK_SETS_MAX = 5
"""Task sets of a service: from AWS's error text, docs/aws/ecs.md."""
PERCENT_MAX = 65_535
"""Largest maximumPercent: our choice; AWS names no limit."""
BAKE_MINUTES_MAX = 1_440
"""Minutes; ECS API reference, bakeTimeInMinutes."""
GRACE_S_MAX = 2_147_483_647
"""Seconds; ECS API reference, healthCheckGracePeriodSeconds."""
SERVICE_DEPLOYMENTS_KEPT_MAX = 100
"""Service deployments that a service remembers: our choice; AWS keeps those of 90 days."""
INACTIVE_SERVICES_KEPT: Duration = HOUR
"""How long a deleted service can be described: our choice, as for tasks."""
