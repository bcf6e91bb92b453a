"""Customer-managed policies: CreatePolicy, GetPolicy, ListPolicies, DeletePolicy and their tags."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.kernel.store import View
from windlass.services.iam import describe
from windlass.services.iam.find import policy_with
from windlass.services.iam.limits import POLICIES_MAX, POLICY_CHARS_MAX
from windlass.services.iam.listing import answer, page_of, page_of_account
from windlass.services.iam.model import (
    ATTACHMENTS,
    POLICIES,
    ROLES,
    USERS,
    Attachment,
    Policy,
    Version,
)
from windlass.services.iam.policy_document import check_document, size
from windlass.services.iam.refusals import exists, in_use, over_quota
from windlass.services.iam.tags import merged, without


def create_policy(call: Call, params: Params) -> Result:
    """IAM CreatePolicy: the document becomes version v1."""
    row = Policy(
        account=call.account,
        policy_name=params["PolicyName"],
        policy_id=f"ANPA{call.ids.upper(17)}",
        path=params.get("Path", "/"),
        description=params.get("Description"),
        created_at=call.now,
        updated_at=call.now,
        versions=(Version(1, checked(params["PolicyDocument"]), call.now),),
        default_number=1,
        next_number=2,
        tags=merged((), params.get("Tags")),
    )
    with call.store.transact() as tx:
        if tx[POLICIES].get((call.account, row.policy_name.lower())) is not None:
            raise exists(
                f"A policy called {row.policy_name} already exists. Duplicate names are not allowed."
            )
        if tx[POLICIES].count("account", call.account) >= POLICIES_MAX:
            raise over_quota("PoliciesPerAccount", POLICIES_MAX)
        tx[POLICIES].put(row)
    return {"Policy": _described(call, row)}


def get_policy(call: Call, params: Params) -> Result:
    """IAM GetPolicy. AWS's own policies are not stored, so they are not found."""
    return {"Policy": _described(call, policy_with(call.store[POLICIES], call, params["PolicyArn"]))}


def list_policies(call: Call, params: Params) -> Result:
    """IAM ListPolicies, by name. Scope AWS is empty: AWS's own policies are not stored."""
    if params.get("Scope") == "AWS":
        return answer("Policies", [], None)
    attachments = call.store[ATTACHMENTS]
    only = params.get("OnlyAttached", False)
    bounds = params.get("PolicyUsageFilter") == "PermissionsBoundary"

    def wanted(row: Policy) -> bool:
        used = _bounds(call, row) if bounds else _attached(attachments, row)
        return used > 0 or not (only or bounds)

    rows, marker = page_of_account(call, params, POLICIES, "ListPolicies", wanted)
    return answer("Policies", [_described(call, row, whole=False) for row in rows], marker)


def delete_policy(call: Call, params: Params) -> None:
    """IAM DeletePolicy: only when attached nowhere and without versions besides the default."""
    with call.store.transact() as tx:
        row = policy_with(tx[POLICIES], call, params["PolicyArn"])
        if _attached(tx[ATTACHMENTS], row) or _bounds(call, row):
            raise in_use("Cannot delete a policy attached to entities.")
        if len(row.versions) > 1:
            raise in_use(
                "This policy has more than one version. Before you delete a policy, you must delete the "
                "policy's versions. The default version is deleted with the policy."
            )
        tx[POLICIES].delete((call.account, row.policy_name.lower()))


def tag_policy(call: Call, params: Params) -> None:
    """IAM TagPolicy."""
    with call.store.transact() as tx:
        row = policy_with(tx[POLICIES], call, params["PolicyArn"])
        tx[POLICIES].put(replace(row, tags=merged(row.tags, params["Tags"])))


def untag_policy(call: Call, params: Params) -> None:
    """IAM UntagPolicy. Keys that are not there are ignored."""
    with call.store.transact() as tx:
        row = policy_with(tx[POLICIES], call, params["PolicyArn"])
        tx[POLICIES].put(replace(row, tags=without(row.tags, params["TagKeys"])))


def list_policy_tags(call: Call, params: Params) -> Result:
    """IAM ListPolicyTags."""
    row = policy_with(call.store[POLICIES], call, params["PolicyArn"])
    tags, marker = page_of(call, params, describe.tags(row.tags), "ListPolicyTags", row.arn)
    return answer("Tags", tags, marker)


def checked(document: str) -> str:
    """A managed policy's document, refused when it is none or too long."""
    check_document(document, "identity")
    if size(document) > POLICY_CHARS_MAX:
        raise over_quota("PolicySize", POLICY_CHARS_MAX)
    return document


def _described(call: Call, row: Policy, *, whole: bool = True) -> Result:
    attached = _attached(call.store[ATTACHMENTS], row)
    return describe.policy(row, attached, _bounds(call, row), whole=whole)


def _attached(attachments: View[Attachment], row: Policy) -> int:
    return attachments.count("policy", (row.account, row.arn))


def _bounds(call: Call, row: Policy) -> int:
    """How many roles and users have it as their permissions boundary."""
    where = (row.account, row.arn)
    return call.store[ROLES].count("boundary", where) + call.store[USERS].count("boundary", where)
