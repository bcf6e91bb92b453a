"""ECS account settings: stored, read back, and asked for by those that act on them.

defaultLogDriverMode acts on tasks that are run from then on, awsvpcTrunking on instances that are registered
from then on; the long ARN format is the only one, and the others steer what Windlass does not have.
Source: ECS API reference, PutAccountSetting; ECS Developer Guide, "account settings".
"""

from __future__ import annotations

from windlass.aws import paging
from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.ecs import account_settings, limits
from windlass.services.ecs.handlers import listing
from windlass.services.ecs.model import SETTINGS, AccountSetting

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


def _put(call: Call, params: Params, principal: str) -> Result:
    name, value = params["name"], params["value"]
    if name in AWS_MANAGED:
        raise Fault("InvalidParameterException", f"{name} is managed by AWS and cannot be set.")
    values = account_settings.VALUES[name]
    if value not in values:
        raise Fault(
            "InvalidParameterException", f"Invalid value for {name}; it is one of {', '.join(values)}."
        )
    with call.store.transact() as tx:
        tx[SETTINGS].put(AccountSetting(*call.scope, principal, name, value))
    return {"setting": _shown(call, name, value, principal)}


def _effective(call: Call, params: Params) -> list[dict[str, str]]:
    """Each setting as it is in force for a principal: its own, else the account's, else AWS's."""
    principal = _principal(call, params)
    names = [params["name"]] if "name" in params else list(account_settings.DEFAULTS)
    shown = []
    for name in names:
        value = account_settings.value(call, name, principal)
        if params.get("value") in (None, value):
            shown.append(_shown(call, name, value, principal))
    return shown


def _principal(call: Call, params: Params) -> str:
    """The principal a call is about, as rows name it: "" for root, whose settings are the account's."""
    named = str(params.get("principalArn") or call.caller.arn)
    return "" if named == account_settings.root(call) else named


def _shown(call: Call, name: str, value: str, principal: str) -> dict[str, str]:
    kind = "aws_managed" if name in AWS_MANAGED else "user"
    return {
        "name": name,
        "value": value,
        "principalArn": principal or account_settings.root(call),
        "type": kind,
    }
