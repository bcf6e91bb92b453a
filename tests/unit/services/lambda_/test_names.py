"""Which function a request means."""

from __future__ import annotations

import pytest

from windlass.kernel.faults import Fault
from windlass.services.lambda_.names import resolve

ACCOUNT, REGION = "123456789012", "eu-west-1"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"


@pytest.mark.parametrize(
    ("text", "qualifier", "expected"),
    [
        ("f", None, ""),
        ("f:$LATEST", None, "$LATEST"),
        ("f", "$LATEST", "$LATEST"),
        (f"{ACCOUNT}:function:f", None, ""),
        ("function:f", None, ""),
        (ARN, None, ""),
        (ARN + ":$LATEST", "$LATEST", "$LATEST"),
        (ARN + ":7", None, "7"),
        (f"{ACCOUNT}:function:f:prod", "prod", "prod"),
        ("function:f", "prod", "prod"),
    ],
)
def test_forms(text: str, qualifier: str | None, expected: str) -> None:
    """Name, partial ARN, ARN; the qualifier in the name or beside it."""
    found = resolve(text, qualifier, ACCOUNT, REGION)
    assert (found.key, found.qualifier) == ((ACCOUNT, REGION, "f"), expected)


@pytest.mark.parametrize(
    ("text", "qualifier", "code", "message"),
    [
        ("f:$LATEST", "1", "InvalidParameterValueException",
         "The derived qualifier from the function name does not match the specified qualifier."),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", None, "ResourceNotFoundException",
         "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')"),
        ("210987654321:function:f", None, "AccessDeniedException", "User: "),
        ("what is this", None, "InvalidParameterValueException", "what is this is not"),
    ],
)  # fmt: skip
def test_faults(text: str, qualifier: str | None, code: str, message: str) -> None:
    """Other Regions, other accounts, two qualifiers."""
    with pytest.raises(Fault) as caught:
        resolve(text, qualifier, ACCOUNT, REGION)
    assert caught.value.code == code and caught.value.message.startswith(message)
