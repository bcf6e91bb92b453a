"""Children of arrays as bitmaps: tables of moves, and any interleaving of starts and ends."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Bug
from windlass.services.batch import arrays
from windlass.services.batch.arrays import (
    begun,
    bits_of,
    doomed_bits,
    ended,
    ended_many,
    failed_waiting,
    indices,
    is_over,
    line,
    members,
    opened,
    ready_bits,
    runnable_count,
    status_of,
    summary,
    took,
)
from windlass.services.batch.model import Array, Child

SIZE_MAX = 10_000
CHILD = Child("job", 0, created_at=1, status="RUNNING")


def an_array(
    size: int = 8,
    runnable: str = "",
    retrying: str = "",
    active: str = "",
    succeeded: str = "",
    failed: str = "",
) -> Array:
    """Sets as digits: `runnable="013"`."""
    sets = {"runnable": runnable, "retrying": retrying, "active": active}
    bitmaps = {name: bitmap(found) for name, found in sets.items()}
    return Array("job", size, **bitmaps, succeeded=bitmap(succeeded), failed=bitmap(failed))


def bitmap(digits: str) -> bytes:
    return bytes([bits(digits)]) if digits else b""


def bits(digits: str) -> int:
    return bits_of((int(digit) for digit in digits), 8)


class TestMoves:
    def test_a_new_array_is_pending_and_costs_nothing(self) -> None:
        array = begun("job", SIZE_MAX)
        assert array == Array("job", SIZE_MAX)
        assert summary(array, 0, 0)["PENDING"] == SIZE_MAX
        assert line(array) == ("", 0)

    def test_opening_leaves_those_alone_that_have_begun(self) -> None:
        array = an_array(runnable="1", retrying="2", active="3", succeeded="4", failed="5")
        assert opened(array, bits("0123456")) == an_array(
            runnable="016", retrying="2", active="3", succeeded="4", failed="5"
        )

    def test_opening_nothing_changes_nothing(self) -> None:
        assert opened(an_array(runnable="1"), 0) == an_array(runnable="1")

    @pytest.mark.parametrize(
        ("count", "taken"), [(0, ()), (1, (5,)), (2, (5, 7)), (3, (5, 7, 1)), (9, (5, 7, 1, 2))]
    )
    def test_retries_go_first_then_the_lowest(self, count: int, taken: tuple[int, ...]) -> None:
        array, started = took(an_array(runnable="12", retrying="57"), count)
        assert started == taken
        assert members(array, "RUNNABLE") == bits("1257") ^ bits_of(taken, 8)
        assert array.active == bitmap("".join(map(str, taken)))

    def test_ends_of_several_at_once(self) -> None:
        array = ended_many(an_array(active="0123"), {0: "succeeded", 2: "failed", 3: "retry"})
        assert array == an_array(active="1", succeeded="0", failed="2", retrying="3")
        assert ended(array, 1, "succeeded") == an_array(succeeded="01", failed="2", retrying="3")

    @pytest.mark.parametrize("index", [-1, 1, 7, 8, 400])
    def test_only_what_is_active_ends(self, index: int) -> None:
        with pytest.raises(Bug, match="was not active"):
            ended(an_array(active="0", runnable="1"), index, "succeeded")

    def test_all_that_wait_fail(self) -> None:
        array = an_array(runnable="1", retrying="2", active="3", succeeded="4", failed="5")
        assert failed_waiting(array) == (
            an_array(active="3", succeeded="4", failed="012567"),
            bits("01267"),
        )

    def test_one_that_waits_fails_and_one_that_runs_does_not(self) -> None:
        array = an_array(runnable="1", active="3")
        assert failed_waiting(array, bits("13")) == (an_array(active="3", failed="1"), bits("1"))
        assert failed_waiting(array, bits("3")) == (array, 0)


class TestDependencies:
    @pytest.mark.parametrize(
        ("targets", "sequential", "own", "ready", "doomed"),
        [
            ([], False, an_array(), "01234567", ""),
            ([an_array(succeeded="025")], False, an_array(), "025", ""),
            ([an_array(succeeded="025"), an_array(succeeded="26")], False, an_array(), "2", ""),
            ([an_array(succeeded="0", failed="13")], False, an_array(), "0", "13"),
            ([], True, an_array(), "0", ""),
            ([], True, an_array(succeeded="01", active="2"), "012", ""),
            ([], True, an_array(succeeded="01", failed="2"), "012", "34567"),
            ([an_array(succeeded="02")], True, an_array(succeeded="0"), "0", ""),
            ([an_array(succeeded="02", failed="3")], True, an_array(), "0", "34567"),
            ([], True, an_array(succeeded="0123456", failed="7"), "01234567", ""),
        ],
    )
    def test_which_may_run_and_which_never_can(
        self, targets: list[Array], sequential: bool, own: Array, ready: str, doomed: str
    ) -> None:
        assert ready_bits(8, targets, sequential, own) == bits(ready)
        assert doomed_bits(8, targets, sequential, own) == bits(doomed)


class TestWhatIsShown:
    def test_place_in_line(self) -> None:
        assert line(an_array(active="0", succeeded="1")) == ("", 0)
        assert line(an_array(runnable="012")) == ("back", 3)
        assert line(an_array(runnable="012", retrying="34")) == ("front", 2)
        assert runnable_count(an_array(runnable="012", retrying="34")) == 5

    def test_over_when_all_have_ended(self) -> None:
        assert not is_over(an_array(succeeded="0123456"))
        assert not is_over(an_array(succeeded="0123456", active="7"))
        assert is_over(an_array(succeeded="012345", failed="67"))

    def test_summary(self) -> None:
        array = an_array(runnable="1", retrying="2", active="36", succeeded="4", failed="5")
        assert summary(array, 0, 2) == {
            "SUBMITTED": 0,
            "PENDING": 2,
            "RUNNABLE": 2,
            "STARTING": 0,
            "RUNNING": 2,
            "SUCCEEDED": 1,
            "FAILED": 1,
        }
        with pytest.raises(Bug, match="not what is active"):
            summary(array, 2, 1)

    @pytest.mark.parametrize("status", ["STARTING", "RUNNING"])
    def test_only_rows_tell_starting_from_running(self, status: str) -> None:
        with pytest.raises(Bug, match=status):
            members(an_array(), status)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("index", "status"),
        list(enumerate(["PENDING", "RUNNABLE", "RUNNABLE", "RUNNING", "SUCCEEDED", "FAILED", "PENDING"])),
    )
    def test_status_of_one(self, index: int, status: str) -> None:
        array = an_array(runnable="1", retrying="2", active="3", succeeded="4", failed="5")
        assert status_of(array, index, CHILD) == status

    def test_an_active_child_has_a_row_and_an_index_in_range(self) -> None:
        with pytest.raises(Bug, match="has no row"):
            status_of(an_array(active="3"), 3, None)
        with pytest.raises(Bug, match="no child 8"):
            status_of(an_array(), 8, None)


@given(st.sets(st.integers(0, SIZE_MAX - 1)), st.integers(0, 300))
def test_indices_of_a_set_ascend_and_say_the_set(found: set[int], most: int) -> None:
    """Sparse and dense sets, across the words that they are read in."""
    assert indices(bits_of(found, SIZE_MAX), most) == tuple(sorted(found)[:most])
    assert bits_of(indices(bits_of(found, SIZE_MAX), SIZE_MAX), SIZE_MAX) == bits_of(found, SIZE_MAX)


@given(st.data(), st.integers(2, 200))
def test_every_child_runs_until_it_ends_once(data: st.DataObject, size: int) -> None:
    """Any order of opening, starting, ending, retrying and failing: no child is lost or runs twice."""
    array = begun("job", size)
    starts: Counter[int] = Counter()
    retries: Counter[int] = Counter()
    never: set[int] = set()
    while not is_over(array):
        step = data.draw(st.sampled_from(["open", "take", "take", "end", "fail"]))
        if step == "open":
            array = opened(array, data.draw(st.integers(0, (1 << size) - 1)))
        elif step == "take":
            before = runnable_count(array)
            array, started = took(array, data.draw(st.integers(0, size)))
            starts.update(started)
            assert runnable_count(array) == before - len(started)
        elif step == "end":
            active = indices(arrays.bits_of(_active(array), size), size)
            chosen = active[: data.draw(st.integers(0, size))]
            ends = {i: data.draw(st.sampled_from(["succeeded", "failed", "retry"])) for i in chosen}
            retries.update(i for i, how in ends.items() if how == "retry")
            array = ended_many(array, ends)
        else:
            array, failed = failed_waiting(array, data.draw(st.integers(0, (1 << size) - 1)))
            never |= set(indices(failed, size))
        counts = summary(array, len(_active(array)), 0)
        assert sum(counts.values()) == size
        assert_disjoint(array)
        if not data.draw(st.integers(0, 9)):  # settle at last, whatever was drawn
            array, failed = failed_waiting(array)
            never |= set(indices(failed, size))
    for index in range(size):
        assert starts[index] == retries[index] + (index not in never)


def _active(array: Array) -> list[int]:
    return [i for i in range(array.size) if arrays.has(array.active, i)]


def assert_disjoint(array: Array) -> None:
    sets = (array.runnable, array.retrying, array.active, array.succeeded, array.failed)
    numbers = [int.from_bytes(s, "little") for s in sets]
    union = 0
    for number in numbers:
        assert not union & number
        union |= number
    assert union < 1 << array.size
    assert all(not s or s[-1] for s in sets), "equal sets are equal bytes"
