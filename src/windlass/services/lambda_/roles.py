"""A function's execution role: its parts, and the session in which Lambda acts for the function.

What the role may do is not checked: nothing checks policies. The session has the function's name, as on AWS.
"""

from __future__ import annotations

from windlass.aws.calls import Caller


def parts(role_arn: str) -> tuple[str, str]:
    """(account, name) of a role's ARN; a path is not part of the name."""
    return role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]


def session_arn(role_arn: str, function: str) -> str:
    """
    >>> session_arn("arn:aws:iam::123456789012:role/service-role/r", "f")
    'arn:aws:sts::123456789012:assumed-role/r/f'
    """
    account, name = parts(role_arn)
    return f"arn:aws:sts::{account}:assumed-role/{name}/{function}"


def caller(role_arn: str, function: str) -> Caller:
    """Who calls another service on behalf of the function, as that service sees it."""
    account, name = parts(role_arn)
    return Caller(account, session_arn(role_arn, function), f"{name}:{function}")
