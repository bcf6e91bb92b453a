"""Whether a change may be made now, what publishing makes, and which weights an alias may have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.lambda_.changes import match_revision, may_change, next_version, unchanged
from windlass.services.lambda_.model import Function, Settings
from windlass.services.lambda_.routing import check_weights

SETTINGS = Settings("arn:aws:iam::123456789012:role/r", "app.handler", "python3.11", "00", 1, "what it is")
FUNCTION = Function("123456789012", "eu-west-1", "f", "u", SETTINGS, 3, 0, 0, "r", SETTINGS, 3, "Active")
TEXT = st.one_of(st.none(), st.text(max_size=5))


@given(TEXT, st.text(max_size=5))
def test_a_version_is_unchanged_until_the_function_changes(description: str | None, later: str) -> None:
    """Whatever description the version was given; a new description of the function is a change."""
    version = next_version(FUNCTION, description, 7, "v")
    assert (version.number, version.created_at) == (1, 7)
    assert version.settings.description == (SETTINGS.description if description is None else description)
    assert unchanged(FUNCTION, version)
    described = replace(FUNCTION, wanted=replace(SETTINGS, description=later))
    assert unchanged(described, version) == (later == SETTINGS.description)
    assert not unchanged(replace(FUNCTION, wanted=replace(SETTINGS, code_sha256="01")), version)


def test_when_a_function_may_change() -> None:
    """Not while it is Pending, nor while an update is in progress."""
    may_change(FUNCTION)
    with pytest.raises(Fault, match="state: Pending"):
        may_change(replace(FUNCTION, state="Pending"))
    with pytest.raises(Fault, match="An update is in progress for resource: arn:aws:lambda:eu-west-1:"):
        may_change(replace(FUNCTION, update_status="InProgress"))


def test_revisions() -> None:
    """None asks for nothing; another one than the latest is refused."""
    match_revision(None, "a")
    match_revision("a", "a")
    with pytest.raises(Fault) as caught:
        match_revision("b", "a", "GetAlias")
    assert caught.value.code == "PreconditionFailedException" and "GetAlias API" in caught.value.message


@pytest.mark.parametrize(
    ("version", "weights", "allowed"),
    [
        ("1", {}, True),
        ("$LATEST", {}, True),
        ("1", {"2": 0.0}, True),
        ("$LATEST", {"2": 0.5}, False),
        ("1", {"1": 0.5}, False),
        ("1", {"2": 0.1, "3": 0.1}, False),
    ],
)
def test_weights(version: str, weights: dict[str, float], allowed: bool) -> None:
    """One other version at most, and none beside $LATEST."""
    if allowed:
        assert dict(check_weights(version, weights)) == weights
        return
    with pytest.raises(Fault) as caught:
        check_weights(version, weights)
    assert caught.value.code == "InvalidParameterValueException"
