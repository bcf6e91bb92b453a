"""AWS Lambda: functions that really run, one event per environment.

Functions are rows; environments are units of the fleet; which environment is busy is known in memory only.
docs/aws/lambda.md says what there is and what there is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.services.lambda_.api_rates import BUCKETS
from windlass.services.lambda_.code import CodeStore, CodeUsage, named
from windlass.services.lambda_.cold_starts import ColdStarts
from windlass.services.lambda_.controller import Controller
from windlass.services.lambda_.downloads import Downloads
from windlass.services.lambda_.events import EventQueue
from windlass.services.lambda_.handlers import (
    account,
    aliases,
    concurrency,
    event_invoke,
    event_sources,
    functions,
    invocations,
    layer_policies,
    layers,
    policies,
    provisioned,
    runtime_management,
    tags,
    urls,
    versions,
)
from windlass.services.lambda_.idleness import Idleness
from windlass.services.lambda_.invoke import Invoker
from windlass.services.lambda_.letters import Letters
from windlass.services.lambda_.measuring import Measuring
from windlass.services.lambda_.model import TABLES
from windlass.services.lambda_.preparing import Preparing
from windlass.services.lambda_.provisioning import Provisioning
from windlass.services.lambda_.snapshots import Snapshots
from windlass.services.lambda_.sources.controller import Sources
from windlass.services.lambda_.sources.model import MAPPINGS
from windlass.services.lambda_.streaming import Streams
from windlass.services.plane import Plane, Service


def start(plane: Plane) -> Sequence[object]:
    """Make and start Lambda's parts. Packages that no function names any more are deleted first."""
    code = CodeStore(None if plane.blobs is None else plane.blobs / "lambda")
    code.sweep(named(plane.store))
    controller = Controller(plane, code)
    cold_starts = ColdStarts(plane.store, plane.journal, plane.clock)
    measuring = Measuring(plane)
    invoker = Invoker(plane, controller.environments, cold_starts, measuring)
    events = EventQueue(plane, invoker, measuring)
    sources = Sources(plane, invoker, measuring)
    letters = Letters(plane, measuring)
    provisioning = Provisioning(plane, controller.environments)
    snapshots = Snapshots(plane, controller.environments, controller.look)
    controller.needs_at_last = snapshots.needs
    controller.needs.append(Preparing(plane, code, controller.look).needs)
    controller.start()
    sources.start()
    plane.spawn.start("lambda.inactive", Idleness(plane, controller.environments).run())
    plane.spawn.start("lambda.events", events.run())
    plane.spawn.start("lambda.letters", letters.loop.run())
    plane.spawn.start("lambda.metrics", measuring.loop.run())
    plane.spawn.start("lambda.provisioned", provisioning.loop.run())
    plane.spawn.start("lambda.snapshots", snapshots.loop.run())
    usage = CodeUsage(plane.store, plane.quotas)
    running = (controller, invoker, events, sources, cold_starts, measuring)
    return (*running, code, usage, Downloads(plane, code), Streams(plane, invoker))


_QUEUES_ONLY = "SQS queues only; no provisioned mode, no customer keys; what the role may do is not checked"
_CONFIGURATION = (
    "Architectures and TracingConfig are stored only; the role is not checked; SnapStart for Python 3.12 "
    "and later, by forks; refused: IPv6 in VPCs, file systems"
)
_DESTINATIONS = (
    "destinations are SQS queues, Lambda functions and event buses; SNS topics and S3 buckets are refused; "
    "whether the execution role may write to them is not checked"
)

