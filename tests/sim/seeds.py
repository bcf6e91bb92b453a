"""Seeds of random worlds: those that once failed first, then as many as are asked for (`--seeds N`).

A test that takes `story_seed` runs once for each. Its decorator says how many by default:

    @seeds.each(100)
    def test_all_ends(story_seed: int) -> None: ...

When a seed fails and what it found is mended, add it to failing_seeds.txt: "test_all_ends 4711".
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
FAILED = Path(__file__).with_name("failing_seeds.txt")


def each(count: int) -> Callable[[F], F]:
    """Run the test with so many seeds, unless `--seeds` says how many."""

    def marked(test: F) -> F:
        test.__dict__["seeds"] = count
        return test

    return marked


def of(test: Callable[..., Any], asked: int | None) -> list[int]:
    """The seeds of a test, those that once failed first."""
    kept = [line.split() for line in FAILED.read_text().splitlines() if line and not line.startswith("#")]
    failed = [int(words[1]) for words in kept if words[0] == test.__name__]
    count = test.__dict__.get("seeds", 1) if asked is None else asked
    return list(dict.fromkeys([*failed, *range(count)]))
