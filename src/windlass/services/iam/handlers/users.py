"""Users: CreateUser, GetUser, ListUsers, DeleteUser and their tags."""

from __future__ import annotations

from dataclasses import replace

from windlass.aws.calls import Call, Params, Result
from windlass.aws.credentials import CREDENTIALS, root_arn
from windlass.services.iam import describe
from windlass.services.iam.find import check_attachable, user_named, user_or_caller
from windlass.services.iam.limits import USERS_MAX
from windlass.services.iam.listing import answer, page_of, page_of_account
from windlass.services.iam.model import ATTACHMENTS, INLINE_POLICIES, USERS, User
from windlass.services.iam.refusals import exists, in_use, over_quota
from windlass.services.iam.tags import merged, without


def create_user(call: Call, params: Params) -> Result:
    """IAM CreateUser."""
    boundary = params.get("PermissionsBoundary")
    if boundary is not None:
        check_attachable(call, boundary)
    row = User(
        account=call.account,
        user_name=params["UserName"],
        user_id=f"AIDA{call.ids.upper(17)}",
        path=params.get("Path", "/"),
        created_at=call.now,
        boundary=boundary,
        tags=merged((), params.get("Tags")),
    )
    with call.store.transact() as tx:
        if tx[USERS].get((call.account, row.user_name.lower())) is not None:
            raise exists(f"User with name {row.user_name} already exists.")
        if tx[USERS].count("account", call.account) >= USERS_MAX:
            raise over_quota("UsersPerAccount", USERS_MAX)
        tx[USERS].put(row)
    return {"User": describe.user(row)}


def get_user(call: Call, params: Params) -> Result:
    """IAM GetUser. Without a name: who calls; root has no user name and its account no birthday here."""
    row = user_or_caller(call.store[USERS], call, params)
    if row is not None:
        return {"User": describe.user(row)}
    return {"User": {"Path": "/", "UserId": call.account, "Arn": root_arn(call.account), "CreateDate": 0.0}}


def list_users(call: Call, params: Params) -> Result:
    """IAM ListUsers, by name."""
    rows, marker = page_of_account(call, params, USERS, "ListUsers")
    return answer("Users", [describe.user(row, whole=False) for row in rows], marker)


def delete_user(call: Call, params: Params) -> None:
    """IAM DeleteUser: only without policies and access keys."""
    with call.store.transact() as tx:
        row = user_named(tx[USERS], call, params["UserName"])
        if tx[ATTACHMENTS].count("holder", row.holder):
            raise in_use("Cannot delete entity, must detach all policies first.")
        if tx[INLINE_POLICIES].count("holder", row.holder):
            raise in_use("Cannot delete entity, must delete policies first.")
        if tx[CREDENTIALS].count("holder", row.arn):
            raise in_use("Cannot delete entity, must delete access keys first.")
        tx[USERS].delete((call.account, row.user_name.lower()))


def tag_user(call: Call, params: Params) -> None:
    """IAM TagUser."""
    with call.store.transact() as tx:
        row = user_named(tx[USERS], call, params["UserName"])
        tx[USERS].put(replace(row, tags=merged(row.tags, params["Tags"])))


def untag_user(call: Call, params: Params) -> None:
    """IAM UntagUser. Keys that are not there are ignored."""
    with call.store.transact() as tx:
        row = user_named(tx[USERS], call, params["UserName"])
        tx[USERS].put(replace(row, tags=without(row.tags, params["TagKeys"])))


def list_user_tags(call: Call, params: Params) -> Result:
    """IAM ListUserTags."""
    row = user_named(call.store[USERS], call, params["UserName"])
    tags, marker = page_of(call, params, describe.tags(row.tags), "ListUserTags", row.arn)
    return answer("Tags", tags, marker)
