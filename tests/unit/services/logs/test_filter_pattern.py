"""Filter patterns: tables for the three grammars, and properties."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.logs.filter_pattern import InvalidPattern, compile_filter, split_fields

ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
EVENT = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "n": 5,
        "text": "5",
        "items": [{"id": 1}, {"id": 2}],
        "nothing": None,
        "yes": True,
        "a b": "c",
    }
)

TABLE = [
    # terms
    ("", "anything", True),
    ("ERROR", "[ERROR] x", True),
    ("ERROR", "error", False),
    ("ERROR ARGUMENTS", "ERROR 400 BAD ARGUMENTS", True),
    ("ERROR ARGUMENTS", "ERROR 400", False),
    ('"BAD REQUEST"', "400 BAD REQUEST", True),
    ('"BAD REQUEST"', "BAD  REQUEST", False),
    (r'"say \"x\""', 'say "x"', True),
    ("ERROR -ARGUMENTS", "ERROR 400", True),
    ("ERROR -ARGUMENTS", "ERROR ARGUMENTS", False),
    ('-"a b"', "a c", True),
    ("?ERROR ?WARN", "WARN x", True),
    ("?ERROR ?WARN", "INFO x", False),
    ("?ERROR REQUEST", "REQUEST", True),
    # JSON
    ('{ $.eventType = "UpdateTrail" }', EVENT, True),
    ("{ $.eventType = UpdateTrail }", EVENT, True),
    ('{ $.eventType = "Update*" }', EVENT, True),
    ('{ $.eventType != "Update*" }', EVENT, False),
    ("{ $.sourceIPAddress = 111.111.* }", EVENT, True),
    ("{ $.sourceIPAddress != 123.123.* }", EVENT, True),
    ("{ $.n = 5 }", EVENT, True),
    ("{ $.n >= 5.0 && $.n < 6 }", EVENT, True),
    ("{ $.n > 5e0 }", EVENT, False),
    ("{ $.text = 5 }", EVENT, False),
    ('{ $.text = "5" }', EVENT, True),
    ("{ $.items[1].id = 2 }", EVENT, True),
    ("{ $.items[2].id = 2 }", EVENT, False),
    ("{ $.items[*].id = 2 }", EVENT, True),
    ("{ $.nothing IS NULL }", EVENT, True),
    ("{ $.missing IS NULL }", EVENT, False),
    ("{ $.missing NOT EXISTS }", EVENT, True),
    ("{ $.n NOT EXISTS }", EVENT, False),
    ("{ $.yes IS TRUE }", EVENT, True),
    ("{ $.yes is false }", EVENT, False),
    ("{ $['a b'] = c }", EVENT, True),
    ('{ ($.n = 1 || $.n = 5) && $.eventType = "UpdateTrail" }', EVENT, True),
    ("{ $.n = 1 || $.n = 5 && $.n = 6 }", EVENT, False),
    ("{ $.n = 5 }", "not json", False),
    ("{ $.n = 5 }", "[5]", False),
    # space-delimited
    ("[ip, user, name, time, request, status, size]", ACCESS, True),
    ("[ip, user, name]", ACCESS, False),
    ("[ip, user, name, time, request, status = 4*, size]", ACCESS, True),
    ("[..., status = 4*, size > 1000]", ACCESS, True),
    ("[..., status = 4*, size > 2000]", ACCESS, False),
    ("[ip = 127.*, ...]", ACCESS, True),
    ("[ip, ..., size]", ACCESS, True),
    ('[ip, ..., request = "*index.html*", status != 500, size]', ACCESS, True),
    ("[..., status = 404 || status = 410, size]", ACCESS, True),
    ("[..., status = 4* && status != 404, size]", ACCESS, False),
]


@pytest.mark.parametrize(("pattern", "message", "expected"), TABLE)
def test_matches(pattern: str, message: str, expected: bool) -> None:
    """Each pattern wants what the guide says."""
    assert compile_filter(pattern)(message) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        "a.b", '"open', "%regex%", "{ $.a }", "{ $.a = }", "{ a = 1 }", "{ $.a = 1", "{ $.a = 1 && }",
        "{ ($.a = 1 }", "{ $.a = %x% }", "{ $.a > x }", "{ $.a IS x }", "{ $.a NOT x }", "[a", "[a,,b]",
        "[..., ...]", "[a b]", "[]", "{}", "{" + "(" * 100 + "$.a = 1" + ")" * 100 + "}", "{ $.a = 1 } x",
    ],
)  # fmt: skip
def test_refuses(pattern: str) -> None:
    """What is no pattern is refused with a sentence."""
    with pytest.raises(InvalidPattern):
        compile_filter(pattern)


def test_splits_fields() -> None:
    """Quotes and brackets hold a field together and are taken off."""
    assert split_fields(ACCESS) == [
        "127.0.0.1", "-", "frank", "10/Oct/2000:13:25:15 -0700", "GET /index.html HTTP/1.0", "404", "1534",
    ]  # fmt: skip


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_pattern_is_read_or_refused(pattern: str, message: str) -> None:
    """No pattern and no message make it fail in another way."""
    try:
        matches = compile_filter(pattern)
    except InvalidPattern:
        return
    assert matches(message) in (True, False)


@given(st.text(alphabet='{}[]()$.*"\\=!<>&|,%?- aA1', max_size=40), st.text(max_size=20))
def test_any_signs_are_read_or_refused(pattern: str, message: str) -> None:
    """The same with the signs of the grammars."""
    try:
        matches = compile_filter(pattern)
    except InvalidPattern:
        return
    assert matches(message) in (True, False)


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=4), min_size=1, max_size=3), st.text("abc "))
def test_terms_are_containment(terms: list[str], message: str) -> None:
    """Plain terms want all of themselves, excluded ones none, `?` ones any."""
    assert compile_filter(" ".join(terms))(message) is all(term in message for term in terms)
    assert compile_filter(" ".join(f"-{t}" for t in terms))(message) is not any(t in message for t in terms)
    assert compile_filter(" ".join(f"?{t}" for t in terms))(message) is any(t in message for t in terms)
