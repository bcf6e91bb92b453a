"""Charts: what a browser gets is well formed, true to its numbers, and harmless."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.planner.pages import charts, page
from windlass.planner.pages.charts import Chart


def parsed(figure: str) -> ElementTree.Element:
    """As XML: SVG parts that are not closed are an error."""
    return ElementTree.fromstring(figure)


def test_a_chart_says_its_numbers() -> None:
    chart = Chart("Tasks", "tasks", [0, 60, 120], {"run": [0, 5, None], "<b>": [1, 2, 3]}, [(60, "deploy")])
    figure = parsed(charts.svg(chart))
    data = json.loads(figure.find("script").text or "")  # type: ignore[union-attr]
    assert (data["at"], data["lines"], data["end"]) == ([0, 60, 120], [[0, 5, None], [1, 2, 3]], 120)
    paths = [path.get("d") or "" for path in figure.iter("path")]
    assert [path.count("L") for path in paths] == [1, 2]  # None is a gap
    assert [
        button.findtext(".") or "".join(button.itertext())
        for button in figure.iter("button")
        if button.get("data-line")
    ] == [
        "run",
        "<b>",
    ]
    assert "deploy" in [text.text for text in figure.iter("text")]


@given(
    st.lists(st.floats(0, 1e9), min_size=1, max_size=50),
    st.lists(st.one_of(st.none(), st.floats(0, 1e12)), min_size=1, max_size=50),
)
def test_every_point_is_within_the_frame(at: list[float], values: list[float | None]) -> None:
    count = min(len(at), len(values))
    figure = charts.svg(Chart("t", "u", sorted(at)[:count], {"x": values[:count]}, steps=True))
    for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", figure):
        assert charts.LEFT <= float(x) <= charts.WIDTH - charts.RIGHT + 0.1
        assert charts.TOP - 0.1 <= float(y) <= charts.HEIGHT - charts.BOTTOM + 0.1


def test_many_points_are_thinned_and_the_last_is_kept() -> None:
    figure = parsed(charts.svg(Chart("t", "u", list(range(10_000)), {"x": list(range(10_000))})))
    data = json.loads(figure.find("script").text or "")  # type: ignore[union-attr]
    assert len(data["at"]) <= charts.POINTS_MAX + 1 and data["at"][-1] == 9_999


def test_what_moves_when_one_zooms_in_is_in_one_window() -> None:
    """report.js moves the lines, bands and marks in it, and writes the times on the axis anew."""
    line, around = [1.0, 2.0], ([0.0, 1.0], [2.0, 3.0])
    marks = [(30.0, "deploy")]
    figure = parsed(charts.svg(Chart("t", "u", [0, 60], {"x": line}, marks, bands={"x": around})))
    window = next(part for part in figure.iter("svg") if part.get("class") == "window")
    assert set(figure.iter("path")) == set(window.iter("path"))
    middle = (charts.LEFT + charts.WIDTH - charts.RIGHT) / 2
    moved = {part.tag: part for part in window if part.get("class") == "mark"}
    assert {tag: float(part.get("data-x") or 0) for tag, part in moved.items()} == {
        "line": middle,
        "text": middle,
    }
    box = [float(value) for value in (window.get("viewBox") or "").split()]
    assert box == [float(window.get(name) or 0) for name in ("x", "y", "width", "height")]
    times = next(part for part in figure.iter("g") if part.get("class") == "times")
    assert [text.text for text in times][:2] == ["0 s", "10 s"]


def test_all_is_shown_until_one_zooms_in() -> None:
    """And the button that comes back to it is no line of the legend."""
    figure = parsed(charts.svg(Chart("t", "u", [0, 60], {"x": [1, 2]})))
    whole = next(button for button in figure.iter("button") if button.get("class") == "whole")
    assert whole.get("hidden") is not None and whole.get("data-line") is None


def test_nothing_to_draw_is_drawn_too() -> None:
    assert parsed(charts.svg(Chart("t", "u", [], {}))).get("class") == "chart"


def test_a_page_needs_nothing_and_runs_nothing_of_its_names() -> None:
    evil = "</script><script>alert(1)</script>"
    whole = page.page(evil, [charts.svg(Chart(evil, evil, [0, 1], {evil: [1, 2]}, [(1, evil)]))])
    assert "<script>alert" not in whole
    assert not re.search(r'src=|href=(?!"#)|https?://|@import|url\(', whole)


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 s"), (59.5, "59.5 s"), (61, "1:01 min"), (7_260, "2:01 h")]
)
def test_times(value: float, shown: str) -> None:
    assert charts.seconds(value) == shown


def test_numbers_of_tables_stand_right() -> None:
    found = page.table(("a", "b"), [("1-fargate", "1,118 s"), ("<x>", "+7.0 %")])
    assert found.count('<td class="number"') == 2 and "&lt;x&gt;" in found
