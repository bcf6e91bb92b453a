"""Event patterns: every operator in a table, and properties."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.pattern import PATTERN_CHARS_MAX, InvalidPattern, compile_pattern


def matches(pattern: Any, event: Any) -> bool:
    return compile_pattern(json.dumps(pattern)).matches(event)


YES, NO = True, False
TABLE: list[tuple[Any, Any, bool]] = [
    # exact values, types agree
    ({"a": ["x"]}, {"a": "x"}, YES),
    ({"a": ["x", "y"]}, {"a": "y"}, YES),
    ({"a": ["x"]}, {"a": "X"}, NO),
    ({"a": ["x"]}, {}, NO),
    ({"a": [""]}, {"a": ""}, YES),
    ({"a": [1]}, {"a": 1}, YES),
    ({"a": [1]}, {"a": 1.0}, YES),
    ({"a": [1]}, {"a": True}, NO),
    ({"a": [1]}, {"a": "1"}, NO),
    ({"a": [True]}, {"a": True}, YES),
    ({"a": [True]}, {"a": 1}, NO),
    ({"a": [None]}, {"a": None}, YES),
    ({"a": [None]}, {}, NO),
    # AND over keys, nesting, arrays of the event
    ({"a": ["x"], "b": ["y"]}, {"a": "x", "b": "z"}, NO),
    ({"d": {"s": ["RUNNING"]}}, {"d": {"s": "RUNNING", "t": 1}}, YES),
    ({"d": {"s": ["RUNNING"]}}, {"d": "RUNNING"}, NO),
    ({"a": ["x"]}, {"a": ["w", "x"]}, YES),
    ({"a": ["x"]}, {"a": [["w"], ["x"]]}, YES),
    ({"a": ["x"]}, {"a": []}, NO),
    ({"a": ["x"]}, {"a": {"x": "x"}}, NO),
    ({"a": {"b": ["1"], "c": ["2"]}}, {"a": [{"b": "1", "c": "2"}]}, YES),
    ({"a": {"b": ["1"], "c": ["2"]}}, {"a": [{"b": "1"}, {"c": "2"}]}, NO),
    # prefix and suffix
    ({"a": [{"prefix": "eu-"}]}, {"a": "eu-west-1"}, YES),
    ({"a": [{"prefix": "EU-"}]}, {"a": "eu-west-1"}, NO),
    ({"a": [{"prefix": {"equals-ignore-case": "EU-"}}]}, {"a": "eu-west-1"}, YES),
    ({"a": [{"prefix": "1"}]}, {"a": 1}, NO),
    ({"a": [{"suffix": ".png"}]}, {"a": "x.png"}, YES),
    ({"a": [{"suffix": {"equals-ignore-case": ".PNG"}}]}, {"a": "x.pNg"}, YES),
    ({"a": [{"equals-ignore-case": "Alice"}]}, {"a": "aLICE"}, YES),
    ({"a": [{"equals-ignore-case": "Alice"}]}, {"a": "aLICE!"}, NO),
    # anything-but
    ({"a": [{"anything-but": "x"}]}, {"a": "y"}, YES),
    ({"a": [{"anything-but": "x"}]}, {"a": "x"}, NO),
    ({"a": [{"anything-but": "x"}]}, {}, NO),
    ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "y"}, NO),
    ({"a": [{"anything-but": [1, 2]}]}, {"a": 3}, YES),
    ({"a": [{"anything-but": 1}]}, {"a": 1.0}, NO),
    ({"a": [{"anything-but": "x"}]}, {"a": ["x", "y"]}, YES),
    ({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": "xy"}, NO),
    ({"a": [{"anything-but": {"prefix": ["x", "y"]}}]}, {"a": "z"}, YES),
    ({"a": [{"anything-but": {"suffix": [".a", ".b"]}}]}, {"a": "z.b"}, NO),
    ({"a": [{"anything-but": {"equals-ignore-case": ["X"]}}]}, {"a": "x"}, NO),
    ({"a": [{"anything-but": {"wildcard": "*/lib/*"}}]}, {"a": "/usr/lib/x"}, NO),
    ({"a": [{"anything-but": {"wildcard": ["*/lib/*"]}}]}, {"a": "/usr/x"}, YES),
    # numeric
    ({"a": [{"numeric": ["=", 3.018e2]}]}, {"a": 301.8}, YES),
    ({"a": [{"numeric": ["<", 10]}]}, {"a": 10}, NO),
    ({"a": [{"numeric": ["<=", 10]}]}, {"a": 10}, YES),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5}, YES),
    ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 0}, NO),
    ({"a": [{"numeric": [">", 0]}]}, {"a": "5"}, NO),
    ({"a": [{"numeric": [">", 0]}]}, {"a": True}, NO),
    # exists: leaves only
    ({"a": [{"exists": True}]}, {"a": None}, YES),
    ({"a": [{"exists": True}]}, {}, NO),
    ({"a": [{"exists": True}]}, {"a": {"b": 1}}, NO),
    ({"a": [{"exists": False}]}, {}, YES),
    ({"a": [{"exists": False}]}, {"a": ""}, NO),
    ({"a": {"b": [{"exists": False}]}}, {}, YES),
    ({"a": {"b": [{"exists": False}]}}, {"a": {"b": 1}}, NO),
    ({"a": ["x", {"exists": False}]}, {}, YES),
    ({"a": ["x", {"exists": False}]}, {"a": "y"}, NO),
    # wildcard
    ({"a": [{"wildcard": "dir/*.png"}]}, {"a": "dir/x/y.png"}, YES),
    ({"a": [{"wildcard": "*"}]}, {"a": ""}, YES),
    ({"a": [{"wildcard": "a*a"}]}, {"a": "a"}, NO),
    ({"a": [{"wildcard": "a*b*c"}]}, {"a": "a-b-b-c"}, YES),
    ({"a": [{"wildcard": "a*b*c"}]}, {"a": "a-c-b"}, NO),
    ({"a": [{"wildcard": r"a\*b"}]}, {"a": "a*b"}, YES),
    ({"a": [{"wildcard": r"a\*b"}]}, {"a": "axb"}, NO),
    ({"a": [{"wildcard": r"a\\*"}]}, {"a": "a\\b"}, YES),
    ({"a": [{"wildcard": "*"}]}, {"a": 1}, NO),
    # cidr
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.0.255"}, YES),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "10.0.1.0"}, NO),
    ({"a": [{"cidr": "2001:db8::/32"}]}, {"a": "2001:db8::1"}, YES),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "text"}, NO),
    ({"a": [{"cidr": "10.0.0.0/24"}]}, {"a": "2001:db8::1"}, NO),
    # $or
    ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, YES),
    ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"a": "y"}, NO),
    ({"c": [1], "$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"a": "x", "c": 2}, NO),
    ({"d": {"$or": [{"a": [1]}, {"a": [2]}]}}, {"d": {"a": 2}}, YES),
    ({"$or": ["x"]}, {"$or": "x"}, YES),
]


@pytest.mark.parametrize(("pattern", "event", "expected"), TABLE)
def test_matches(pattern: Any, event: Any, expected: bool) -> None:
    """Each operator does to each value what the guide says."""
    assert matches(pattern, event) is expected


REFUSED = [
    ("", "Filter is not a valid JSON"),
    ("{", "Filter is not a valid JSON"),
    ("[" * 4000, "Filter is not a valid JSON"),
    ("[]", "Filter is not an object"),
    ('"x"', "Filter is not an object"),
    ("{}", "Empty objects are not allowed"),
    ('{"a": {}}', "Empty objects are not allowed"),
    ('{"a": []}', "Empty arrays are not allowed"),
    ('{"source": "x"}', '"source" must be an object or an array'),
    ('{"a": [["x"]]}', "Match value must be String, number, true, false, or null"),
    ('{"a": [{"regex": "x"}]}', "Unrecognized match type regex"),
    ('{"a": [{"prefix": "x", "suffix": "y"}]}', "Only one key allowed in match expression"),
    ('{"a": [{"prefix": 1}]}', "prefix match pattern must be a string"),
    ('{"a": [{"numeric": [">", "1"]}]}', "Value of > must be numeric"),
    ('{"a": [{"numeric": ["<", 9e9]}]}', "Value must be between -5000000000.0 and 5000000000.0, inclusive"),
    ('{"a": [{"numeric": [">", 5, "<", 5]}]}', "Bottom must be less than top"),
    ('{"a": [{"numeric": ["<", 5, ">", 1]}]}', "Bad numeric range operator: >"),
    ('{"a": [{"numeric": 5}]}', "Value of numeric must be an array."),
    ('{"a": [{"exists": "yes"}]}', "Value of exists must be true or false"),
    ('{"a": [{"wildcard": "a**b"}]}', "Consecutive wildcard characters are not allowed"),
    ('{"a": [{"wildcard": "a\\\\b"}]}', "Invalid escape character"),
    ('{"a": [{"cidr": "10.0.0.0"}]}', "Malformed CIDR, one '/' required"),
    ('{"a": [{"anything-but": []}]}', "Empty arrays are not allowed"),
    ('{"a": [{"anything-but": {"numeric": 1}}]}', "Unsupported anything-but pattern: numeric"),
    ('{"a": ["x"], "a": ["y"]}', "Path has a duplicate field"),
    ('{"a": [NaN]}', "Non-standard token 'NaN'"),
    ('{"a": ["' + "x" * PATTERN_CHARS_MAX + '"]}', "Event pattern is too long"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refuses(text: str, reason: str) -> None:
    """A wrong pattern is refused with AWS's sentence and the reason."""
    with pytest.raises(InvalidPattern) as error:
        compile_pattern(text)
    assert str(error.value) == f"Event pattern is not valid. Reason: {reason}"


