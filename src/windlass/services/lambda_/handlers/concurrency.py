"""Reserved concurrency."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.aws.quotas import Quotas
from windlass.services.lambda_.concurrency import account_limit, may_set_aside, unreserved_min
from windlass.services.lambda_.find import require
from windlass.services.lambda_.handlers.provisioned import provisioned_total
from windlass.services.lambda_.model import FUNCTIONS
from windlass.services.lambda_.package import invalid


def put_function_concurrency(call: Call, params: Params) -> Result:
    """PutFunctionConcurrency: takes effect with the next event; what runs goes on."""
    wanted: int = params["ReservedConcurrentExecutions"]
    with call.store.transact() as tx:
        function = require(call, params)
        reservations = tx[FUNCTIONS].by("reserved", call.scope)
        others = sum(row.reserved or 0 for row in reservations if row.key != function.key)
        provisioned = provisioned_total(tx, function)
        if wanted < provisioned:
            raise invalid(
                f"ReservedConcurrentExecutions {wanted} should not be lower than function's total "
                f"provisioned concurrency [{provisioned}]."
            )
        quotas = call.part(Quotas)
        least = unreserved_min(quotas)
        if not may_set_aside(wanted, others, account_limit(quotas, call.scope), least):
            raise invalid(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                "UnreservedConcurrentExecution below its minimum value of "
                f"[{least}]."
            )
        tx[FUNCTIONS].put(replace(function, reserved=wanted))
    return {"ReservedConcurrentExecutions": wanted}


def get_function_concurrency(call: Call, params: Params) -> Result:
    reserved = require(call, params).reserved
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


def delete_function_concurrency(call: Call, params: Params) -> Result:
    with call.store.transact() as tx:
        tx[FUNCTIONS].put(replace(require(call, params), reserved=None))
    return {}
