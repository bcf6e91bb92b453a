"""Whom a resource policy lets in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from windlass.services.lambda_.urls.policy import missing

URL, INVOKE = "lambda:InvokeFunctionUrl", "lambda:InvokeFunction"
NONE = {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}
VIA_URL = {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
SESSION = "arn:aws:sts::222222222222:assumed-role/path/r/s"


def a_policy(*statements: tuple[str, Any, dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (str(number), json.dumps({"Action": action, "Principal": principal, "Condition": condition}))
        for number, (action, principal, condition) in enumerate(statements)
    ]


def test_everybody_needs_both_permissions() -> None:
    """lambda:InvokeFunctionUrl and lambda:InvokeFunction; the empty policy has neither."""
    assert missing([], "NONE") == [URL, INVOKE]
    assert missing(a_policy((URL, "*", NONE)), "NONE") == [INVOKE]
    assert missing(a_policy((INVOKE, "*", VIA_URL)), "NONE") == [URL]
    assert missing(a_policy((URL, "*", NONE), (INVOKE, "*", VIA_URL)), "NONE") == []
    assert missing(a_policy(("lambda:*", {"AWS": "*"}, {})), "NONE") == []


@pytest.mark.parametrize(
    ("principal", "may"),
    [
        ("*", True),
        ({"AWS": "arn:aws:iam::222222222222:root"}, True),
        ({"AWS": SESSION}, True),
        ({"AWS": "arn:aws:iam::222222222222:role/path/r"}, True),
        ({"AWS": "arn:aws:iam::333333333333:root"}, False),
        ({"AWS": "arn:aws:iam::222222222222:role/r"}, False),
        ({"Service": "s3.amazonaws.com"}, False),
    ],
)
def test_who_a_principal_is(principal: Any, may: bool) -> None:
    """Everybody, an account, a session or its role; nobody else."""
    policy = a_policy(("*", principal, {}))
    assert (missing(policy, "AWS_IAM", "222222222222", SESSION) == []) is may
    assert (missing(policy, "NONE") == []) is (principal == "*")


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
        {"StringEquals": {"AWS:SourceAccount": "222222222222"}},
        {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}},
        {"Bool": {"lambda:InvokedViaFunctionUrl": "false"}},
        {**NONE, "StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    ],
)
def test_conditions_that_are_not_met(condition: dict[str, Any]) -> None:
    """Another auth type, and all that a URL's caller does not show."""
    assert missing(a_policy(("*", "*", condition)), "NONE") == [URL, INVOKE]
