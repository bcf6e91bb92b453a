"""Rows by what requests name: a role, a user (the caller's own when none is named), a policy."""

from __future__ import annotations

from windlass.aws.arn import parse
from windlass.aws.calls import Call, Params
from windlass.kernel.faults import Fault
from windlass.kernel.store import View
from windlass.services.iam.model import POLICIES, ROLES, USERS, Policy, Role, User
from windlass.services.iam.refusals import invalid_input, no_policy, no_role, no_user


def role_named(roles: View[Role], call: Call, name: str) -> Role:
    return roles.require((call.account, name.lower()), no_role(name))


def user_named(users: View[User], call: Call, name: str) -> User:
    return users.require((call.account, name.lower()), no_user(name))


def user_or_caller(users: View[User], call: Call, params: Params) -> User | None:
    """The user of `UserName`, else the one who calls; None when root calls."""
    name = params.get("UserName")
    if name is not None:
        return user_named(users, call, name)
    arn = parse(call.caller.arn)
    if arn is not None and arn.resource == "root":
        return None
    if arn is None or not arn.resource.startswith("user/"):
        raise Fault("ValidationError", "Must specify userName when calling with non-User credentials")
    return user_named(users, call, arn.resource.rpartition("/")[2])


def policy_with(policies: View[Policy], call: Call, arn: str) -> Policy:
    """The customer-managed policy with that ARN."""
    _check_policy_arn(arn)
    found = policies.first("arn", arn)
    if found is None or found.account != call.account:
        raise no_policy(arn)()
    return found


def is_aws_managed(arn: str) -> bool:
    """Whether it names one of AWS's own policies; which of them exist is not known here."""
    return arn.startswith("arn:aws:iam::aws:policy/")


def holder_of(call: Call, kind: str, name: str) -> Role | User:
    """The role or user that policies are attached to or put into."""
    if kind == "role":
        return role_named(call.store[ROLES], call, name)
    return user_named(call.store[USERS], call, name)


def check_attachable(call: Call, arn: str) -> None:
    """Raise NoSuchEntity unless the ARN names a policy of the account or one of AWS's."""
    _check_policy_arn(arn)
    if is_aws_managed(arn):
        return
    found = call.store[POLICIES].first("arn", arn)
    if found is None or found.account != call.account:
        raise Fault("NoSuchEntityException", f"Policy {arn} does not exist or is not attachable.")


def _check_policy_arn(arn: str) -> None:
    read = parse(arn)
    if read is None or read.service != "iam" or not read.resource.startswith("policy/"):
        raise invalid_input(f"ARN {arn} is not valid.")
