"""`Ref::` placeholders: what they become, and that they stay one argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.services.batch.references import substituted

WORDS = st.text(max_size=20)


@pytest.mark.parametrize(
    ("word", "parameters", "becomes"),
    [
        ("Ref::codec", {"codec": "h264"}, "h264"),
        ("Ref::codec", {"codec": ""}, ""),
        ("Ref::codec", {}, "Ref::codec"),
        ("Ref::codec", {"other": "x"}, "Ref::codec"),
        ("--in=Ref::file.mp4", {"file": "a b"}, "--in=a b.mp4"),
        ("Ref::a/Ref::b", {"a": "1", "b": "2"}, "1/2"),
        ("Ref::input", {"in": "x", "input": "y"}, "y"),
        ("Ref::input", {"in": "x"}, "Ref::input"),
        ("Ref::a", {"a": "Ref::b", "b": "x"}, "Ref::b"),
        ("xRef::a", {"a": "1"}, "x1"),
        ("Ref::batch type!", {"batch type!": "x", "batch": "y"}, "x"),
        ("ref::a", {"a": "1"}, "ref::a"),
        ("Ref::", {"": "x"}, "x"),
        ("--Ref::", {"": "x"}, "--Ref::"),
        (r"Ref::a", {"a": r"\1 \g<0>"}, r"\1 \g<0>"),
    ],
)
def test_one_word(word: str, parameters: dict[str, str], becomes: str) -> None:
    assert substituted([word], parameters) == (becomes,)


@given(st.text().map("$(rm -rf /); \"'`\n {}".format) | st.sampled_from(["a b", "';x", "$(id)", "*", "a\nb"]))
def test_a_value_stays_one_argument(value: str) -> None:
    """Whatever a parameter says, it is data: no shell ever sees it, and no word is made of it."""
    command = ["sh", "-c", 'echo "$0"', "Ref::value", "--x=Ref::value"]
    assert substituted(command, {"value": value}) == ("sh", "-c", 'echo "$0"', value, f"--x={value}")


@given(st.lists(WORDS | WORDS.map("Ref::{}".format)), st.dictionaries(WORDS, WORDS, max_size=4))
def test_words_are_neither_made_nor_lost(command: list[str], parameters: dict[str, str]) -> None:
    after = substituted(command, parameters)
    assert len(after) == len(command)
    plain = [(was, word) for was, word in zip(command, after, strict=True) if "Ref::" not in was]
    assert all(was == word for was, word in plain)
