"""AssumeRole and GetSessionToken: temporary credentials."""

from __future__ import annotations

from typing import Any

from windlass.aws.arn import Arn, arn, parse
from windlass.aws.calls import Call, Params, Principal, Result
from windlass.aws.credentials import CREDENTIALS, Credentials, issue, root_arn
from windlass.kernel.chance import Chance
from windlass.kernel.clock import SECOND, in_seconds
from windlass.kernel.faults import Fault
from windlass.services.sts.limits import (
    CHAINED_SESSION_S_MAX,
    ROLE_SESSION_S_DEFAULT,
    ROOT_SESSION_S_MAX,
    TOKEN_SESSION_S_DEFAULT,
)


async def assume_role(call: Call, params: Params) -> Result:
    """STS AssumeRole: credentials of a session of the role, in any account of this plane.

    A role that does not exist is AccessDenied, as in AWS, which does not tell which roles there are.
    """
    role = await _role(call, params["RoleArn"])
    asked_s = params.get("DurationSeconds", ROLE_SESSION_S_DEFAULT)
    _check_duration(call, asked_s, role["MaxSessionDuration"])
    session = params["RoleSessionName"]
    account = str(role["Arn"]).split(":")[4]
    row = _issue(
        call,
        account=account,
        session_arn=arn("sts", "", account, f"assumed-role/{role['RoleName']}/{session}"),
        user_id=f"{role['RoleId']}:{session}",
        duration_s=asked_s,
    )
    source = {"SourceIdentity": params["SourceIdentity"]} if "SourceIdentity" in params else {}
    return {
        "Credentials": _shown(row),
        "AssumedRoleUser": {"AssumedRoleId": row.user_id, "Arn": row.arn},
        **source,
    }


def get_session_token(call: Call, params: Params) -> Result:
    """STS GetSessionToken: the caller's own rights under temporary credentials."""
    if _is_temporary(call):
        raise Fault("AccessDenied", "Cannot call GetSessionToken with session credentials", status=403)
    duration_s = params.get("DurationSeconds", TOKEN_SESSION_S_DEFAULT)
    if call.caller.arn == root_arn(call.account):
        duration_s = min(duration_s, ROOT_SESSION_S_MAX)
    row = _issue(
        call,
        account=call.account,
        session_arn=call.caller.arn,
        user_id=call.caller.user_id,
        duration_s=duration_s,
    )
    return {"Credentials": _shown(row)}


async def _role(call: Call, role_arn: str) -> dict[str, Any]:
    """The role as IAM describes it, in the role's own account."""
    read = parse(role_arn)
    if read is None or read.service != "iam":
        raise Fault("ValidationError", f"{role_arn} is invalid")
    denied = Fault(
        "AccessDenied",
        f"User: {call.caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
        status=403,
    )
    if not _names_a_role(read):
        raise denied
    principal = Principal(account=read.account, region=call.region, service="sts.amazonaws.com")
    name = read.resource.rpartition("/")[2]
    try:
        found = await call.calls.call("iam", "GetRole", {"RoleName": name}, principal)
    except Fault as fault:
        raise (denied if fault.code == "NoSuchEntityException" else fault) from fault
    role: dict[str, Any] = found["Role"]
    if role["Arn"] != role_arn:
        raise denied
    return role


def _names_a_role(read: Arn) -> bool:
    return read.resource.startswith("role/") and len(read.account) == 12


def _check_duration(call: Call, asked_s: int, role_max_s: int) -> None:
    if ":assumed-role/" in call.caller.arn and asked_s > CHAINED_SESSION_S_MAX:
        raise Fault(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
            "chaining",
        )
    if asked_s > role_max_s:
        raise Fault(
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        )


def _is_temporary(call: Call) -> bool:
    row = call.store[CREDENTIALS].get(call.caller.access_key)
    return row is not None and row.temporary


def _issue(call: Call, *, account: str, session_arn: str, user_id: str, duration_s: int) -> Credentials:
    with call.store.transact() as tx:
        return issue(
            tx,
            call.ids,
            call.part(Chance),
            account=account,
            arn=session_arn,
            user_id=user_id,
            now=call.now,
            expires_at=call.now + duration_s * SECOND,
        )


def _shown(row: Credentials) -> dict[str, Any]:
    return {
        "AccessKeyId": row.access_key,
        "SecretAccessKey": row.secret,
        "SessionToken": row.session_token,
        "Expiration": in_seconds(row.expires_at or 0),
    }
