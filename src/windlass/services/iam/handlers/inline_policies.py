"""Inline policies of roles and users: put, get, list, delete."""

from __future__ import annotations

from collections.abc import Callable

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.faults import Fault
from windlass.services.iam.describe import document
from windlass.services.iam.find import holder_of
from windlass.services.iam.limits import INLINE_CHARS_MAX
from windlass.services.iam.listing import answer, page_of
from windlass.services.iam.model import INLINE_POLICIES, InlinePolicy
from windlass.services.iam.policy_document import check_document, size
from windlass.services.iam.refusals import no_such


def put_role_policy(call: Call, params: Params) -> None:
    """IAM PutRolePolicy: adds or replaces."""
    _put(call, "role", params["RoleName"], params)


def put_user_policy(call: Call, params: Params) -> None:
    """IAM PutUserPolicy: adds or replaces."""
    _put(call, "user", params["UserName"], params)


def get_role_policy(call: Call, params: Params) -> Result:
    """IAM GetRolePolicy."""
    return {"RoleName": params["RoleName"], **_get(call, "role", params["RoleName"], params["PolicyName"])}


def get_user_policy(call: Call, params: Params) -> Result:
    """IAM GetUserPolicy."""
    return {"UserName": params["UserName"], **_get(call, "user", params["UserName"], params["PolicyName"])}


def list_role_policies(call: Call, params: Params) -> Result:
    """IAM ListRolePolicies: names, sorted."""
    return _list(call, "role", params["RoleName"], params, "ListRolePolicies")


def list_user_policies(call: Call, params: Params) -> Result:
    """IAM ListUserPolicies: names, sorted."""
    return _list(call, "user", params["UserName"], params, "ListUserPolicies")


def delete_role_policy(call: Call, params: Params) -> None:
    """IAM DeleteRolePolicy."""
    _delete(call, "role", params["RoleName"], params["PolicyName"])


def delete_user_policy(call: Call, params: Params) -> None:
    """IAM DeleteUserPolicy."""
    _delete(call, "user", params["UserName"], params["PolicyName"])


def _put(call: Call, kind: str, name: str, params: Params) -> None:
    check_document(params["PolicyDocument"], "identity")
    with call.store.transact() as tx:
        holder = holder_of(call, kind, name).holder
        row = InlinePolicy(*holder, policy_name=params["PolicyName"], document=params["PolicyDocument"])
        others = tx[INLINE_POLICIES].by("holder", holder)
        total = sum(size(other.document) for other in others if other.policy_name != row.policy_name)
        if total + size(row.document) > INLINE_CHARS_MAX[kind]:
            raise Fault(
                "LimitExceededException",
                f"Maximum policy size of {INLINE_CHARS_MAX[kind]} bytes exceeded for {kind} {name}",
            )
        tx[INLINE_POLICIES].put(row)


def _get(call: Call, kind: str, name: str, policy_name: str) -> Result:
    holder = holder_of(call, kind, name).holder
    row = call.store[INLINE_POLICIES].require((*holder, policy_name), _missing(kind, policy_name))
    return {"PolicyName": row.policy_name, "PolicyDocument": document(row.document)}


def _list(call: Call, kind: str, name: str, params: Params, operation: str) -> Result:
    holder = holder_of(call, kind, name)
    names = [row.policy_name for row in call.store[INLINE_POLICIES].by("holder", holder.holder)]
    shown, marker = page_of(call, params, names, operation, holder.arn)
    return answer("PolicyNames", shown, marker)


def _delete(call: Call, kind: str, name: str, policy_name: str) -> None:
    with call.store.transact() as tx:
        holder = holder_of(call, kind, name).holder
        tx[INLINE_POLICIES].require((*holder, policy_name), _missing(kind, policy_name))
        tx[INLINE_POLICIES].delete((*holder, policy_name))


def _missing(kind: str, policy_name: str) -> Callable[[], Fault]:
    return no_such(f"The {kind} policy with name {policy_name} cannot be found.")
