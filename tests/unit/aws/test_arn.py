"""ARNs: parts and text are the same thing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.arn import Arn, arn, parse

part = st.text(st.characters(exclude_characters=":", codec="utf-8"), min_size=1, max_size=8)


@given(part, part, part, st.text(min_size=1, max_size=12))
def test_text_and_parts_agree(service: str, region: str, account: str, resource: str) -> None:
    """Whatever stands in them; colons belong to the resource."""
    made = Arn(service, region, account, resource)
    assert parse(str(made)) == made


@pytest.mark.parametrize(
    "text", ["", "arn", "arn:aws:iam", "urn:aws:iam::1:role/r", "arn::iam::1:r", "arn:aws:iam::1:"]
)
def test_what_is_none(text: str) -> None:
    """Too few parts, another scheme, no resource."""
    assert parse(text) is None


def test_global_services_have_no_region() -> None:
    """IAM's."""
    assert arn("iam", "", "123456789012", "role/r") == "arn:aws:iam::123456789012:role/r"
