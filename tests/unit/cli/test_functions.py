"""Cold starts as a terminal shows them."""

from __future__ import annotations

from windlass.cli.functions import BAR_WIDTH, COLOURS, stacked
from windlass.services.lambda_.cold_starts import PHASES


def test_every_phase_has_a_colour_of_its_own() -> None:
    assert tuple(COLOURS) == PHASES and len(set(COLOURS.values())) == len(PHASES)


def test_a_bar_has_all_phases() -> None:
    bar = stacked([1.0] * len(PHASES), list(PHASES), float(len(PHASES)))
    assert len(bar.plain) == BAR_WIDTH and {span.style for span in bar.spans} == set(COLOURS.values())
