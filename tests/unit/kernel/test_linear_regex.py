from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.linear_regex import BadRegex, Expressions, replacer, searcher


@pytest.mark.parametrize(
    ("expression", "replacement", "text", "expected"),
    [
        ("^/api/(.+)$", "/$1", "/api/a/b", "/a/b"),
        ("^/api/(.+)$", "/$1", "/other", None),
        ("b", "x", "abab", "axab"),
        ("(a)|(b)", "<$1$2>", "b", "<b>"),
        ("a", "$0$0", "ba", "baa"),
        ("a", "$$1 costs $7 or $", "a", "$1 costs  or $"),
        ("é(.)", "$1", "caféß", "cafß"),
    ],
)
def test_replaces_what_is_found_first(
    expression: str, replacement: str, text: str, expected: str | None
) -> None:
    assert replacer(expression, replacement)(text) == expected


@pytest.mark.parametrize("expression", ["(", "(?=a)", r"(a)\1"])
def test_look_around_and_back_references_are_refused(expression: str) -> None:
    with pytest.raises(BadRegex):
        replacer(expression, "")
    with pytest.raises(BadRegex):
        Expressions([expression])


@given(
    st.lists(st.sampled_from(["a", "^b", "c$", "a.c", "(?i)B", r"\Ab?\z", ""])), st.text("abcB", max_size=5)
)
def test_many_at_once_find_what_each_would_find(expressions: list[str], text: str) -> None:
    alone = [place for place, one in enumerate(expressions) if searcher(one)(text)]
    assert Expressions(expressions).found(text) == alone


def test_expressions_that_need_too_much_memory_may_all_be_found() -> None:
    """Who asks looks closer then; nothing is missed."""
    large = Expressions([rf"\pL{{30}}x{number}" for number in range(10)])
    assert large.found("a" * 30 + "x3") == [*range(10)]
    assert Expressions([f"x{number}" for number in range(10)]).found("x3") == [3]
