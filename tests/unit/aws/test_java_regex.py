"""Java's patterns in Python: what they match, which are not run, and that none explodes."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.aws.java_regex import compiled, translate
from windlass.aws.regex_cost import explosive

SERVICES = ("batch", "ecr", "ecs", "elbv2", "events", "iam", "lambda", "logs", "scheduler", "sqs", "sts")


@cache
def patterns() -> dict[str, str]:
    """Every pattern of those services, and one shape that has it."""
    found: dict[str, str] = {}
    for service in SERVICES:
        model = botocore.session.get_session().get_service_model(service)
        for name in model.shape_names:
            pattern = model.shape_for(name).metadata.get("pattern")
            if pattern:
                found.setdefault(pattern, f"{service} {name}")
    return found


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"[\w+=,.@-]+", ["a_1+=,.@-"], ["é", "a b", ""]),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", ["", "Grüße 東京 5½ ", "a-b"], ["a!", "a\n"]),
        (r"\p{Alnum}+", ["aZ9"], ["é"]),
        (r"\P{L}+", ["123", "\U0010ffff"], ["a"]),
        (r"[\w-_]*", ["a-_"], ["+"]),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", ["a\U0001f600\n"], ["\x00"]),
        (r"(?<year>\d{4})-\k", [], []),
        (r"[\p{L}]+", ["Grüße"], ["a1", "_"]),
        (r"[^\p{L}\p{N}_]+", ["+-"], ["é", "5"]),
        (r"\p{Z}+", [" \xa0\u3000"], ["a", "\t"]),
        (r"[\w\-]+", ["a-b"], ["+"]),
        (r"[a-c-e]+", ["-e"], ["d"]),
        (r"(?<year>\d{4})", ["2026"], ["٢٠٢٦", "20260"]),
        (r"[a[]+", ["a["], ["]"]),
        (r"a|ab", ["ab", "a"], ["abc"]),
        (r"^[a-z]+$", ["abc"], ["abc\n"]),
        (r"[^\x00-\x1F:\x7F]+", ["a b"], ["a:b"]),
        (r"\x{1F600}", ["\U0001f600"], ["x"]),
    ],
)
def test_matches_as_java_does(pattern: str, good: list[str], bad: list[str]) -> None:
    """The whole text, ASCII classes, Unicode properties, surrogate pairs, odd hyphens and brackets."""
    matches = compiled(pattern)
    if matches is None:
        assert not good
        return
    assert [text for text in good if not matches(text)] == []
    assert [text for text in bad if matches(text)] == []


def test_patterns_that_are_not_run() -> None:
    """Each is a gap in checking, named here: all could take exponential time."""
    assert sorted(shape for pattern, shape in patterns().items() if compiled(pattern) is None) == [
        "ecr ScanningRepositoryFilterValue",
        "events AuthHeaderParameters",
        "events HeaderValue",
    ]


def test_no_pattern_explodes() -> None:
    """The repeated characters that trip naive patterns, then one that cannot match; pytest would hang."""
    for pattern in patterns():
        matches = compiled(pattern)
        for part in ("a", "a-", "/a", "a.", "1", "arn:", "[0]", "-", "_", " ", ".a[0]"):
            if matches is not None:
                matches(part * (256 // len(part)) + "\x00")


def test_the_unicode_word_is_letters_numbers_and_underscore() -> None:
    """The short cut for `\\p{L}\\p{N}_` takes the very characters that the categories give."""
    matches = compiled(r"[\p{L}\p{N}_]")
    assert matches is not None
    wrong = [
        point
        for point in range(0x110000)
        if matches(chr(point)) != (unicodedata.category(chr(point))[0] in "LN" or chr(point) == "_")
    ]
    assert [hex(point) for point in wrong] == []


def test_separators_are_the_category() -> None:
    """The list that stands for `\\p{Z}`."""
    matches = compiled(r"\p{Z}")
    assert matches is not None
    assert all(matches(chr(n)) == (unicodedata.category(chr(n))[0] == "Z") for n in range(0x3100))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("(a+)+", True),
        ("(a|a)*", False),  # exponential in theory, but no repeat inside: not found, and in no model
        ("([a-z]+)*", True),
        ("(a*b?)*", True),
        (r"([ \t]+[\x20-\x7E]+)*", True),
        ("(/[a-z]+)*", False),
        ("([a-z]+-)*", False),
        (r"(\.[\w-]+(\[\d+\])*)*", False),
        ("((a+)b)*", False),
        ("([0-9a-f]{16})+", False),
        ("[a-z]+[0-9]*", False),
        ("(a{2,3}b)*", False),
    ],
)
def test_explosive(pattern: str, expected: bool) -> None:
    """A repeat inside a repeat, unless each turn begins or ends with a mark of its own."""
    assert explosive(pattern) is expected


@given(st.text(max_size=30))
def test_translation_never_crashes(pattern: str) -> None:
    """Any text is a pattern, or gives None."""
    compiled(pattern)


@given(st.text(alphabet=r"ab\[]()*+-^$.|?{}1,", max_size=12), st.text(alphabet="ab[-", max_size=6))
def test_plain_patterns_mean_the_same(pattern: str, text: str) -> None:
    """Where Java and Python agree on the notation, so do we."""
    matches = compiled(pattern)
    if matches is not None and translate(pattern) == pattern:
        assert matches(text) == (re.fullmatch(pattern, text, re.ASCII) is not None)