def test_tells_the_only_sources() -> None:
    """Literal strings of a top-level key can be indexed; anything else cannot."""
    assert compile_pattern('{"source": ["a", "b"]}').only("source") == {"a", "b"}
    assert compile_pattern('{"source": ["a", {"prefix": "b"}]}').only("source") is None
    assert compile_pattern('{"source": ["a", {"exists": false}]}').only("source") is None
    assert compile_pattern('{"detail": {"a": ["b"]}}').only("source") is None


_SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=5)
_EVENTS = st.dictionaries(
    st.text(max_size=4), _SCALARS | st.lists(_SCALARS, min_size=1, max_size=3), min_size=1, max_size=4
)


@given(_EVENTS)
def test_an_event_matches_the_pattern_made_of_it(event: dict[str, Any]) -> None:
    """Every event matches the pattern that lists its own values, and not one that wants a missing key."""
    pattern = {key: value if isinstance(value, list) else [value] for key, value in event.items()}
    assert matches(pattern, event)
    assert not matches({**pattern, "missing key": [{"exists": True}]}, event)


@given(_EVENTS, st.text(max_size=5))
def test_anything_but_is_the_opposite(event: dict[str, Any], text: str) -> None:
    """For a key with one value, anything-but matches exactly when the literal does not."""
    for key, value in event.items():
        if not isinstance(value, list):
            assert matches({key: [{"anything-but": text}]}, event) is not matches({key: [text]}, event)


@given(
    st.text(alphabet="ab*", max_size=8).filter(lambda t: "**" not in t), st.text(alphabet="ab", max_size=8)
)
def test_wildcards_agree_with_regular_expressions(pattern: str, text: str) -> None:
    """Stars match what `.*` matches."""
    expected = re.fullmatch(pattern.replace("*", ".*"), text) is not None
    assert matches({"a": [{"wildcard": pattern}]}, {"a": text}) is expected
