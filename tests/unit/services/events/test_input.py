"""Inputs of targets: paths, templates, what is refused; and the envelope's entry checks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import NOW
from windlass.services.events.event import Refused, entry_bytes, read_detail
from windlass.services.events.input import fill, payload, problem, select

EVENT = {
    "id": "1",
    "source": "app",
    "detail": {"name": 'a "b"', "n": 1.5, "list": [{"x": None}], "flag": True, "o": {"k": "v"}},
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", [EVENT]),
        ("$.detail.n", [1.5]),
        ("$.detail.list[0].x", [None]),
        ("$.detail['name']", ['a "b"']),
        ("$.detail.list[1]", []),
        ("$.detail.missing.deeper", []),
        ("$.id.x", []),
        ("$.detail[0]", []),
    ],
)
def test_selects_by_path(path: str, expected: list[Any]) -> None:
    """A path leads to one value or to none."""
    assert select(EVENT, path) == expected


TEMPLATES = [
    ('{"a": <n>}', {"n": "$.detail.n"}, '{"a": 1.5}'),
    ('{"a": <n>}', {"n": "$.detail.name"}, '{"a": "a \\"b\\""}'),
    ('"it is <n>!"', {"n": "$.detail.name"}, '"it is a \\"b\\"!"'),
    ('"<n>"', {"n": "$.detail.flag"}, '"true"'),
    ('{"a": <n>}', {"n": "$.detail.o"}, '{"a": {"k":"v"}}'),
    ('{"a": "<n>"}', {"n": "$.detail.o"}, '{"a": "{\\"k\\":\\"v\\"}"}'),
    ('{"a": <n>}', {"n": "$.missing"}, '{"a": ""}'),
    ('"x\\"<n>"', {"n": "$.id"}, '"x\\"1"'),
    ('{"r": "<aws.events.rule-arn>", "n": <aws.events.rule-name>}', {}, '{"r": "ARN", "n": "r"}'),
    ("<aws.events.event.ingestion-time>", {}, '"2027-01-15T08:00:00Z"'),
    ("<aws.events.event>", {}, '{"id":"1","source":"app"}'),
    ("<aws.events.event.json>", {}, json.dumps(EVENT, separators=(",", ":"))),
]


@pytest.mark.parametrize(("template", "paths", "expected"), TEMPLATES)
def test_fills_templates(template: str, paths: dict[str, str], expected: str) -> None:
    """Variables become JSON outside quotes and text inside."""
    spec = {"Id": "t", "InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}
    assert problem(spec) is None
    made = payload(spec, EVENT, rule_name="r", rule_arn="ARN", ingested_at=NOW)
    assert made == expected


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"Input": "{}", "InputPath": "$"}, "Only one of Input, InputPath, or InputTransformer must be"),
        ({"Input": "{"}, "JSON syntax error in input for target t."),
        ({"InputPath": "detail"}, "Invalid InputPath for target t."),
        ({"InputTransformer": {"InputTemplate": "<x>"}}, "InputTemplate for target t contains placeholder x"),
        ({"InputTransformer": {"InputPathsMap": {"awsx": "$"}, "InputTemplate": "1"}}, "InputPathsMap for"),
        ({"InputTransformer": {"InputPathsMap": {"x": "y"}, "InputTemplate": "1"}}, "Invalid JSON path"),
    ],
)
def test_refuses_wrong_inputs(spec: dict[str, Any], why: str) -> None:
    """Each mistake is named."""
    found = problem({"Id": "t", **spec})
    assert found is not None and found.startswith(why)


@given(st.text(), st.text())
def test_text_stays_json_whatever_it_holds(one: str, two: str) -> None:
    """No value can break out of the template: the result is JSON and holds the values."""
    made = fill('{"a": <one>, "b": "is <two>"}', {"one": one, "two": two})
    assert json.loads(made) == {"a": one, "b": f"is {two}"}


GOOD = {"Source": "app", "DetailType": "t", "Detail": "{}"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Source": ""}, "InvalidArgument"),
        ({"Source": "aws.ecs"}, "NotAuthorizedForSourceException"),
        ({"Detail": "["}, "MalformedDetail"),
        ({"Detail": "[]"}, "MalformedDetail"),
        ({"Detail": '{"a": NaN}'}, "MalformedDetail"),
        ({"Detail": '{"a": 1e400}'}, "MalformedDetail"),
        ({"Detail": '{"a": "\\ud800"}'}, "MalformedDetail"),
        ({"Detail": '{"a":' * 1001 + "1" + "}" * 1001}, "MalformedDetail"),
        ({"Detail": '{"a":' * 100_000 + "1" + "}" * 100_000}, "MalformedDetail"),
    ],
)
def test_refuses_wrong_entries(change: dict[str, str], code: str) -> None:
    """An entry is refused for itself, with AWS's code."""
    refused = read_detail(GOOD | change)
    assert isinstance(refused, Refused) and refused.code == code


def test_takes_details_up_to_the_depth() -> None:
    """A detail of 900 levels is taken; sizes count bytes and 14 for a time."""
    deep = '{"a":' * 900 + "1" + "}" * 900
    assert isinstance(read_detail(GOOD | {"Detail": deep}), dict)
    assert entry_bytes({**GOOD, "Time": 1, "Resources": ["é"]}) == 3 + 1 + 2 + 2 + 14
