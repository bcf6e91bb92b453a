"""When runtimes are updated, whether loops of invocations are stopped (recursion.py), and code signing.

Known gap: a function runs on what its machine has, so no version of a runtime can be held on to (Manual is
refused).
"""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.services.lambda_.find import put_row, qualified, require, require_version
from windlass.services.lambda_.model import FUNCTIONS, LATEST, Function, Version
from windlass.services.lambda_.package import invalid


def put_runtime_management_config(call: Call, params: Params) -> Result:
    """PutRuntimeManagementConfig, of $LATEST or one version."""
    if params["UpdateRuntimeOn"] == "Manual":
        raise invalid(
            "Windlass runs functions on what their machine has and cannot hold on to a runtime version: "
            "UpdateRuntimeOn must be Auto or FunctionUpdate"
        )
    if params.get("RuntimeVersionArn"):
        raise invalid("RuntimeVersionArn is for UpdateRuntimeOn Manual only")
    with call.store.transact() as tx:
        row, _ = _row(call, params)
        put_row(tx, replace(row, runtime_update=params["UpdateRuntimeOn"], revision_id=call.ids.uuid()))
    return get_runtime_management_config(call, params)


def get_runtime_management_config(call: Call, params: Params) -> Result:
    row, arn = _row(call, params)
    return {"UpdateRuntimeOn": row.runtime_update, "FunctionArn": arn}


def put_function_recursion_config(call: Call, params: Params) -> Result:
    with call.store.transact() as tx:
        tx[FUNCTIONS].put(replace(require(call, params), recursive_loop=params["RecursiveLoop"]))
    return get_function_recursion_config(call, params)


def get_function_recursion_config(call: Call, params: Params) -> Result:
    return {"RecursiveLoop": require(call, params).recursive_loop}


def get_function_code_signing_config(call: Call, params: Params) -> Result:
    """GetFunctionCodeSigningConfig: no function has one, which Terraform and others ask of each."""
    return {"FunctionName": require(call, params).name}


def _row(call: Call, params: Params) -> tuple[Function | Version, str]:
    """What the request means, and its ARN as it was asked for; an alias is none of these."""
    function, qualifier = qualified(call, params)
    row = function if qualifier in ("", LATEST) else require_version(call.store, function, qualifier)
    return row, function.qualified_arn(qualifier)
