"""Auto Scaling limits: number, unit, source. Those "from memory" were not read again."""

from __future__ import annotations

from windlass.kernel.clock import SECOND, Duration

PAGE_MAX = 100
"""Records per Describe page; API reference, MaxRecords."""
PAGE_DEFAULT = 50
"""API reference, DescribeAutoScalingGroups, MaxRecords."""
SIZE_MAX = 10_000
"""Most instances of a group: our choice; AWS bounds the sum by EC2's quotas."""
HOOKS_MAX = 50
"""Lifecycle hooks per group; User Guide, quotas."""
GROUPS_MAX = 500
"""Groups per account and Region; User Guide, quotas."""
CONFIGURATIONS_MAX = 200
"""Launch configurations per account and Region; User Guide, quotas."""
TAGS_MAX = 50
"""Tags per group; User Guide, quotas."""
PROTECTED_MAX = 50
"""Instances per SetInstanceProtection call; User Guide, quotas."""
ATTACHED_MAX = 20
"""Instances per AttachInstances or DetachInstances call; User Guide, quotas."""
COOLDOWN_S_DEFAULT = 300
"""API reference, CreateAutoScalingGroup, DefaultCooldown."""
GRACE_S_DEFAULT = 0
"""Seconds; API reference, CreateAutoScalingGroup, HealthCheckGracePeriod."""
HEARTBEAT_S_DEFAULT = 3_600
HEARTBEAT_S = (30, 7_200)
"""Seconds; API reference, PutLifecycleHook, HeartbeatTimeout."""
GLOBAL_TIMEOUT_S_MAX = 172_800
"""Seconds that an instance may wait at most, or 100 heartbeats; API reference, PutLifecycleHook."""
GLOBAL_HEARTBEATS = 100
ACTIVITIES_KEPT = 100
"""Scaling activities per group: our choice; AWS keeps six weeks of them."""
POLICIES_MAX = 50
"""Scaling policies per group; User Guide, quotas."""
STEPS_MAX = 20
"""Step adjustments per policy; User Guide, quotas."""
SCHEDULED_MAX = 125
"""Scheduled actions per group; User Guide, quotas."""
RETRY_FIRST: Duration = 10 * SECOND
RETRY_MAX: Duration = 300 * SECOND
"""How long a group waits after a launch that failed, doubling: our choice."""
LAUNCHES_MAX = 200
"""Machines per transaction, so that no pass holds up calls for long."""
