"""Which API bucket a Lambda operation draws from: GetFunction and GetPolicy have their own, others share one.

The figures are the profile's (`[buckets]`); `local` has none. Invocations have no bucket here: admission.py
holds them back. Source: Lambda quotas, "API requests" (facts/lambda.md, section 8).
"""

from __future__ import annotations

from collections.abc import Mapping

CONTROL_PLANE = "lambda.control_plane"

_OPERATIONS = """
AddLayerVersionPermission AddPermission CreateAlias CreateCodeSigningConfig CreateEventSourceMapping
CreateFunction CreateFunctionUrlConfig DeleteAlias DeleteCodeSigningConfig DeleteEventSourceMapping
DeleteFunction DeleteFunctionCodeSigningConfig DeleteFunctionConcurrency DeleteFunctionEventInvokeConfig
DeleteFunctionUrlConfig DeleteLayerVersion DeleteProvisionedConcurrencyConfig GetAccountSettings GetAlias
GetCodeSigningConfig GetEventSourceMapping GetFunctionCodeSigningConfig GetFunctionConcurrency
GetFunctionConfiguration GetFunctionEventInvokeConfig GetFunctionRecursionConfig GetFunctionUrlConfig
GetLayerVersion GetLayerVersionByArn GetLayerVersionPolicy GetProvisionedConcurrencyConfig
GetRuntimeManagementConfig ListAliases ListCodeSigningConfigs ListEventSourceMappings
ListFunctionEventInvokeConfigs ListFunctionUrlConfigs ListFunctions ListFunctionsByCodeSigningConfig
ListLayerVersions ListLayers ListProvisionedConcurrencyConfigs ListTags ListVersionsByFunction
PublishLayerVersion PublishVersion PutFunctionCodeSigningConfig PutFunctionConcurrency
PutFunctionEventInvokeConfig PutFunctionRecursionConfig PutProvisionedConcurrencyConfig
PutRuntimeManagementConfig RemoveLayerVersionPermission RemovePermission TagResource UntagResource UpdateAlias
UpdateCodeSigningConfig UpdateEventSourceMapping UpdateFunctionCode UpdateFunctionConfiguration
UpdateFunctionEventInvokeConfig UpdateFunctionUrlConfig
"""

BUCKETS: Mapping[str, str] = {
    **dict.fromkeys(_OPERATIONS.split(), CONTROL_PLANE),
    "GetFunction": "lambda.get_function",
    "GetPolicy": "lambda.get_policy",
}
"""Operation → bucket of (account, Region)."""
