"""Policy documents: what IAM stores and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.iam.policy_document import check_document, size

ALLOW = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


def refusal(document: object, kind: Any = "identity") -> str | None:
    text = document if isinstance(document, str) else json.dumps(document)
    try:
        check_document(text, kind)
    except Fault as fault:
        assert fault.code == "MalformedPolicyDocumentException"
        return fault.message
    return None


def of(*statements: object, **more: object) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


@pytest.mark.parametrize(
    "document",
    [
        of(ALLOW),
        of(ALLOW, {**ALLOW, "Sid": "two", "Action": ["s3:GetObject", "*"]}),
        {"Statement": ALLOW},
        of({"Effect": "Deny", "NotAction": "iam:*", "NotResource": ["a"], "Condition": {}}),
        of(ALLOW, Version="2008-10-17", Id="x"),
    ],
)
def test_identity_policies(document: object) -> None:
    """One statement or several, the old version or none."""
    assert refusal(document) is None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "Syntax errors in policy."),
        ("{", "Syntax errors in policy."),
        ("[" * 100_000, "Syntax errors in policy."),
        ({}, "Syntax errors in policy."),
        (of(), "Syntax errors in policy."),
        (of(ALLOW, Version="2020-01-01"), "Syntax errors in policy."),
        (of(ALLOW, Other=1), "Syntax errors in policy."),
        (of("statement"), "Syntax errors in policy."),
        (of({**ALLOW, "Effect": "Maybe"}), "Syntax errors in policy."),
        (of({**ALLOW, "Resource": [1]}), "Syntax errors in policy."),
        (of({**ALLOW, "Action": []}), "Syntax errors in policy."),
        (of({"Effect": "Allow", "Resource": "*"}), "Policy statement must contain actions."),
        (of({"Effect": "Allow", "Action": "*"}), "Policy statement must contain resources."),
        (of({**ALLOW, "Principal": "*"}), "Policy document should not specify a principal."),
        (
            of({**ALLOW, "Action": "ReceiveMessage"}),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
    ],
)
def test_malformed_identity_policies(document: object, message: str) -> None:
    """Each in IAM's words."""
    assert refusal(document) == message


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (TRUST, None),
        ({**TRUST, "Action": ["sts:AssumeRole", "sts:TagSession"]}, None),
        ({**TRUST, "Resource": "*"}, "Has prohibited field Resource"),
        ({"Effect": "Allow", "Action": "sts:AssumeRole"}, "Missing required field Principal"),
        ({**TRUST, "Principal": {}}, "Missing required field Principal cannot be empty!"),
        ({**TRUST, "Action": "sqs:*"}, "AssumeRole policy may only specify STS AssumeRole actions."),
    ],
)
def test_trust_policies(statement: object, message: str | None) -> None:
    """Principals instead of resources, STS's actions only."""
    assert refusal(of(statement), "trust") == message


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["Statement", "Effect"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*ALLOW, *TRUST, "Statement", "Version"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(json_values, st.sampled_from(["identity", "trust"]))
def test_any_json_is_judged(document: object, kind: str) -> None:
    """Never another exception than the fault."""
    refusal(document, kind)
    refusal(of(document), kind)


def test_size_is_without_white_space() -> None:
    """Spaces, tabs and line ends do not count."""
    assert size('{ "a":\n\t1 }') == 7
