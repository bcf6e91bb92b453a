"""Policy documents: what IAM refuses when one is stored. Pure.

Checks the grammar's outer form (IAM User Guide, "Grammar of the IAM JSON policy language"): JSON, version,
statements with an effect, actions, and resources or principals where they belong. Known gaps: condition
operators, action names and ARNs inside are not checked, and nothing is ever evaluated.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from windlass.kernel.faults import Fault

VERSIONS = ("2012-10-17", "2008-10-17")
_DOCUMENT = frozenset({"Version", "Id", "Statement"})
_STATEMENT = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_TRUST_ACTIONS = "sts:"


def check_document(document: str, kind: Literal["trust", "identity"]) -> None:
    """Raise MalformedPolicyDocument for what IAM would not store as a trust or an identity policy."""
    read = _read(document, kind)
    version = read.get("Version", VERSIONS[1])
    if set(read) - _DOCUMENT or version not in VERSIONS:
        raise _malformed("Syntax errors in policy.")
    statements = read.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _malformed("Syntax errors in policy.")
    for statement in statements:
        _check_statement(statement)
        (_check_trust if kind == "trust" else _check_identity)(statement)


def size(document: str) -> int:
    """Characters that count against a quota: without white space."""
    return sum(not character.isspace() for character in document)


def _read(document: str, kind: str) -> dict[str, Any]:
    try:
        read = json.loads(document)
    except (ValueError, RecursionError):
        text = "This policy contains invalid Json" if kind == "trust" else "Syntax errors in policy."
        raise _malformed(text) from None
    if not isinstance(read, dict):
        raise _malformed("Syntax errors in policy.")
    return read


def _check_statement(statement: object) -> None:
    """What every statement must be."""
    if not isinstance(statement, dict) or set(statement) - _STATEMENT:
        raise _malformed("Syntax errors in policy.")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Syntax errors in policy.")
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if name in statement and not _texts(statement[name]):
            raise _malformed("Syntax errors in policy.")
    if "Action" not in statement and "NotAction" not in statement:
        raise _malformed("Policy statement must contain actions.")
    for action in (*_texts(statement.get("Action")), *_texts(statement.get("NotAction"))):
        if action != "*" and ":" not in action:
            raise _malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")


def _check_trust(statement: dict[str, Any]) -> None:
    if "Resource" in statement or "NotResource" in statement:
        raise _malformed("Has prohibited field Resource")
    if "Principal" not in statement and "NotPrincipal" not in statement:
        raise _malformed("Missing required field Principal")
    if not statement.get("Principal", "*"):
        raise _malformed("Missing required field Principal cannot be empty!")
    if not all(
        action == "*" or action.lower().startswith(_TRUST_ACTIONS)
        for action in _texts(statement.get("Action"))
    ):
        raise _malformed("AssumeRole policy may only specify STS AssumeRole actions.")


def _check_identity(statement: dict[str, Any]) -> None:
    if "Principal" in statement or "NotPrincipal" in statement:
        raise _malformed("Policy document should not specify a principal.")
    if "Resource" not in statement and "NotResource" not in statement:
        raise _malformed("Policy statement must contain resources.")


def _texts(value: object) -> list[str]:
    """A string or a list of strings as a list; empty for anything else."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return []


def _malformed(text: str) -> Fault:
    return Fault("MalformedPolicyDocumentException", text)
