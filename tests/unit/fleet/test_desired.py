from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.fleet_build import a_unit
from windlass.fleet.desired import difference, whole
from windlass.fleet.model import Unit

STATES = ("assigned", "starting", "running", "stopping", "stopped", "lost")


def test_whole_set() -> None:
    """Ended units are in the set to be stopped, so that they never start again; lost ones are not in it."""
    units = [
        a_unit("u1", state="running"),
        a_unit("u2", state="running", desired="stop"),
        a_unit("u3", state="stopped"),
        a_unit("u4", state="lost"),
    ]
    assert [(want.spec.unit_id, want.run) for want in whole(units)] == [
        ("u1", True),
        ("u2", False),
        ("u3", False),
    ]


def test_difference() -> None:
    """New units, changed wishes and removed rows are told; what the node knows is not."""
    held = {"kept": True, "stop": True, "removed": True, "ended": True, "lost": True}
    news = difference(
        held,
        {
            "kept": a_unit("kept", state="running"),
            "stop": a_unit("stop", state="running", desired="stop"),
            "removed": None,
            "ended": a_unit("ended", state="stopped"),
            "lost": a_unit("lost", state="lost"),
            "new": a_unit("new", state="assigned"),
            "unknown": None,
        },
    )
    assert [(want.spec.unit_id, want.run) for want in news.changed] == [("stop", False), ("new", True)]
    assert news.gone == ("removed", "lost")


def test_a_stop_says_how_long_it_has() -> None:
    unit = a_unit("u1", state="running", desired="stop", stop_within=7)
    [told] = difference({"u1": True}, {"u1": unit}).changed
    assert (told.run, told.stop_within) == (False, 7)
    assert whole([unit]) == (told,)


rows = st.dictionaries(
    st.sampled_from("abcdef"),
    st.none()
    | st.builds(
        a_unit, st.just("x"), state=st.sampled_from(STATES), desired=st.sampled_from(["run", "stop"])
    ),
)


@given(rows, rows)
def test_told_twice_is_silent(before: dict[str, Unit | None], after: dict[str, Unit | None]) -> None:
    """Once a node was told a difference, telling it the same rows again says nothing."""
    held: dict[str, bool] = {}
    for named in (before, after):
        now = {
            i: None if u is None else a_unit(i, state=u.state, desired=u.desired) for i, u in named.items()
        }
        for _ in range(2):
            news = difference(held, now)
            held |= {want.spec.unit_id: want.run for want in news.changed}
            for unit_id in news.gone:
                del held[unit_id]
        assert not difference(held, now)