SERVICE = Service(
    name="lambda",
    handlers={
        "CreateFunction": functions.create_function,
        "UpdateFunctionCode": functions.update_function_code,
        "UpdateFunctionConfiguration": functions.update_function_configuration,
        "GetFunction": functions.get_function,
        "GetFunctionConfiguration": functions.get_function_configuration,
        "ListFunctions": functions.list_functions,
        "DeleteFunction": functions.delete_function,
        "GetAccountSettings": account.get_account_settings,
        "PublishLayerVersion": layers.publish_layer_version,
        "GetLayerVersion": layers.get_layer_version,
        "GetLayerVersionByArn": layers.get_layer_version_by_arn,
        "ListLayers": layers.list_layers,
        "ListLayerVersions": layers.list_layer_versions,
        "DeleteLayerVersion": layers.delete_layer_version,
        "AddLayerVersionPermission": layer_policies.add_layer_version_permission,
        "GetLayerVersionPolicy": layer_policies.get_layer_version_policy,
        "RemoveLayerVersionPermission": layer_policies.remove_layer_version_permission,
        "PublishVersion": versions.publish_version,
        "ListVersionsByFunction": versions.list_versions_by_function,
        "CreateAlias": aliases.create_alias,
        "UpdateAlias": aliases.update_alias,
        "GetAlias": aliases.get_alias,
        "ListAliases": aliases.list_aliases,
        "DeleteAlias": aliases.delete_alias,
        "PutRuntimeManagementConfig": runtime_management.put_runtime_management_config,
        "GetRuntimeManagementConfig": runtime_management.get_runtime_management_config,
        "PutFunctionRecursionConfig": runtime_management.put_function_recursion_config,
        "GetFunctionRecursionConfig": runtime_management.get_function_recursion_config,
        "GetFunctionCodeSigningConfig": runtime_management.get_function_code_signing_config,
        "Invoke": invocations.invoke,
        "InvokeWithResponseStream": invocations.invoke_with_response_stream,
        "InvokeAsync": invocations.invoke_async,
        "AddPermission": policies.add_permission,
        "GetPolicy": policies.get_policy,
        "RemovePermission": policies.remove_permission,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "ListTags": tags.list_tags,
        "PutFunctionConcurrency": concurrency.put_function_concurrency,
        "GetFunctionConcurrency": concurrency.get_function_concurrency,
        "DeleteFunctionConcurrency": concurrency.delete_function_concurrency,
        "CreateFunctionUrlConfig": urls.create_function_url_config,
        "UpdateFunctionUrlConfig": urls.update_function_url_config,
        "GetFunctionUrlConfig": urls.get_function_url_config,
        "DeleteFunctionUrlConfig": urls.delete_function_url_config,
        "ListFunctionUrlConfigs": urls.list_function_url_configs,
        "PutProvisionedConcurrencyConfig": provisioned.put_provisioned_concurrency_config,
        "GetProvisionedConcurrencyConfig": provisioned.get_provisioned_concurrency_config,
        "DeleteProvisionedConcurrencyConfig": provisioned.delete_provisioned_concurrency_config,
        "ListProvisionedConcurrencyConfigs": provisioned.list_provisioned_concurrency_configs,
        "PutFunctionEventInvokeConfig": event_invoke.put_function_event_invoke_config,
        "UpdateFunctionEventInvokeConfig": event_invoke.update_function_event_invoke_config,
        "GetFunctionEventInvokeConfig": event_invoke.get_function_event_invoke_config,
        "DeleteFunctionEventInvokeConfig": event_invoke.delete_function_event_invoke_config,
        "ListFunctionEventInvokeConfigs": event_invoke.list_function_event_invoke_configs,
        "CreateEventSourceMapping": event_sources.create_event_source_mapping,
        "GetEventSourceMapping": event_sources.get_event_source_mapping,
        "ListEventSourceMappings": event_sources.list_event_source_mappings,
        "UpdateEventSourceMapping": event_sources.update_event_source_mapping,
        "DeleteEventSourceMapping": event_sources.delete_event_source_mapping,
    },
    tables=(*TABLES, MAPPINGS),
    start=start,
    partial={
        "GetFunctionCodeSigningConfig": "always without a configuration: there is no code signing",
        "CreateFunction": f"no S3; not java, dotnet, ruby; {_CONFIGURATION}",
        "UpdateFunctionCode": "no S3",
        "UpdateFunctionConfiguration": _CONFIGURATION,
        "PublishLayerVersion": "content in the request only; no S3, no customer keys",
        "AddLayerVersionPermission": "an organization matches nobody: there are none",
        "PutRuntimeManagementConfig": "Manual is refused: functions run on what their machine has",
        "AddPermission": "lets in other accounts and callers of URLs; AWS services need no permission",
        "PutFunctionEventInvokeConfig": _DESTINATIONS,
        "UpdateFunctionEventInvokeConfig": _DESTINATIONS,
        "CreateEventSourceMapping": _QUEUES_ONLY,
        "UpdateEventSourceMapping": _QUEUES_ONLY,
    },
    throttled="TooManyRequestsException",
    throttled_members={"Reason": "CallerRateLimitExceeded", "Type": "User"},
    buckets=BUCKETS,
    waits_itself=frozenset({"Invoke", "InvokeWithResponseStream"}),
)
