"""A plane that is ready looks for reference cycles seldom, and still does."""

from __future__ import annotations

import gc
import weakref

from windlass.kernel import garbage


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_there_is_left_alone_and_new_cycles_go() -> None:
    before = gc.get_threshold()
    try:
        garbage.settle()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() == garbage.THRESHOLDS
        knot = Knot()
        gone = weakref.ref(knot)
        del knot
        made = [[number] for number in range(2 * garbage.THRESHOLDS[0])]
        assert gone() is None, "the collector has not run by itself"
        assert len(made) == 2 * garbage.THRESHOLDS[0]
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
