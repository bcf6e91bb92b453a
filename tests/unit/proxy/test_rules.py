from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.fleet.proxy_messages import Fixed, Match, Rule
from windlass.kernel.faults import Bug
from windlass.proxy.rules import Prefixes, Question, Rules, one_of

HEADERS = {"x-kind": ["Blue", "deep Red"], "user-agent": ["curl/8"]}


def asked(
    path: str = "/",
    *,
    host: str = "web.example.com",
    method: str = "GET",
    query: str = "",
    source: str = "10.0.0.7",
) -> Question:
    return Question(method, host, path, query, source, lambda name: HEADERS.get(name, ()))


def rules(*matches: Sequence[Match]) -> list[Rule]:
    """One rule for each, "0", "1", …, and the default."""
    found = [Rule(str(number), tuple(one), Fixed(200)) for number, one in enumerate(matches)]
    return [*found, Rule("default", (), Fixed(404))]


@pytest.mark.parametrize(
    ("match", "question", "holds"),
    [
        (Match("path", values=("/img/*",)), asked("/img/a"), True),
        (Match("path", values=("/img/*",)), asked("/img"), False),
        (Match("path", values=("/IMG/*",)), asked("/img/a"), False),
        (Match("path", values=("/a?c", "/b")), asked("/abc"), True),
        (Match("path", values=("/a?c",)), asked("/ac"), False),
        (Match("path", values=("/*/v1",)), asked("/a/b/v1"), True),
        (Match("path", values=("/a.c",)), asked("/abc"), False),
        (Match("path", values=("/a\\*",)), asked("/a\\b"), True),
        (Match("path", regexes=("^/a/[0-9]+$",)), asked("/a/12"), True),
        (Match("path", regexes=("^/a/[0-9]+$",)), asked("/a/x"), False),
        (Match("path", values=("/z",), regexes=("q",)), asked("/aqa"), True),
        (Match("host", values=("*.Example.com",)), asked(host="a.example.com"), True),
        (Match("host", values=("*.example.com",)), asked(host="a.example.com:8443"), True),
        (Match("host", values=("*.example.com",)), asked(host="example.com"), False),
        (Match("host", values=("web.*",)), asked(), True),
        (Match("host", regexes=("^WEB[.]example[.]com$",)), asked(host="web.example.com:81"), True),
        (Match("host", regexes=(":8443$",)), asked(host="web.example.com:8443"), True),
        (Match("method", values=("GET", "HEAD")), asked(method="HEAD"), True),
        (Match("method", values=("GET",)), asked(method="get"), False),
        (Match("source-ip", values=("10.0.0.0/8",)), asked(), True),
        (Match("source-ip", values=("10.0.0.8/29",)), asked(), False),
        (Match("source-ip", values=("0.0.0.0/0",)), asked(source="fe80::1"), False),
        (Match("source-ip", values=("fe80::/10",)), asked(source="fe80::1"), True),
        (Match("source-ip", values=("10.0.0.0/8",)), asked(source="::ffff:10.1.1.1"), True),
        (Match("source-ip", values=("::/0",)), asked(source="no address"), False),
        (Match("header", "X-Kind", values=("blue",)), asked(), True),
        (Match("header", "X-Kind", values=("*RED",)), asked(), True),
        (Match("header", "X-Kind", values=("green",)), asked(), False),
        (Match("header", "X-Kind", regexes=("^deep",)), asked(), True),
        (Match("header", "X-Kind", regexes=("^blue",)), asked(), False),
        (Match("header", "X-Other", values=("*",)), asked(), False),
        (Match("query", pairs=(("Version", "V1"),)), asked(query="a=b&version=v1"), True),
        (Match("query", pairs=(("version", "v1"),)), asked(query="version=v2&x=v1"), False),
        (Match("query", pairs=(("", "v*"),)), asked(query="x=v1"), True),
        (Match("query", pairs=(("", "debug"),)), asked(query="debug"), True),
        (Match("query", pairs=(("a*", "1"), ("b", "2"))), asked(query="abc=1"), True),
        (Match("query", pairs=(("k", "a b"),)), asked(query="k=a%20b"), True),
        (Match("query", pairs=(("k", r"a\*"),)), asked(query="k=ab"), False),
        (Match("query", pairs=(("k", r"a\*"),)), asked(query="k=a%2A"), True),
        (Match("query", pairs=(("k", ""),)), asked(query="k"), True),
    ],
)
def test_conditions(match: Match, question: Question, holds: bool) -> None:
    """Each field of elbv2's RuleCondition: wildcards, expressions, ranges, pairs."""
    assert Rules(rules((match,))).choose(question).key == ("0" if holds else "default")


