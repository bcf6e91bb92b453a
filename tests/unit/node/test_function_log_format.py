"""Logs in JSON: which platform events and which lines of programs are written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.node.function_world import TARGET
from windlass.fleet.messages import FunctionSpec
from windlass.node import function_records as records
from windlass.node.function_log_format import LEVELS, LogFormat, format_of
from windlass.node.function_records import Used, Verdict

START = records.start("r", "7", "")


def test_text_is_text() -> None:
    """Lines as ever, and every line of a program."""
    form = LogFormat()
    assert form.platform(START, 0) == ("START RequestId: r Version: 7",)
    assert form.keeps('{"level":"TRACE"}') and form.record('{"a":1}') == '{"a":1}'


def test_platform_events() -> None:
    """As records of the Telemetry API, from the system's level on."""
    [line] = LogFormat(json=True).platform(START, 1_700_000_000_000_000_000)
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.000Z", "type": "platform.start",
        "record": {"requestId": "r", "version": "7"},
    }  # fmt: skip
    done = records.runtime_done("r", Verdict(), 1, 1, "")
    assert LogFormat(json=True).platform(done, 0) == ()
    assert len(LogFormat(json=True, system="DEBUG").platform(done, 0)) == 1
    failed = records.report("r", Verdict("timeout"), Used(1, 0, 128, 1), "")
    assert LogFormat(json=True, system="WARN").platform(START, 0) == ()
    assert len(LogFormat(json=True, system="WARN").platform(failed, 0)) == 1


@pytest.mark.parametrize(
    ("line", "least"),
    [
        ('{"level":"debug"}', "DEBUG"),
        ('{"level":"WARNING"}', "WARN"),
        ('{"level":"critical","message":"x"}', "FATAL"),
        ('{"level":"loud"}', "INFO"),
        ('{"message":"none"}', "INFO"),
        ('{"level":null}', "INFO"),
        ("plain", "FATAL"),
        ("{broken", "FATAL"),
        ("[1]", "FATAL"),
    ],
)
def test_lines_of_programs(line: str, least: str) -> None:
    """A JSON object's level counts, INFO without one; other lines are always kept."""
    kept = [level for level in LEVELS if LogFormat(json=True, application=level).keeps(line)]
    assert kept[-1] == least and kept == list(LEVELS[: len(kept)])


@given(st.text())
def test_any_line(line: str) -> None:
    """Whatever is printed, it is kept or not, and nothing is raised."""
    form = LogFormat(json=True, application="WARN")
    assert form.keeps(line) in (True, False)


def test_what_the_settings_say() -> None:
    """The variables that the function has too, and the system's level."""

    def spec(system: str = "", **environment: str) -> FunctionSpec:
        return FunctionSpec(
            "", "", "h", "r", 128, 3, 10, tuple(environment.items()), TARGET, system_log_level=system
        )

    assert format_of(spec()) == LogFormat()
    asked = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "ERROR"}
    assert format_of(spec("WARN", **asked)) == LogFormat(True, "ERROR", "WARN")
    assert format_of(spec("x", AWS_LAMBDA_LOG_FORMAT="JSON")) == LogFormat(True, "INFO", "INFO")
