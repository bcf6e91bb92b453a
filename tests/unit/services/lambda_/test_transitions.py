"""States of functions and versions: the moves, and what several needs say together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Bug
from windlass.services.lambda_.model import Function, Settings, Version
from windlass.services.lambda_.transitions import (
    Readiness,
    Ready,
    Reason,
    Unable,
    Wait,
    idle,
    invoked,
    ready,
    together,
    unable,
)

OLD = Settings("arn:aws:iam::123456789012:role/r", "app.handler", "python3.11", "00", 1)
NEW = replace(OLD, code_sha256="01")
NONE_LEFT = Reason("SubnetOutOfIPAddresses", "There are no addresses left.")
CREATED = Function("123456789012", "eu-west-1", "f", "u", OLD, 1, 0, 5, "r")
ACTIVE = ready(CREATED, "r1")
UPDATED = replace(ACTIVE, wanted=NEW, generation=2, update_status="InProgress")


def test_a_function_that_becomes_active() -> None:
    """It serves what was wanted, with a new revision, and has no reason to tell."""
    assert (ACTIVE.state, ACTIVE.update_status, ACTIVE.revision_id) == ("Active", "Successful", "r1")
    assert (ACTIVE.served, ACTIVE.served_generation, ACTIVE.changing) == (OLD, 1, False)
    assert (ACTIVE.state_code, ACTIVE.state_reason) == ("", "")


def test_a_function_that_cannot_be_made() -> None:
    """Failed with the reason, and nothing leads away from there."""
    failed = unable(CREATED, NONE_LEFT, "r1")
    assert (failed.state, failed.state_code, failed.state_reason) == ("Failed", *_parts(NONE_LEFT))
    assert not failed.changing
    with pytest.raises(Bug):
        ready(failed, "r2")


def test_an_update() -> None:
    """Taken over, or failed: then the function stays Active and serves the old settings."""
    done = ready(UPDATED, "r2")
    assert isinstance(done, Function)
    assert (done.served, done.served_generation, done.update_status) == (NEW, 2, "Successful")
    failed = unable(UPDATED, NONE_LEFT, "r2")
    assert isinstance(failed, Function)
    assert (failed.state, failed.update_status, failed.served) == ("Active", "Failed", OLD)
    assert (failed.update_code, failed.update_reason) == _parts(NONE_LEFT)
    again = ready(replace(failed, update_status="InProgress", generation=3), "r3")
    assert isinstance(again, Function) and (again.update_code, again.served_generation) == ("", 3)


@pytest.mark.parametrize(
    "row",
    [ACTIVE, ready(Version("123456789012", "eu-west-1", "f", "u", 1, OLD, 5, "r"), "r1")],
)
def test_idleness(row: Function | Version) -> None:
    """Inactive, Pending when invoked, then Active, or Inactive once more when it cannot be made again."""
    resting = idle(row, "r2")
    assert (resting.state, resting.state_code, resting.changing) == ("Inactive", "Idle", False)
    woken = invoked(resting, 9, "r3")
    assert (woken.state, woken.state_code, woken.waits_since) == ("Pending", "Restoring", 9)
    restored = ready(woken, "r4")
    assert (restored.state, restored.state_code) == ("Active", "")
    failed = unable(woken, NONE_LEFT, "r4")
    assert (failed.state, failed.state_code) == ("Inactive", NONE_LEFT.code)


def test_a_failed_update_is_not_taken_over_by_a_restore() -> None:
    """What could not be had before is not served because the function slept meanwhile."""
    restored = ready(invoked(idle(unable(UPDATED, NONE_LEFT, "a"), "b"), 9, "c"), "d")
    assert isinstance(restored, Function)
    assert (restored.state, restored.served, restored.update_status) == ("Active", OLD, "Failed")


PARTS: st.SearchStrategy[Readiness] = st.one_of(
    st.just(Ready()), st.builds(Wait, st.one_of(st.none(), st.integers(0, 9))), st.just(Unable(NONE_LEFT))
)


@given(st.lists(PARTS, max_size=5))
def test_needs_together(parts: list[Readiness]) -> None:
    """Ready only if all are; unable if one is; otherwise not before the last of them."""
    said = together(parts)
    waits = [part.until for part in parts if isinstance(part, Wait)]
    if Unable(NONE_LEFT) in parts:
        assert said == Unable(NONE_LEFT)
    elif not waits:
        assert said == Ready()
    else:
        assert said == Wait(None if None in waits else max(until for until in waits if until is not None))


def _parts(reason: Reason) -> tuple[str, str]:
    return (reason.code, reason.text)
