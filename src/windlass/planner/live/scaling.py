"""What a scenario says of scaling: targets, policies, scheduled actions, alarms that start them. Pure."""

from __future__ import annotations

from windlass.planner.live.draft import Draft

OF_AWS = "TargetTracking-"
"""How the alarms begin that Application Auto Scaling makes by itself."""


def draft_scaling(draft: Draft) -> None:
    """Of Application Auto Scaling."""
    found = draft.found
    for target in found.of("application-autoscaling.targets"):
        draft.add("application-autoscaling.RegisterScalableTarget", target, str(target["ResourceId"]))
    for policy in found.of("application-autoscaling.policies"):
        gives = {policy["PolicyARN"]: "PolicyARN"}
        draft.add("application-autoscaling.PutScalingPolicy", policy, policy["PolicyName"], gives=gives)
    for action in found.of("application-autoscaling.scheduled_actions"):
        name = action["ScheduledActionName"]
        draft.add("application-autoscaling.PutScheduledAction", action, name)


def draft_alarms(draft: Draft) -> None:
    """Alarms that do something which is played; the others say nothing of capacity."""
    others = 0
    for alarm in draft.found.of("cloudwatch.alarms"):
        if alarm["AlarmName"].startswith(OF_AWS):
            continue
        actions = {name: _played(draft, alarm.get(name, ())) for name in
                   ("AlarmActions", "OKActions", "InsufficientDataActions")}  # fmt: skip
        if not any(actions.values()):
            others += 1
            continue
        said = {name: rows or None for name, rows in actions.items()}
        draft.add("cloudwatch.PutMetricAlarm", alarm, alarm["AlarmName"], said)
    if others:
        draft.notes.append(f"alarms that start no scaling and no function are left out: {others}")


def _played(draft: Draft, actions: object) -> list[str]:
    """Those that name a scaling policy of the scenario or a function."""
    known = {old for one in draft.resources for old in one.gives}
    rows = [str(one) for one in actions] if isinstance(actions, list | tuple) else []
    return [one for one in rows if one in known or ":lambda:" in one]
