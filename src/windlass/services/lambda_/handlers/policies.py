"""Resource-based policies of functions, versions and aliases: stored and read back.

Known gap: nothing is authorized by them yet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.kernel.store import Transaction
from windlass.services.lambda_.changes import match_revision
from windlass.services.lambda_.find import alias_of, no_alias, qualified, reference, require_version
from windlass.services.lambda_.model import (
    ALIASES,
    FUNCTIONS,
    LATEST,
    VERSIONS,
    Alias,
    Function,
    Version,
)
from windlass.services.lambda_.package import invalid
from windlass.services.lambda_.resource_policy import appended, policy_text, without

Holder: TypeAlias = Function | Version | Alias


def add_permission(call: Call, params: Params) -> Result:
    """AddPermission: appends one statement; answers it as JSON text."""
    with call.store.transact() as tx:
        holder = _may_be_changed(call, params)
        statement = _statement(reference(call, params).arn, params)
        policy, text = appended(holder.policy, params["StatementId"], statement)
        _put(tx, replace(holder, policy=policy, revision_id=call.ids.uuid()))
    return {"Statement": text}


def get_policy(call: Call, params: Params) -> Result:
    holder = _holder(call, *qualified(call, params))
    if not holder.policy:
        raise Fault("ResourceNotFoundException", "The resource you requested does not exist.")
    return {"Policy": policy_text(holder.policy), "RevisionId": holder.revision_id}


def remove_permission(call: Call, params: Params) -> Result:
    with call.store.transact() as tx:
        holder = _may_be_changed(call, params)
        policy = without(holder.policy, params["StatementId"])
        _put(tx, replace(holder, policy=policy, revision_id=call.ids.uuid()))
    return {}


def _holder(call: Call, function: Function, qualifier: str) -> Holder:
    """Whose policy it is: a function, a version and an alias have one each."""
    if qualifier in ("", LATEST):
        return function
    alias = alias_of(call.store, function, qualifier)
    if alias is not None:
        return alias
    if not qualifier.isdecimal():
        raise no_alias(function, qualifier)
    return require_version(call.store, function, qualifier)


def _may_be_changed(call: Call, params: Params) -> Holder:
    """The holder whose policy this request changes."""
    function, qualifier = qualified(call, params)
    if qualifier == LATEST:
        raise invalid("We currently do not support adding policies for $LATEST.")
    holder = _holder(call, function, qualifier)
    match_revision(params.get("RevisionId"), holder.revision_id, "GetPolicy")
    return holder


def _put(tx: Transaction, holder: Holder) -> None:
    match holder:
        case Function():
            tx[FUNCTIONS].put(holder)
        case Version():
            tx[VERSIONS].put(holder)
        case Alias():
            tx[ALIASES].put(holder)


def _statement(resource: str, params: Params) -> dict[str, Any]:
    """The statement that the request's members make, in AWS's order of keys."""
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(params["Principal"]),
        "Action": params["Action"],
        "Resource": resource,
    }
    equals = {
        "AWS:SourceAccount": params.get("SourceAccount"),
        "lambda:EventSourceToken": params.get("EventSourceToken"),
        "lambda:FunctionUrlAuthType": params.get("FunctionUrlAuthType"),
        "aws:PrincipalOrgID": params.get("PrincipalOrgID"),
    }
    condition: dict[str, Any] = {}
    given = {key: value for key, value in equals.items() if value}
    if given:
        condition["StringEquals"] = given
    if params.get("InvokedViaFunctionUrl"):
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    if params.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    if condition:
        statement["Condition"] = condition
    return statement


def _principal(given: str) -> Any:
    """A service's name, an account's number, an ARN, or everybody.

    >>> _principal("s3.amazonaws.com"), _principal("123456789012"), _principal("*")
    ({'Service': 's3.amazonaws.com'}, {'AWS': 'arn:aws:iam::123456789012:root'}, '*')
    """
    if given == "*":
        return "*"
    if len(given) == 12 and given.isdigit():
        return {"AWS": f"arn:aws:iam::{given}:root"}
    if given.startswith("arn:"):
        return {"AWS": given}
    if "." in given:
        return {"Service": given}
    raise invalid("The provided principal was invalid. Please check the principal and try again.")
