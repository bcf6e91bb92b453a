"""Cycles in "waits for": containers of a task, and whatever else waits for another. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def find_cycle(waits_for: Mapping[str, Sequence[str]]) -> list[str]:
    """One cycle in "waits for", its first name repeated at the end; [] when there is none.

    >>> find_cycle({"a": ["b"], "b": ["a"]})
    ['a', 'b', 'a']
    """
    done: set[str] = set()
    for start in waits_for:
        path: list[str] = []
        pending = [(start, iter(waits_for[start]))]
        while pending:
            name, rest = pending[-1]
            if len(path) < len(pending):
                path.append(name)
            following = next((on for on in rest if on not in done), None)
            if following is None:
                done.add(name)
                pending.pop()
                path.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            else:
                pending.append((following, iter(waits_for.get(following, ()))))
    return []
