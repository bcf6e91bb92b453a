"""ECS account settings: stored, read back, and asked for by those that act on them.

Only defaultLogDriverMode acts, on tasks that are run from then on: the long ARN format is the only one, and
the others steer what Windlass does not have.
Source: ECS API reference, PutAccountSetting; ECS Developer Guide, "account settings".
"""

from __future__ import annotations

from collections.abc import Mapping

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.ecs import limits
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.model import SETTINGS, AccountSetting

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
AWS_MANAGED = ("guardDutyActivate",)
"""Settings that AWS makes, which users only read."""


def put_account_setting(call: Call, params: Params) -> Result:
    """ECS PutAccountSetting: for one principal, the caller when none is named; root means the default."""
    return _put(call, params, _principal(call, params))


def put_account_setting_default(call: Call, params: Params) -> Result:
    """ECS PutAccountSettingDefault: for every principal without a setting of its own."""
    return _put(call, params, "")


def delete_account_setting(call: Call, params: Params) -> Result:
    """ECS DeleteAccountSetting: the principal has the account's default again."""
    principal = _principal(call, params)
    with call.store.transact() as tx:
        gone = tx[SETTINGS].delete((*call.scope, principal, params["name"]))
    if gone is None:
        raise Fault("InvalidParameterException", "The account setting does not exist for this principal.")
    return {"setting": _shown(call, params["name"], gone.value, principal)}


def list_account_settings(call: Call, params: Params) -> Result:
    """ECS ListAccountSettings: those that were set, or with effectiveSettings what is in force."""
    if params.get("effectiveSettings"):
        return {"settings": _effective(call, params)}
    name, value = params.get("name"), params.get("value")
    principal = _principal(call, params) if "principalArn" in params else None
    rows, token = paging.page(
        call.store[SETTINGS],
        "scope",
        call.scope,
        operation="ListAccountSettings",
        filters=(*call.scope, name, value, principal),
        token=params.get("nextToken"),
        limit=listing.limit(params, limits.SETTINGS_PAGE_MAX),
        fault=listing.bad_token,
        where=lambda row: (
            row.name == (name or row.name)
            and row.value == (value or row.value)
            and (principal is None or row.principal == principal)
        ),
    )
    shown = [_shown(call, row.name, row.value, row.principal) for row in rows]
    return {"settings": shown} if token is None else {"settings": shown, "nextToken": token}


def in_force(call: Call, name: str) -> str:
    """The setting's value for the caller: its own, else the account's, else AWS's."""
    return _value(call, name, "" if call.caller.arn == _root(call) else call.caller.arn)


def _value(call: Call, name: str, principal: str) -> str:
    rows = [call.store[SETTINGS].get((*call.scope, who, name)) for who in (principal, "")]
    return next((row.value for row in rows if row is not None), DEFAULTS[name])


def _put(call: Call, params: Params, principal: str) -> Result:
    name, value = params["name"], params["value"]
    if name in AWS_MANAGED:
        raise Fault("InvalidParameterException", f"{name} is managed by AWS and cannot be set.")
    if value not in VALUES[name]:
        raise Fault(
            "InvalidParameterException", f"Invalid value for {name}; it is one of {', '.join(VALUES[name])}."
        )
    with call.store.transact() as tx:
        tx[SETTINGS].put(AccountSetting(*call.scope, principal, name, value))
    return {"setting": _shown(call, name, value, principal)}


def _effective(call: Call, params: Params) -> list[dict[str, str]]:
    """Each setting as it is in force for a principal: its own, else the account's, else AWS's."""
    principal = _principal(call, params)
    names = [params["name"]] if "name" in params else list(DEFAULTS)
    shown = []
    for name in names:
        value = _value(call, name, principal)
        if params.get("value") in (None, value):
            shown.append(_shown(call, name, value, principal))
    return shown


def _principal(call: Call, params: Params) -> str:
    """The principal a call is about, as rows name it: "" for root, whose settings are the account's."""
    named = str(params.get("principalArn") or call.caller.arn)
    return "" if named == _root(call) else named


def _root(call: Call) -> str:
    return f"arn:aws:iam::{call.account}:root"


def _shown(call: Call, name: str, value: str, principal: str) -> dict[str, str]:
    kind = "aws_managed" if name in AWS_MANAGED else "user"
    return {"name": name, "value": value, "principalArn": principal or _root(call), "type": kind}
