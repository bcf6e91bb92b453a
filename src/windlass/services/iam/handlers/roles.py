"""Roles: CreateRole, GetRole, ListRoles, UpdateRole, UpdateRoleDescription, UpdateAssumeRolePolicy,
DeleteRole and their tags."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.services.iam import describe
from windlass.services.iam.find import check_attachable, role_named
from windlass.services.iam.limits import ROLES_MAX, SESSION_S_DEFAULT, TRUST_CHARS_MAX
from windlass.services.iam.listing import answer, page_of, page_of_account
from windlass.services.iam.model import ATTACHMENTS, INLINE_POLICIES, ROLES, Role
from windlass.services.iam.policy_document import check_document, size
from windlass.services.iam.refusals import exists, in_use, over_quota
from windlass.services.iam.tags import merged, without


def create_role(call: Call, params: Params) -> Result:
    """IAM CreateRole. The trust policy is checked for its form and kept as given."""
    boundary = params.get("PermissionsBoundary")
    if boundary is not None:
        check_attachable(call, boundary)
    row = Role(
        account=call.account,
        role_name=params["RoleName"],
        role_id=f"AROA{call.ids.upper(17)}",
        path=params.get("Path", "/"),
        trust=_trust(params["AssumeRolePolicyDocument"]),
        created_at=call.now,
        max_session_s=params.get("MaxSessionDuration", SESSION_S_DEFAULT),
        description=params.get("Description"),
        boundary=boundary,
        tags=merged((), params.get("Tags")),
    )
    with call.store.transact() as tx:
        if tx[ROLES].get((call.account, row.role_name.lower())) is not None:
            raise exists(f"Role with name {row.role_name} already exists.")
        if tx[ROLES].count("account", call.account) >= ROLES_MAX:
            raise over_quota("RolesPerAccount", ROLES_MAX)
        tx[ROLES].put(row)
    return {"Role": describe.role(row)}


def get_role(call: Call, params: Params) -> Result:
    """IAM GetRole. `RoleLastUsed` is empty: use is not recorded."""
    return {
        "Role": {**describe.role(role_named(call.store[ROLES], call, params["RoleName"])), "RoleLastUsed": {}}
    }


def list_roles(call: Call, params: Params) -> Result:
    """IAM ListRoles, by name."""
    rows, marker = page_of_account(call, params, ROLES, "ListRoles")
    return answer("Roles", [describe.role(row, whole=False) for row in rows], marker)


def update_role(call: Call, params: Params) -> Result:
    """IAM UpdateRole: description and longest session; what is not given stays."""
    with call.store.transact() as tx:
        row = role_named(tx[ROLES], call, params["RoleName"])
        tx[ROLES].put(
            replace(
                row,
                description=params.get("Description", row.description),
                max_session_s=params.get("MaxSessionDuration", row.max_session_s),
            )
        )
    return {}


def update_role_description(call: Call, params: Params) -> Result:
    """IAM UpdateRoleDescription."""
    with call.store.transact() as tx:
        row = role_named(tx[ROLES], call, params["RoleName"])
        row = tx[ROLES].put(replace(row, description=params["Description"]))
    return {"Role": describe.role(row)}


def update_assume_role_policy(call: Call, params: Params) -> None:
    """IAM UpdateAssumeRolePolicy."""
    trust = _trust(params["PolicyDocument"])
    with call.store.transact() as tx:
        row = role_named(tx[ROLES], call, params["RoleName"])
        tx[ROLES].put(replace(row, trust=trust))


def delete_role(call: Call, params: Params) -> None:
    """IAM DeleteRole: only without policies."""
    with call.store.transact() as tx:
        row = role_named(tx[ROLES], call, params["RoleName"])
        if tx[ATTACHMENTS].count("holder", row.holder):
            raise in_use("Cannot delete entity, must detach all policies first.")
        if tx[INLINE_POLICIES].count("holder", row.holder):
            raise in_use("Cannot delete entity, must delete policies first.")
        tx[ROLES].delete((call.account, row.role_name.lower()))


def tag_role(call: Call, params: Params) -> None:
    """IAM TagRole."""
    with call.store.transact() as tx:
        row = role_named(tx[ROLES], call, params["RoleName"])
        tx[ROLES].put(replace(row, tags=merged(row.tags, params["Tags"])))


def untag_role(call: Call, params: Params) -> None:
    """IAM UntagRole. Keys that are not there are ignored."""
    with call.store.transact() as tx:
        row = role_named(tx[ROLES], call, params["RoleName"])
        tx[ROLES].put(replace(row, tags=without(row.tags, params["TagKeys"])))


def list_role_tags(call: Call, params: Params) -> Result:
    """IAM ListRoleTags."""
    row = role_named(call.store[ROLES], call, params["RoleName"])
    tags, marker = page_of(call, params, describe.tags(row.tags), "ListRoleTags", row.arn)
    return answer("Tags", tags, marker)


def _trust(document: str) -> str:
    check_document(document, "trust")
    if size(document) > TRUST_CHARS_MAX:
        raise over_quota("ACLSizePerRole", TRUST_CHARS_MAX)
    return document