def test_all_conditions_must_hold_and_priority_decides() -> None:
    found = Rules(
        rules(
            (Match("path", values=("/api/*",)), Match("method", values=("POST",))),
            (Match("path", values=("/api/*",)), Match("host", values=("web.*",))),
            (Match("path", values=("/*",)),),
            (Match("path", values=("/api/users",)),),
        )
    )
    assert found.choose(asked("/api/users", method="POST")).key == "0"
    assert found.choose(asked("/api/users")).key == "1"
    assert found.choose(asked("/api/users", host="a")).key == "2"
    assert found.choose(asked("*", host="a")).key == "default"


def test_a_default_rule_there_must_be() -> None:
    with pytest.raises(Bug):
        Rules([])
    with pytest.raises(Bug):
        Rules(rules((Match("path", values=("/",)),))[:1])


words = st.text("ab/*?", min_size=1, max_size=4)
hosts = st.text("ab.*?", min_size=1, max_size=4)
regexes = st.sampled_from(["^/a", "b$", "a.b", "^$", "/"])
conditions = st.one_of(
    st.builds(lambda v: Match("path", values=tuple(v)), st.lists(words, min_size=1, max_size=2)),
    st.builds(lambda r: Match("path", regexes=(r,)), regexes),
    st.builds(lambda v: Match("host", values=tuple(v)), st.lists(hosts, min_size=1, max_size=2)),
    st.builds(lambda r: Match("host", regexes=(r,)), regexes),
    st.builds(lambda v: Match("method", values=(v,)), st.sampled_from(["GET", "PUT"])),
    st.builds(
        lambda v: Match("source-ip", values=(v,)), st.sampled_from(["10.0.0.0/8", "10.0.0.7/32", "9.0.0.0/8"])
    ),
    st.builds(lambda v: Match("header", "X-Kind", values=(v,)), st.sampled_from(["blue", "*red", "x"])),
    st.builds(lambda k, v: Match("query", pairs=((k, v),)), st.sampled_from(["", "a", "a?"]), words),
)


@given(
    st.lists(st.lists(conditions, min_size=1, max_size=3), max_size=8),
    st.text("ab/", max_size=4),
    st.text("ab.", max_size=4),
    st.sampled_from(["", "a=a", "ab=b/", "b"]),
)
def test_what_is_looked_up_is_what_asking_each_rule_would_find(
    matches: list[list[Match]], path: str, host: str, query: str
) -> None:
    """The first rule, in order, that holds when it is the only one."""
    question = asked("/" + path, host=host, query=query)
    alone = (str(n) for n, one in enumerate(matches) if Rules(rules(one)).choose(question).key == "0")
    assert Rules(rules(*matches)).choose(question).key == next(alone, "default")


@given(st.lists(st.text("ab", max_size=5)), st.text("ab", max_size=8))
def test_prefixes(texts: list[str], text: str) -> None:
    entries = [(one, number) for number, one in enumerate(texts)]
    assert [*Prefixes(entries).of(text)] == [number for one, number in entries if text.startswith(one)]


@given(st.text("a*?", max_size=5), st.text("ab", max_size=6))
def test_wildcards_are_what_the_slow_way_says(pattern: str, text: str) -> None:
    slow = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), text)
    assert one_of([pattern])(text) == (slow is not None)
