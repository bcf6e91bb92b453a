"""Limits of AWS Batch: number, unit, source. BC is botocore's model, UG the user guide (facts/batch.md)."""

from __future__ import annotations

from windlass.kernel.clock import DAY, Duration

NAME_LENGTH_MAX = 128
"""Letters, digits, hyphens and underscores of any name; BC, CreateComputeEnvironment."""
PAGE_ROWS_MAX = 100
"""Rows of a page of resources; BC, DescribeComputeEnvironments, maxResults."""
DESCRIBED_DEFINITIONS_MAX = 100
"""Entries of jobDefinitions; BC, DescribeJobDefinitions."""
DESCRIBED_POLICIES_MAX = 100
"""Entries of arns; BC, DescribeSchedulingPolicies."""
QUEUE_ENVIRONMENTS_MAX = 3
"""Environments of a queue; UG, service_limits."""
SUBNETS_MAX = 16
"""Subnets of an environment; BC, ComputeResource, subnets."""
TAGS_MAX = 50
"""Tags of a resource; BC, TagResource."""
DEFINITION_BYTES_MAX = 24 * 1024
"""Bytes of a job definition; UG, service_limits."""
ENVIRONMENT_PREFIX = "AWS_BATCH"
"""How names of environment variables may not begin; BC, ContainerProperties, environment."""
MEMORY_MIB_MIN = 4
"""MiB of a container on EC2; BC, ResourceRequirement."""
INACTIVE_KEPT: Duration = 180 * DAY
"""How long a deregistered revision can be described; facts/batch.md, 4 (unverified)."""
PRIORITY_MAX = 9_999
"""schedulingPriority; BC, RegisterJobDefinition."""
EPHEMERAL_GIB = (21, 200)
"""GiB; BC, EphemeralStorage."""
CONTAINERS_MAX = 10
"""Containers of ecsProperties; BC, EcsTaskProperties, containers."""
NODES_MAX = 1_000
"""Nodes of a multi-node parallel job; UG, multi-node-parallel-jobs."""
NODE_GROUPS_MAX = 5
"""nodeRangeProperties; UG, multi-node-parallel-jobs."""
TIME_LIMIT_S = (600, 86_400)
"""maxTimeSeconds; BC, JobStateTimeLimitAction."""
SHARES_MAX = 500
"""Share identifiers of a policy; BC, CreateJobQueue."""
SHARE_LENGTH_MAX = 255
"""Characters of a share identifier; BC, ShareAttributes."""
SHARE_DECAY_S_MAX = 604_800
"""Seconds; UG, scheduling-policy-parameters."""
RESERVATION_MAX = 99
"""Percent; UG, scheduling-policy-parameters."""
WEIGHT = (0.0001, 999.9999)
"""weightFactor; BC, ShareAttributes."""
DESCRIBED_JOBS_MAX = 100
"""Entries of jobs; Batch API reference, DescribeJobs."""
LISTED_MAX = 1_000
"""Rows of a page of ListJobs without a filter; BC, ListJobsRequest."""
LISTED_FILTERED_MAX = 100
"""Rows that a page of ListJobs with a filter looks at; BC, ListJobsRequest."""
SUBMITTED_BYTES_MAX = 30 * 1024
"""Bytes of a SubmitJob request; UG, service_limits."""
ARRAY_SIZE = (2, 10_000)
"""Children of an array; BC, SubmitJobRequest."""
ENDED_KEPT: Duration = 7 * DAY
"""How long jobs that ended are described, at least; UG, job_states."""
ACTIVE_SHARES_MAX = 500
"""Active share identifiers of a queue; BC, CreateJobQueueRequest, schedulingPolicyArn."""
FRONT_MAX = 100
"""Jobs of a snapshot's frontOfQueue; BC, FrontOfQueueDetail."""
TOP_SHARES_MAX = 20
"""Shares of a snapshot's utilisation; BC, FairshareUtilizationDetail."""

QUOTA_TIMEOUT = "batch.timeout_min_s"
"""Name in the profile: seconds that a timeout must have at least; BC, JobTimeout: 60."""
QUOTA_ENVIRONMENTS = "batch.compute_environments"
QUOTA_QUEUES = "batch.job_queues"
QUOTA_POLICIES = "batch.scheduling_policies"
"""Names in the profile."""
