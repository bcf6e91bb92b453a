"""Tags: merging whatever the case of their keys, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.iam.tags import merged, without

keys = st.sampled_from(["a", "A", "b", "B", "c"])
held = st.lists(keys, unique_by=str.lower).map(lambda names: tuple((name, "old") for name in names))
given_tags = st.lists(keys, unique_by=str.lower).map(
    lambda names: [{"Key": n, "Value": "new"} for n in names]
)


@given(held, given_tags)
def test_the_given_win_and_the_others_stay(
    old: tuple[tuple[str, str], ...], new: list[dict[str, str]]
) -> None:
    """One tag for each key whatever its case, with the newest spelling."""
    tags = merged(old, new)
    added = {tag["Key"].lower() for tag in new}
    assert {(tag["Key"], tag["Value"]) for tag in new} <= set(tags)
    assert set(tags) == {(tag["Key"], tag["Value"]) for tag in new} | {
        t for t in old if t[0].lower() not in added
    }
    assert merged(tags, new) == tags
    assert without(tags, [key.upper() for key, _ in tags]) == ()


@pytest.mark.parametrize(
    ("new", "code"),
    [
        ([{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}], "InvalidInputException"),
        ([{"Key": "AWS:x", "Value": ""}], "InvalidInputException"),
        ([{"Key": str(number), "Value": ""} for number in range(51)], "LimitExceededException"),
    ],
)
def test_refused_tags(new: list[dict[str, str]], code: str) -> None:
    """Doubled keys, reserved ones, too many."""
    with pytest.raises(Fault) as refused:
        merged((), new)
    assert refused.value.code == code
