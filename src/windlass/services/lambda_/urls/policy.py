"""Whether a resource policy lets someone call a function by its URL. Pure.

Source: Lambda developer guide, "Control access to Lambda function URLs": since October 2025 a caller needs
lambda:InvokeFunctionUrl and lambda:InvokeFunction. Understands the statements that AddPermission makes; a
condition about anything else than the URL is not met. IAM policies of callers are not looked at: whoever
belongs to the function's account may.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")
AUTH_TYPE = "lambda:FunctionUrlAuthType"
VIA_URL = "lambda:InvokedViaFunctionUrl"


def missing(policy: Iterable[tuple[str, str]], auth_type: str, account: str = "", arn: str = "") -> list[str]:
    """The actions that no statement of the policy allows to that caller; without one, to everybody."""
    facts = {AUTH_TYPE: auth_type, VIA_URL: "true"}
    statements = [_read(text) for _, text in policy]
    return [
        action
        for action in ACTIONS
        if not any(
            _names(one["Action"], action)
            and _means(one["Principal"], account, arn)
            and _holds(one.get("Condition", {}), facts)
            for one in statements
        )
    ]


@lru_cache(maxsize=4_096)
def _read(statement: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(statement)
    return read


def _names(stated: str, action: str) -> bool:
    return stated in (action, "lambda:*", "*")


def _means(principal: Any, account: str, arn: str) -> bool:
    """Whether the principal is everybody, the caller's account, or the caller."""
    stated = principal.get("AWS", "") if isinstance(principal, dict) else principal
    if stated == "*":
        return True
    return bool(arn) and stated in (arn, role_of(arn), f"arn:aws:iam::{account}:root")


def role_of(arn: str) -> str:
    """The role whose session it is, else the ARN itself.

    >>> role_of("arn:aws:sts::123456789012:assumed-role/r/session")
    'arn:aws:iam::123456789012:role/r'
    """
    head, found, rest = arn.partition(":assumed-role/")
    if not found:
        return arn
    return f"{head.replace(':sts:', ':iam:')}:role/{rest.rsplit('/', 1)[0]}"


def _holds(condition: Mapping[str, Mapping[str, str]], facts: Mapping[str, str]) -> bool:
    return all(
        operator in ("StringEquals", "Bool") and facts.get(key) == value
        for operator, wanted in condition.items()
        for key, value in wanted.items()
    )
