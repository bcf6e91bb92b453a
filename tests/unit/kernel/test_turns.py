"""Turns between owners: who wants much does not hold up who wants little."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.turns import Lines, Turns

Take = Callable[[str], Awaitable[None]]


def went_on(scenario: Callable[[Take, Turns, list[bool]], Awaitable[None]]) -> list[str]:
    """In what order those of a scenario went on. `full` is told by its last argument."""
    order: list[str] = []

    async def play() -> None:
        full = [False]
        turns = Turns(lambda: full[0])

        async def take(name: str) -> None:
            await turns.take(name[0])
            order.append(name)

        await scenario(take, turns, full)

    asyncio.run(play())
    return order


def test_of_one_line_each_goes_on() -> None:
    """b came last of all and goes on second; the others keep their order."""

    async def scenario(take: Take, turns: Turns, full: list[bool]) -> None:
        await take("b0")  # so that there are two owners
        await asyncio.gather(*(take(name) for name in ("a1", "a2", "a3", "a4", "b1")))

    order = went_on(scenario)
    assert order.index("b1") < order.index("a3")
    assert [name for name in order if name[0] == "a"] == ["a1", "a2", "a3", "a4"]


def test_one_owner_alone_takes_no_turns() -> None:
    """All of a burst go on in the same turn of the loop, in order."""

    async def scenario(take: Take, turns: Turns, full: list[bool]) -> None:
        full[0] = True
        await asyncio.gather(*(take(f"a{number}") for number in range(5)))
        assert turns.waiting() == 0

    assert went_on(scenario) == [f"a{number}" for number in range(5)]


def test_nobody_goes_on_while_it_is_full() -> None:
    """1. Full: both wait. 2. Not full any more, and told so: they go on."""

    async def scenario(take: Take, turns: Turns, full: list[bool]) -> None:
        await take("b0")
        await take("a0")
        full[0] = True
        waiting = [asyncio.ensure_future(take(name)) for name in ("a1", "a2", "b1")]
        for _ in range(10):
            await asyncio.sleep(0)
        turns.resume()
        assert turns.waiting() == 3
        full[0] = False
        turns.resume()
        turns.resume()
        await asyncio.gather(*waiting)

    assert went_on(scenario) == ["b0", "a0", "a1", "b1", "a2"]


def test_who_gave_up_waiting_holds_nobody_up() -> None:
    async def scenario(take: Take, turns: Turns, full: list[bool]) -> None:
        await take("b0")
        await take("a0")
        full[0] = True
        gone, stays = (asyncio.ensure_future(take(name)) for name in ("a1", "a2"))
        await asyncio.sleep(0)
        gone.cancel()
        full[0] = False
        turns.resume()
        await stays
        assert gone.cancelled()

    assert went_on(scenario) == ["b0", "a0", "a2"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=60), st.integers(1, 7))
def test_lines_give_each_item_once_and_each_owner_its_share(items: list[tuple[str, int]], most: int) -> None:
    """In the owners' own order."""
    lines = Lines[tuple[str, int]]()
    for item in items:
        lines.add(item[0], item)
    wanted = list(dict.fromkeys(items))
    assert len(lines) == len(wanted)
    taken: list[tuple[str, int]] = []
    while len(lines):
        batch = lines.take(most)
        assert 0 < len(batch) <= most
        taken += batch
    assert sorted(taken) == sorted(wanted)
    for owner in "abc":
        assert [item for item in taken if item[0] == owner] == [item for item in wanted if item[0] == owner]


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 9))
def test_two_owners_go_on_side_by_side(first: int, second: int, most: int) -> None:
    lines = Lines[tuple[str, int]]()
    for owner, count in (("a", first), ("b", second)):
        for number in range(count):
            lines.add(owner, (owner, number))
    taken = [owner for _ in range(first + second) for owner, _ in lines.take(most)]
    both = 2 * min(first, second)
    assert all(abs(taken[:n].count("a") - taken[:n].count("b")) <= 1 for n in range(both))
