"""What an invocation runs, and the share of an alias's weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.lambda_.model import Alias, Function, Settings, Version
from windlass.services.lambda_.target import PUBLISHED_GENERATION, latest, published, version_of

SETTINGS = Settings("arn:aws:iam::123456789012:role/r", "app.handler", "python3.11", "00", 1)
FUNCTION = Function("123456789012", "eu-west-1", "f", "u", SETTINGS, 3, 0, 0, "r", SETTINGS, 2, "Active")
VERSION = Version("123456789012", "eu-west-1", "f", "u", 7, SETTINGS, 0, "r", state="Active")
ALIAS = Alias("123456789012", "eu-west-1", "f", "u", "prod", "1", "r", weights=(("2", 0.1),))
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f"
DRAWS = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("qualifier", "arn"), [("", ARN), ("$LATEST", ARN + ":$LATEST"), ("dev", ARN + ":dev")]
)
def test_latest(qualifier: str, arn: str) -> None:
    """The function's own pool and generation, whatever name it was called by."""
    target = latest(FUNCTION, qualifier)
    assert (target.pool, target.generation, target.version, target.arn) == ("u", 2, "$LATEST", arn)


def test_published() -> None:
    """A pool of its own, never out of date; the ARN is the alias's when an alias led there."""
    target = published(FUNCTION, VERSION, "prod")
    assert (target.pool, target.generation) == ("u:7", PUBLISHED_GENERATION)
    assert (target.version, target.arn) == ("7", ARN + ":prod")


def test_what_is_pending_runs_nothing() -> None:
    """A function or version that is not ready: AWS's conflict."""
    with pytest.raises(Fault, match="state: Pending"):
        latest(replace(FUNCTION, served=None, state="Pending"))
    with pytest.raises(Fault, match="state: Pending"):
        published(FUNCTION, replace(VERSION, state="Pending"), "7")


@given(DRAWS)
def test_an_alias_without_weights_is_its_version(draw: float) -> None:
    """Chance has no say."""
    assert version_of(replace(ALIAS, weights=()), draw) == "1"


@given(st.floats(0, 1), DRAWS)
def test_the_weight_is_the_share_of_the_other_version(weight: float, draw: float) -> None:
    """Exactly the draws below the weight: 0 → never, 1 → always."""
    assert version_of(replace(ALIAS, weights=(("2", weight),)), draw) == ("2" if draw < weight else "1")
