"""Scaling activities: describe."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.services.autoscaling import describe, find
from windlass.services.autoscaling.find import invalid
from windlass.services.autoscaling.model import ACTIVITIES


def describe_scaling_activities(call: Call, params: Params) -> Result:
    """EC2 Auto Scaling DescribeScalingActivities: the newest first."""
    if params.get("Filters") or params.get("IncludeDeletedGroups"):
        raise invalid("Windlass does not have filters for activities, nor activities of deleted groups.")
    index = None
    if params.get("AutoScalingGroupName"):
        group = find.group(call.store, call.scope, params["AutoScalingGroupName"])
        index = ("group", group.key)
    ids = set(params.get("ActivityIds") or ())
    rows, more = find.page(
        call,
        params,
        ACTIVITIES,
        "DescribeScalingActivities",
        lambda row: not ids or row.id in ids,
        reverse=True,
        index=index,
    )
    return {"Activities": [describe.activity(row) for row in rows], **more}
