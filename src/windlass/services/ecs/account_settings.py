"""ECS account settings: which there are, and what is in force for a caller. Reads only.

Source: ECS API reference, PutAccountSetting; ECS Developer Guide, "account settings".
"""

from __future__ import annotations

from collections.abc import Mapping

from windlass.aws.calls import Call
from windlass.services.ecs.lookup import Reads
from windlass.services.ecs.model import SETTINGS

ON_OFF = ("enabled", "disabled")
VALUES: Mapping[str, tuple[str, ...]] = {
    "serviceLongArnFormat": ON_OFF,
    "taskLongArnFormat": ON_OFF,
    "containerInstanceLongArnFormat": ON_OFF,
    "awsvpcTrunking": ON_OFF,
    "containerInsights": (*ON_OFF, "enhanced"),
    "fargateFIPSMode": ON_OFF,
    "tagResourceAuthorization": ("on", "off"),
    "fargateTaskRetirementWaitPeriod": ("0", "7", "14"),
    "guardDutyActivate": ("on", "off"),
    "defaultLogDriverMode": ("blocking", "non-blocking"),
    "fargateEventWindows": ON_OFF,
}
"""Setting → values it may take. The values of fargateEventWindows are UNVERIFIED."""
DEFAULTS: Mapping[str, str] = {
    "serviceLongArnFormat": "enabled",
    "taskLongArnFormat": "enabled",
    "containerInstanceLongArnFormat": "enabled",
    "awsvpcTrunking": "disabled",
    "containerInsights": "disabled",
    "fargateFIPSMode": "disabled",
    "tagResourceAuthorization": "off",
    "fargateTaskRetirementWaitPeriod": "7",
    "guardDutyActivate": "off",
    "defaultLogDriverMode": "non-blocking",
    "fargateEventWindows": "disabled",
}
"""What is in force when nobody set anything."""


def in_force(call: Call, name: str) -> str:
    """The setting's value for the caller: its own, else the account's, else AWS's."""
    return value(call, name, "" if call.caller.arn == root(call) else call.caller.arn)


def value(call: Call, name: str, principal: str) -> str:
    """The setting's value for that principal, "" for the account's own."""
    rows = [call.store[SETTINGS].get((*call.scope, who, name)) for who in (principal, "")]
    return next((row.value for row in rows if row is not None), DEFAULTS[name])


def of_account(reads: Reads, scope: tuple[str, str], name: str) -> str:
    """The account's own setting, else AWS's: what holds for what no caller does."""
    row = reads[SETTINGS].get((*scope, "", name))
    return row.value if row is not None else DEFAULTS[name]


def root(call: Call) -> str:
    """The account's root, whose settings are the account's."""
    return f"arn:aws:iam::{call.account}:root"
