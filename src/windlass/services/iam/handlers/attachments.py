"""Managed policies on roles and users: attach, detach, list, and who has a policy."""

from __future__ import annotations

from typing import Any

from windlass.aws.calls import Call, Params, Result
from windlass.services.iam.find import check_attachable, holder_of, is_aws_managed, policy_with
from windlass.services.iam.limits import ATTACHED_MAX
from windlass.services.iam.listing import answer, page_of
from windlass.services.iam.model import ATTACHMENTS, POLICIES, ROLES, USERS, Attachment
from windlass.services.iam.refusals import no_policy, over_quota


def attach_role_policy(call: Call, params: Params) -> None:
    """IAM AttachRolePolicy. Any ARN under `arn:aws:iam::aws:policy/` is taken as one of AWS's own."""
    _attach(call, "role", params["RoleName"], params["PolicyArn"])


def attach_user_policy(call: Call, params: Params) -> None:
    """IAM AttachUserPolicy."""
    _attach(call, "user", params["UserName"], params["PolicyArn"])


def detach_role_policy(call: Call, params: Params) -> None:
    """IAM DetachRolePolicy."""
    _detach(call, "role", params["RoleName"], params["PolicyArn"])


def detach_user_policy(call: Call, params: Params) -> None:
    """IAM DetachUserPolicy."""
    _detach(call, "user", params["UserName"], params["PolicyArn"])


def list_attached_role_policies(call: Call, params: Params) -> Result:
    """IAM ListAttachedRolePolicies, in the order of attaching."""
    return _attached(call, "role", params["RoleName"], params, "ListAttachedRolePolicies")


def list_attached_user_policies(call: Call, params: Params) -> Result:
    """IAM ListAttachedUserPolicies."""
    return _attached(call, "user", params["UserName"], params, "ListAttachedUserPolicies")


def list_entities_for_policy(call: Call, params: Params) -> Result:
    """IAM ListEntitiesForPolicy: roles and users (there are no groups), also those it bounds."""
    arn = params["PolicyArn"]
    if not is_aws_managed(arn):
        policy_with(call.store[POLICIES], call, arn)
    prefix = params.get("PathPrefix", "/")
    kinds = {"Role": ("role",), "User": ("user",), None: ("role", "user")}.get(params.get("EntityFilter"), ())
    rows = [row for row in _entities(call, arn, params.get("PolicyUsageFilter")) if row[0] in kinds]
    rows = [row for row in rows if row[1].path.startswith(prefix)]
    shown, marker = page_of(call, params, rows, "ListEntitiesForPolicy", f"{call.account} {arn}")
    roles = [{"RoleName": row.role_name, "RoleId": row.role_id} for kind, row in shown if kind == "role"]
    users = [{"UserName": row.user_name, "UserId": row.user_id} for kind, row in shown if kind == "user"]
    return {**answer("PolicyRoles", roles, marker), "PolicyUsers": users, "PolicyGroups": []}


def _entities(call: Call, arn: str, usage: str | None) -> list[tuple[str, Any]]:
    """(kind, row) of all that use the policy as `usage` says: to permit, to bound, or either."""
    found: dict[str, tuple[str, Any]] = {}
    where = (call.account, arn)
    if usage != "PermissionsBoundary":
        for held in call.store[ATTACHMENTS].by("policy", where):
            row = holder_of(call, held.kind, held.name)
            found[row.arn] = (held.kind, row)
    if usage != "PermissionsPolicy":
        found |= {row.arn: ("role", row) for row in call.store[ROLES].by("boundary", where)}
        found |= {row.arn: ("user", row) for row in call.store[USERS].by("boundary", where)}
    return [found[name] for name in sorted(found)]


def _attach(call: Call, kind: str, name: str, arn: str) -> None:
    """Attaching twice is once."""
    with call.store.transact() as tx:
        holder = holder_of(call, kind, name).holder
        check_attachable(call, arn)
        if tx[ATTACHMENTS].get((*holder, arn)) is not None:
            return
        if tx[ATTACHMENTS].count("holder", holder) >= ATTACHED_MAX:
            raise over_quota("PoliciesPerRole" if kind == "role" else "PoliciesPerUser", ATTACHED_MAX)
        tx[ATTACHMENTS].put(Attachment(*holder, policy_arn=arn, attached_at=call.now))


def _detach(call: Call, kind: str, name: str, arn: str) -> None:
    with call.store.transact() as tx:
        holder = holder_of(call, kind, name).holder
        if tx[ATTACHMENTS].delete((*holder, arn)) is None:
            raise no_policy(arn)()


def _attached(call: Call, kind: str, name: str, params: Params, operation: str) -> Result:
    holder = holder_of(call, kind, name)
    prefix = params.get("PathPrefix", "/")
    rows = [
        row
        for row in call.store[ATTACHMENTS].by("holder", holder.holder)
        if row.policy_arn.partition(":policy")[2].startswith(prefix)
    ]
    rows, marker = page_of(call, params, rows, operation, holder.arn)
    shown = [{"PolicyName": row.policy_arn.rpartition("/")[2], "PolicyArn": row.policy_arn} for row in rows]
    return answer("AttachedPolicies", shown, marker)
