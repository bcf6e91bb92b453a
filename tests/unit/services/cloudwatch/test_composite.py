"""Rules of composite alarms: what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.faults import Fault
from windlass.services.cloudwatch.composite import read
from windlass.services.cloudwatch.evaluate import State

STATES: dict[str, State] = {"a": "ALARM", "o": "OK", "i": "INSUFFICIENT_DATA", 'x "y"': "ALARM"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(a)", True),
        ("ALARM(o)", False),
        (" OK ( o ) AND INSUFFICIENT_DATA(i)", True),
        ("ALARM(gone) OR OK(gone)", False),  # an alarm that is not there is in no state
        ("NOT ALARM(o)", True),
        ("NOT ALARM(a) OR OK(o)", True),  # NOT first
        ("NOT (ALARM(a) OR OK(o))", False),
        ("ALARM(a) OR ALARM(o) AND FALSE", True),  # AND before OR
        ("(ALARM(a) OR ALARM(o)) AND FALSE", False),
        ("NOT(TRUE)", False),
        (r'ALARM("x \"y\"")', True),
        ("TRUE", True),
    ],
)
def test_what_a_rule_comes_to(rule: str, holds: bool) -> None:
    assert read(rule, str).holds(STATES) is holds


def test_alarms_are_named_once_in_order() -> None:
    assert read("ALARM(b) OR OK(a) OR ALARM(b)", str.upper).names == ("B", "A")


@pytest.mark.parametrize(
    "rule", [" OR ".join(f"ALARM(a{n})" for n in range(101)), " OR ".join(["TRUE"] * 600)]
)
def test_rules_have_limits(rule: str) -> None:
    with pytest.raises(Fault, match="more than"):
        read(rule, str)


@given(st.text('ALRMOKNTDFUSE() "\\ax_', max_size=60))
def test_any_text_is_read_or_refused(rule: str) -> None:
    try:
        found = read(rule, str)
    except Fault as fault:
        assert fault.code == "ValidationError"
    else:
        assert found.holds(STATES) in (True, False)


RULES = st.recursive(
    st.sampled_from(["ALARM(a)", "OK(a)", "TRUE", "FALSE"]),
    lambda inner: st.one_of(
        inner.map(lambda one: f"NOT ({one})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
    ),
    max_leaves=12,
)


@given(RULES, st.sampled_from(["ALARM", "OK"]))
def test_rules_mean_what_python_says(rule: str, state: State) -> None:
    said = rule.replace("ALARM(a)", str(state == "ALARM")).replace("OK(a)", str(state == "OK"))
    for ours, theirs in (("TRUE", "True"), ("FALSE", "False"), ("NOT", "not"), ("AND", "and"), ("OR", "or")):
        said = said.replace(ours, theirs)
    assert read(rule, str).holds({"a": state}) is eval(said)
