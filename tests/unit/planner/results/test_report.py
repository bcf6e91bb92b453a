"""The HTML report: the answer before the numbers before the curves, harmless, complete in itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.unit.planner.outcomes import a_load, a_run, a_scenario, an_outcome, several
from windlass.planner.pages import bar_chart, charts
from windlass.planner.pages.bar_chart import Bar
from windlass.planner.pages.page import page
from windlass.planner.results.report import report, side_by_side
from windlass.planner.results.result_json import result_json
from windlass.planner.spread import Spread

EVIL = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\x00\x1b"
VOID = {"meta", "br", "img", "line"}


class Read(HTMLParser):
    """What a browser would see: elements in order, and whether all were closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []
        assert not any(name.startswith("on") for name in given), given
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


def test_the_answer_then_the_numbers_then_the_curves() -> None:
    found = report([an_outcome(*several(20), would_be_s=30.0)], "Plan: web")
    order = ["Web is up after 49.5 s (p10 to p90", "limits it: with twice that", "<table", 'class="chart"']
    places = [found.index(part) for part in order]
    assert places == sorted(places)
    assert 'class="band c0"' in found and "Not modelled: " in found


@pytest.mark.parametrize("count", [1, 2, 8, 40])
def test_pages_of_any_number_of_scenarios(count: int) -> None:
    """All elements are closed, and all links lead somewhere on the page."""
    several_of_them = [
        an_outcome(a_run(gauges=True, loads=(a_load(),)), scenario=a_scenario(f"s{number}", published=50.0))
        for number in range(count)
    ]
    read = Read(report(several_of_them, "Plan"))
    assert not read.open and read.seen.count("h2") == count
    assert read.links == [f"#s{number}" for number in range(count if count > 1 else 0)]
    assert set(read.links) <= {f"#{name}" for name in read.ids}


def test_names_of_scenarios_are_text() -> None:
    load = a_load(name=EVIL, to=EVIL, statuses={EVIL: 3})
    outcome = an_outcome(a_run(loads=(load,)), scenario=a_scenario(EVIL, EVIL))
    for found in (report([outcome, outcome], EVIL), side_by_side(outcome, outcome, EVIL)):
        read = Read(found)
        assert not read.open and "img" not in read.seen
        assert not re.search(r"src=(?!x)|https?://|@import|url\(", found)


def test_two_side_by_side_have_the_same_axes() -> None:
    """The second takes twice as long with ten times the tasks; what one lacks has its place."""
    first = an_outcome(a_run(gauges=True))
    second = an_outcome(a_run(took_s=80.0, tasks=1_000), scenario=a_scenario("b"))
    found = side_by_side(first, second, "Plan")
    tasks = re.findall(r"<figcaption>Tasks</figcaption>.*?</figure>", found)
    ticks = [re.findall(r'class="tick"[^>]*>([^<]+)', one) for one in tasks]
    assert len(ticks) == 2 and ticks[0] == ticks[1]
    assert "None here." in found and "+40 s (+100.0 %)" in found


def test_bars_with_whiskers_and_what_was_published() -> None:
    found = bar_chart.svg(
        "Times", "s", [Bar("a", "40 s", 40, Spread(35, 40, 47, 9), 50), Bar("<b>" * 40, "never", None)]
    )
    assert found.count('class="whisker"') == 3 and found.count('class="published"') == 1
    assert found.count("<rect") == 1 and "never" in found and "<b>" not in found


def test_json_has_bands_only_of_several_runs() -> None:
    one, many = result_json(an_outcome()), result_json(an_outcome(*several(12)))
    assert "bands" not in one and many["bands"]["are"] == "p10 to p90 of 12 runs"
    tasks = many["bands"]["curves"][0]
    assert len(tasks["at_s"]) == len(tasks["lines"]["running"]["median"])
    first = many["figures"][0]
    assert (first["group"], first["name"], first["unit"]) == ("", "time until it is there", "s")
    assert [first["low"], first["median"], first["high"]] == pytest.approx([41.1, 45.5, 49.9])


def _luminance(colour: str) -> float:
    """WCAG 2.2: relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_stand_out_from_the_page_in_the_light_and_in_the_dark() -> None:
    """Lines 3 to 1, texts 4.5 to 1: WCAG 2.2, 1.4.11 and 1.4.3."""
    blocks = re.findall(r":root \{(.*?)\}", page("", []), re.DOTALL)
    assert len(blocks) == 3  # light, dark, print
    for block in blocks:
        given = dict(re.findall(r"--(\w+): (#\w+);", block))
        given = {name: "#" + value[1:] * 2 if len(value) == 4 else value for name, value in given.items()}
        ground = _luminance(given["page"])
        wanted = {f"c{number}": 3.0 for number in range(charts.COLOURS)} | {"text": 4.5, "quiet": 4.5}
        for name, least in wanted.items():
            high, low = sorted((_luminance(given[name]), ground), reverse=True)
            assert (high + 0.05) / (low + 0.05) >= least, (name, given[name])
