"""Staging labels after changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from windlass.services.secretsmanager import stages
from windlass.services.secretsmanager.model import CURRENT, PREVIOUS, SecretVersion

LABELS = (CURRENT, PREVIOUS, "AWSPENDING", "mine")


def versions(*held: tuple[str, ...]) -> list[SecretVersion]:
    return [SecretVersion("arn", f"v{n}", 0, "x", stages=had, number=n) for n, had in enumerate(held)]


def after(before: list[SecretVersion], wanted: tuple[str, ...], to: str) -> dict[str, tuple[str, ...]]:
    changed = {one.id: one.stages for one in stages.moved(before, wanted, to)}
    return {one.id: changed.get(one.id, one.stages) for one in before}


def test_current_moves_and_leaves_previous_behind() -> None:
    before = versions((PREVIOUS, "mine"), (CURRENT,), ())
    assert after(before, (CURRENT,), "v2") == {"v0": ("mine",), "v1": (PREVIOUS,), "v2": (CURRENT,)}


def test_the_first_version_has_no_previous() -> None:
    assert after(versions(()), (CURRENT,), "v0") == {"v0": (CURRENT,)}


def test_another_label_shifts_nothing() -> None:
    before = versions((CURRENT, "mine"), (PREVIOUS,))
    assert after(before, ("mine",), "v1") == {"v0": (CURRENT,), "v1": (PREVIOUS, "mine")}


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.integers(0, 4)), max_size=30))
def test_a_label_is_on_one_version_at_a_time(moves: list[tuple[str, int]]) -> None:
    """Whatever is moved in whatever order; and AWSCURRENT, once somewhere, stays somewhere."""
    rows = {one.id: one for one in versions(*[()] * 5)}
    had_current = False
    for label, to in moves:
        for one in stages.moved(list(rows.values()), (label,), f"v{to}"):
            rows[one.id] = one
        had_current = had_current or label == CURRENT
        held = [stage for one in rows.values() for stage in one.stages]
        assert len(held) == len(set(held))
        assert (CURRENT in held) == had_current


def test_labelled_versions_are_kept() -> None:
    """Above the limit the oldest without a label go."""
    rows = versions((CURRENT,), (), (), ("mine",), ())
    assert [one.id for one in stages.surplus(rows, 3)] == ["v1", "v2"]
    assert stages.surplus(rows, 5) == []
