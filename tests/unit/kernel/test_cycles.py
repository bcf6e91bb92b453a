"""Cycles in "waits for"."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.cycles import find_cycle

GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3))


@given(GRAPHS)
def test_cycles(waits_for: dict[str, list[str]]) -> None:
    """A cycle that is found is one; when none is found the containers can be put in order."""
    graph = {name: list(waits_for.get(name, [])) for name in "abcdef"}
    cycle = find_cycle(graph)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(after in graph[before] for before, after in itertools.pairwise(cycle))
        return
    left = dict(graph)
    while left:
        free = [name for name, on in left.items() if not set(on) & set(left)]
        assert free, f"no cycle was found in {left}"
        for name in free:
            del left[name]
