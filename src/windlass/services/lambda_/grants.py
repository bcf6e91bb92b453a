"""Whom a resource policy lets in: of functions, their versions and aliases, and of layers. Pure.

Understands the statements that AddPermission and AddLayerVersionPermission make; a condition about anything
else than the facts that are handed in is not met. IAM policies of callers are not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

Policy: TypeAlias = Iterable[tuple[str, str]]
"""(statement id, statement as JSON)."""
NO_FACTS: Mapping[str, str] = {}


def allows(
    policy: Policy, action: str, account: str = "", arn: str = "", facts: Mapping[str, str] = NO_FACTS
) -> bool:
    """Whether a statement allows that caller the action; without any, whether it does everybody."""
    return any(
        statement["Action"] in (action, "lambda:*", "*")
        and _means(statement["Principal"], account, arn)
        and _holds(statement.get("Condition", {}), facts)
        for statement in map(_read, (text for _, text in policy))
    )


def role_of(arn: str) -> str:
    """The role whose session it is, else the ARN itself.

    >>> role_of("arn:aws:sts::123456789012:assumed-role/r/session")
    'arn:aws:iam::123456789012:role/r'
    """
    head, found, rest = arn.partition(":assumed-role/")
    if not found:
        return arn
    return f"{head.replace(':sts:', ':iam:')}:role/{rest.rsplit('/', 1)[0]}"


@lru_cache(maxsize=4_096)
def _read(statement: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(statement)
    return read


def _means(principal: Any, account: str, arn: str) -> bool:
    """Whether the principal is everybody, the caller's account, or the caller."""
    stated = principal.get("AWS", "") if isinstance(principal, dict) else principal
    if stated == "*":
        return True
    return bool(account) and stated in (f"arn:aws:iam::{account}:root", arn or None, role_of(arn) or None)


def _holds(condition: Mapping[str, Mapping[str, str]], facts: Mapping[str, str]) -> bool:
    return all(
        operator in ("StringEquals", "Bool") and facts.get(key) == value
        for operator, wanted in condition.items()
        for key, value in wanted.items()
    )
