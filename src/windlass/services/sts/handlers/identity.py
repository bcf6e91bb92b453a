"""GetCallerIdentity and GetAccessKeyInfo."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.credentials import caller_of


def get_caller_identity(call: Call, params: Params) -> Result:
    """STS GetCallerIdentity: never refused to who could sign."""
    return {"UserId": call.caller.user_id, "Account": call.caller.account, "Arn": call.caller.arn}


def get_access_key_info(call: Call, params: Params) -> Result:
    """STS GetAccessKeyInfo: the account of a key, by the rule of docs/decisions/0005."""
    return {"Account": caller_of(params["AccessKeyId"], call.store).account}
