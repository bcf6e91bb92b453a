"""Limits of Application Auto Scaling, with their sources. Ours are marked so."""

from __future__ import annotations

from windlass.kernel.clock import MINUTE, SECOND, Duration

TARGETS_MAX = 3_000  # scalable targets of ECS services; User Guide, "Quotas" (others 500 and more)
POLICIES_MAX = 50  # scaling policies of a target; User Guide, "Quotas"
SCHEDULED_MAX = 200  # scheduled actions of a target; User Guide, "Quotas"
STEPS_MAX = 20  # step adjustments of a policy; User Guide, "Quotas"
TAGS_MAX = 50  # tags of a target; API reference, TagResource
PAGE_MAX = 50  # rows of a page; API reference, MaxResults
ACTIVITIES_MAX = 100  # activities kept of a target; ours (AWS: those of six weeks)
CAPACITY_MAX = 2**31 - 1  # API reference, an Integer
COOLDOWN_S = 300  # seconds; API reference, StepScalingPolicyConfiguration, of ECS services
FULFILLED_EVERY: Duration = 2 * SECOND  # how often a change under way is looked at; ours
FIRE_LATE_MAX: Duration = 60 * MINUTE  # a scheduled action that a stopped plane missed still runs; ours
