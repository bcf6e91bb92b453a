"""DescribeScalingActivities."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.services.application_autoscaling import describe, find
from windlass.services.application_autoscaling.model import ACTIVITIES


def describe_scaling_activities(call: Call, params: Params) -> Result:
    """DescribeScalingActivities, newest first; those that scaled nothing only when asked for."""
    every = params.get("IncludeNotScaledActivities", False)
    rows, more = find.page(
        call,
        params,
        ACTIVITIES,
        "DescribeScalingActivities",
        where=lambda row: every or not row.not_scaled,
        reverse=True,
    )
    return {"ScalingActivities": [describe.activity(row) for row in rows], **more}
