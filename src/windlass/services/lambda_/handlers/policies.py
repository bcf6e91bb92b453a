"""Resource-based policies of functions: stored and read back.

Known gap: nothing is authorized by them yet.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.lambda_.find import reference, require
from windlass.services.lambda_.limits import POLICY_BYTES_MAX
from windlass.services.lambda_.model import FUNCTIONS, LATEST, Function
from windlass.services.lambda_.package import invalid


def add_permission(call: Call, params: Params) -> Result:
    """AddPermission: appends one statement; answers it as JSON text."""
    with call.store.transact() as tx:
        function = _policy_holder(call, params)
        sid = params["StatementId"]
        if any(sid == known for known, _ in function.policy):
            raise Fault(
                "ResourceConflictException",
                f"The statement id ({sid}) provided already exists. Please provide a new statement id, or "
                "remove the existing statement.",
            )
        statement = json.dumps(_statement(function, params), separators=(",", ":"))
        function = replace(function, policy=(*function.policy, (sid, statement)), revision_id=call.ids.uuid())
        size = len(policy_text(function).encode())
        if size > POLICY_BYTES_MAX:
            raise Fault(
                "PolicyLengthExceededException",
                f"The final policy size ({size}) is bigger than the limit ({POLICY_BYTES_MAX}).",
            )
        tx[FUNCTIONS].put(function)
    return {"Statement": statement}


def get_policy(call: Call, params: Params) -> Result:
    function = require(call, params)
    if not function.policy:
        raise Fault("ResourceNotFoundException", "The resource you requested does not exist.")
    return {"Policy": policy_text(function), "RevisionId": function.revision_id}


def remove_permission(call: Call, params: Params) -> Result:
    with call.store.transact() as tx:
        function = _policy_holder(call, params)
        left = tuple(entry for entry in function.policy if entry[0] != params["StatementId"])
        if len(left) == len(function.policy):
            raise Fault(
                "ResourceNotFoundException",
                f"Statement {params['StatementId']} is not found in resource policy.",
            )
        tx[FUNCTIONS].put(replace(function, policy=left, revision_id=call.ids.uuid()))
    return {}


def policy_text(function: Function) -> str:
    statements = ",".join(statement for _, statement in function.policy)
    return f'{{"Version":"2012-10-17","Id":"default","Statement":[{statements}]}}'


def _policy_holder(call: Call, params: Params) -> Function:
    """The function, whose policy may be changed by this request."""
    function = require(call, params)
    if reference(call, params).qualifier == LATEST:
        raise invalid("We currently do not support adding policies for $LATEST.")
    expected = params.get("RevisionId")
    if expected is not None and expected != function.revision_id:
        raise Fault(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the "
            "GetPolicy API to retrieve the latest RevisionId",
        )
    return function


def _statement(function: Function, params: Params) -> dict[str, Any]:
    """The statement that the request's members make, in AWS's order of keys."""
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(params["Principal"]),
        "Action": params["Action"],
        "Resource": function.arn,
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
