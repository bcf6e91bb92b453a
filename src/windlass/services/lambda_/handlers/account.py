"""What the account has and may have."""

from __future__ import annotations

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.services.lambda_.code import CodeUsage
from windlass.services.lambda_.concurrency import account_limit
from windlass.services.lambda_.limits import UNZIPPED_BYTES_MAX, ZIP_BYTES_MAX
from windlass.services.lambda_.model import FUNCTIONS


def get_account_settings(call: Call, params: Params) -> Result:
    """GetAccountSettings: limits in force, and what this Region's functions take."""
    functions, usage = call.store[FUNCTIONS], call.part(CodeUsage)
    limit = account_limit(call.part(Quotas), call.scope)
    reserved = sum(function.reserved or 0 for function in functions.by("reserved", call.scope))
    return {
        "AccountLimit": {
            "TotalCodeSize": usage.limit(call.scope),
            "CodeSizeUnzipped": UNZIPPED_BYTES_MAX,
            "CodeSizeZipped": ZIP_BYTES_MAX,
            "ConcurrentExecutions": limit,
            "UnreservedConcurrentExecutions": limit - reserved,
        },
        "AccountUsage": {
            "TotalCodeSize": usage.total(call.scope),
            "FunctionCount": functions.count("scope", call.scope),
        },
    }
