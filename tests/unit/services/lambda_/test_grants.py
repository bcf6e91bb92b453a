"""Whom a resource policy lets in; urls/test_policy.py has the principals and conditions of function URLs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from windlass.services.lambda_.grants import allows

ACCOUNT = "222222222222"
CALLER = f"arn:aws:iam::{ACCOUNT}:user/u"
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def a_policy(**members: Any) -> list[tuple[str, str]]:
    return [("s", json.dumps({"Action": "lambda:InvokeFunction", "Principal": ROOT, **members}))]


@pytest.mark.parametrize(
    ("members", "allowed"),
    [
        ({}, True),
        ({"Principal": {"AWS": CALLER}}, True),
        ({"Principal": "*"}, True),
        ({"Principal": {"Service": "events.amazonaws.com"}}, False),
        ({"Principal": {"AWS": ""}}, False),
        ({"Action": "lambda:*"}, True),
        ({"Action": "lambda:GetFunction"}, False),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}}, False),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-0123456789"}}}, False),
    ],
)
def test_a_caller_of_another_account(members: dict[str, Any], allowed: bool) -> None:
    """By its account, its ARN, or as everybody; for that action, and without a condition."""
    assert allows(a_policy(**members), "lambda:InvokeFunction", ACCOUNT, CALLER) is allowed


def test_nobody_is_allowed_without_a_statement() -> None:
    """An empty policy, and a caller that nobody knows."""
    assert not allows([], "lambda:InvokeFunction", ACCOUNT, CALLER)
    assert not allows(a_policy(), "lambda:InvokeFunction")
    assert not allows(a_policy(Principal={"Service": "s3.amazonaws.com"}), "lambda:InvokeFunction")
