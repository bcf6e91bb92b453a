"""Composite alarms: put; described and deleted with the others."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.cloudwatch.composite import read
from windlass.services.cloudwatch.composites import name_of
from windlass.services.cloudwatch.handlers.alarms import keep
from windlass.services.cloudwatch.model import ALARMS, Alarm

_SUPPRESSION = ("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")


def put_composite_alarm(call: Call, params: Params) -> Result:
    """CloudWatch PutCompositeAlarm. One that is there keeps its state; all alarms it names must be there."""
    for name in _SUPPRESSION:
        if name in params:
            raise Fault("ValidationError", f"Windlass does not have suppression of actions ({name}).")
    alarm = Alarm(
        *call.scope,
        name=params["AlarmName"],
        configured_at=call.now,
        state_at=call.now,
        transitioned_at=call.now,
        comparison="",
        threshold=0.0,
        evaluation_periods=0,
        description=params.get("AlarmDescription"),
        actions_enabled=params.get("ActionsEnabled", True),
        ok_actions=tuple(params.get("OKActions", ())),
        alarm_actions=tuple(params.get("AlarmActions", ())),
        insufficient_actions=tuple(params.get("InsufficientDataActions", ())),
        tags={tag["Key"]: tag["Value"] for tag in params.get("Tags", ())},
        rule=params["AlarmRule"],
    )
    rule = read(params["AlarmRule"], lambda said: name_of(call.scope, said))
    missing = [name for name in rule.names if call.store[ALARMS].get((*call.scope, name)) is None]
    if missing:
        named = ", ".join(missing)
        raise Fault(
            "ValidationError", f"Could not save the composite alarm as alarms [{named}] do not exist."
        )
    keep(call, alarm)
    return {}
