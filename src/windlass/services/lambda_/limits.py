"""Lambda's quotas: name, unit, source. What a profile may change is read through `Quotas` instead."""

from __future__ import annotations

from windlass.kernel.clock import HOUR, MINUTE, SECOND, Duration

ZIP_BYTES_MAX = 52_428_800
"""Zipped package in the request; Lambda quotas, "Deployment package (.zip file archive) size"."""
CODE_STORAGE_GB = 75
"""GB of packages per account and Region; Lambda quotas, "Storage for uploaded functions"."""
UNZIPPED_BYTES_MAX = 262_144_000
"""Unzipped package; Lambda quotas, same row."""
ZIP_MEMBERS_MAX = 100_000
"""Files in a package. Ours: AWS names none, and a package within its sizes can hold millions."""
NAME_CHARS_MAX = 64
"""Function name without its ARN; CreateFunction, FunctionName."""
TIMEOUT_S_DEFAULT = 3
TIMEOUT_S_MAX = 900
MEMORY_MIB_DEFAULT = 128
MEMORY_MIB_MAX = 10_240
EPHEMERAL_MIB_DEFAULT = 512
"""CreateFunction: Timeout, MemorySize, EphemeralStorage."""
ENVIRONMENT_BYTES_MAX = 4_096
"""All environment variables, measured as JSON; Lambda quotas, "Environment variables"."""
LAYERS_MAX = 5
"""Layers of a function; Lambda quotas, "Function layers"."""
POLICY_BYTES_MAX = 20_480
"""Resource-based policy; Lambda quotas."""
TAGS_MAX = 50
"""Tags of a function; Lambda developer guide, "Using tags"."""
LIST_ITEMS_MAX = 50
"""Functions, versions or aliases in a page, whatever MaxItems says; ListFunctions."""

SYNC_PAYLOAD_BYTES_MAX = 6_291_456
"""Request of a synchronous invocation; Lambda quotas, "Invocation payload"."""
ASYNC_PAYLOAD_BYTES_MAX = 1_048_576
"""Request of an Event invocation; Lambda quotas, since October 2025."""
CLIENT_CONTEXT_BYTES_MAX = 3_583
"""Invoke, ClientContext, once decoded."""

CONCURRENT_EXECUTIONS = 1_000
"""Account limit per Region unless the profile has "lambda.concurrent_executions"; Lambda quotas."""
UNRESERVED_CONCURRENCY_MIN = 100
"""What reservations must leave; Lambda developer guide, "Configuring reserved concurrency"."""
INIT_S_MAX = 10
"""Initialisation on demand; Lambda developer guide, "Lambda execution environment"."""
AHEAD_INIT_S_MIN = 130
"""Initialisation ahead of events, or the function's timeout if that is longer; same page."""
RESTORE_S_MAX = 10
"""From a snapshot until it takes an event, hooks included; same page."""
PROVISIONED_STARTING_MAX = 100
"""Environments of one function that are initialised ahead at once. Ours: hosts are finite."""
PROVISIONED_PAUSE: Duration = SECOND
"""Before one that ended by itself is replaced. Ours: what ends as soon as it is ready must not spin."""
MEMORY_MIB_PER_VCPU = 1_769
"""Lambda quotas: at 1,769 MB a function has one vCPU."""

IDLE_RECLAIM: Duration = 300 * SECOND
"""An idle environment lives so long unless the profile has "lambda.idle_reclaim_s"; measured 5 to 7 min."""
ENVIRONMENT_LIFE: Duration = 4 * HOUR
"""An environment is replaced after so long, even if busy; undocumented, "a few hours"."""
CREDENTIALS_LIFE: Duration = 12 * HOUR
"""Longer than an environment lives; the longest session of a role (STS AssumeRole)."""
TEMPLATE_CREDENTIALS_LIFE: Duration = 10 * 365 * 24 * HOUR
"""Clients that a snapshot's initialisation made use its session; that ends with the snapshot."""
START_WAIT: Duration = 60 * SECOND
"""How long an invocation waits for a new environment. Ours: AWS names none."""

ASYNC_RETRIES_MAX = 2
"""After function errors; PutFunctionEventInvokeConfig, MaximumRetryAttempts, default."""
ASYNC_RETRY_WAITS: tuple[Duration, Duration] = (MINUTE, 2 * MINUTE)
"""Before the first and the second; profile: "lambda.async_retry_1_s", "lambda.async_retry_2_s"."""
ASYNC_EVENT_AGE_MAX: Duration = 6 * HOUR
"""PutFunctionEventInvokeConfig, MaximumEventAgeInSeconds, default."""
ASYNC_BACK_OFF_FIRST: Duration = SECOND
ASYNC_BACK_OFF_MAX: Duration = 5 * MINUTE
"""After throttles and system errors; Lambda developer guide, "How Lambda handles errors …"."""
ASYNC_DELIVERIES_MAX = 50
"""Events of one function that are on their way at once. Ours: keeps a burst from starting a process each."""
ASYNC_RETRY_AGE_S_MIN = 60
"""MaximumEventAgeInSeconds, at least."""
LETTER_AGE_MAX: Duration = HOUR
"""How long a destination that cannot take a record is tried. Ours: AWS names none."""
LETTERS_AT_ONCE = 100
"""Records and dead letters handed over at a time. Ours."""
STREAM_BYTES_MAX = 209_715_200
"""Streamed response; Lambda quotas (200 MB since mid-2025); profile: "lambda.stream_bytes_max"."""
INVOKE_ASYNC_BYTES_MAX = 262_144
"""InvokeAsync: what an event could have when there was only that."""

RUNTIMES = (
    *("python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14"),
    *("nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x", "provided.al2", "provided.al2023"),
)
"""Runtimes that run here; Lambda developer guide, "Lambda runtimes" (late 2025)."""
RUNTIMES_ENDED = frozenset(
    {"python2.7", "python3.6", "python3.7", "go1.x", "provided", "java8", "ruby2.5", "ruby2.7"}
    | {"nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x"}
    | {"nodejs14.x", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1"}
)
"""Runtimes that AWS takes no more for creating or updating."""
ENVIRONMENT_NAMES_RESERVED = frozenset(
    {"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"}
    | {"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"}
    | {"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"}
    | {"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}
    | {"AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}
)
"""Lambda developer guide, "Defined runtime environment variables", those marked reserved."""
