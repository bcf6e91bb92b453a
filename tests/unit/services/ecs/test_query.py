"""Cluster query expressions: what they match, and what is no expression."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.build import NOW
from windlass.kernel.faults import Fault
from windlass.services.ecs import query
from windlass.services.ecs.query import Subject

WEB = Subject(
    attributes={"ecs.instance-type": "t3.small", "stack": "prod", "rack": "9", "flag": ""},
    agent_version="1.10.0",
    machine_id="i-1",
    registered_at=NOW,
    running_tasks=3,
    has_group=lambda group: group == "family:web",
)


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("attribute:stack == prod", True),
        ("attribute:stack equals prod", True),
        ("attribute:stack != prod", False),
        ("attribute:stack not_equals test", True),
        ("attribute:nothing == prod", False),
        ("attribute:nothing != prod", True),
        ("attribute:flag exists", True),
        ("attribute:nothing !exists", True),
        ("attribute:nothing not_exists", True),
        ("attribute:stack in [prod, test]", True),
        ("attribute:stack !in [prod, test]", False),
        ("attribute:stack not_in [test]", True),
        ("attribute:nothing in [x]", False),
        ("attribute:ecs.instance-type == t3.small", True),
        ("attribute:stack == 'prod'", True),
        ('attribute:stack == "pr od"', False),
        ("attribute:rack < 10", True),
        ("attribute:rack greater_than_equal 10", False),
        ("agentConnected == true", True),
        ("agentConnected == False", False),
        ("agentVersion >= 1.9.0", True),
        ("agentVersion less_than 1.9", False),
        ("ec2InstanceId in [i-1, i-2]", True),
        ("runningTasksCount > 2 and runningTasksCount <= 3", True),
        ("registeredAt > 2020-01-01", True),
        ("registeredAt < 2020-01-01T10:00:00Z", False),
        ("task:group == family:web", True),
        ("task:group != family:web", False),
        ("task:group in [family:api, family:web]", True),
        ("not(task:group == family:api)", True),
        ("attribute:stack == test or agentConnected == true", True),
        ("attribute:stack == test || agentConnected == true && attribute:rack == 1", False),
        ("(attribute:stack == test or agentConnected == true) and attribute:rack == 9", True),
        ("!(attribute:stack == prod && attribute:rack == 9)", False),
        ("attribute:and exists", False),
        ("attribute:ecs.instance-type =~ t3.*", True),
        ("attribute:ecs.instance-type =~ t3", False),
        ("attribute:ecs.instance-type !~ t3", True),
        ("attribute:ecs.instance-type matches 't[23][.](small|large)'", True),
        ("attribute:nothing not_matches .*", True),
    ],
)
def test_matches(expression: str, matches: bool) -> None:
    assert query.compile(expression)(WEB) == matches


@pytest.mark.parametrize(
    "expression",
    [
        "", "stack == prod", "attribute: == x", "attribute:stack", "attribute:stack ==",
        "attribute:stack = prod",
        "attribute:stack == prod and", "(attribute:stack == prod", "attribute:stack == prod)",
        "attribute:stack in []", "attribute:stack in prod", "attribute:stack in [a b]",
        "attribute:stack ! prod",
        "agentConnected == maybe", "registeredAt > yesterday", "task:group > family:web", "task:group exists",
        "not", "== ==", "attribute:stack == [", "attribute:stack == \"prod",
        "(" * 60 + "agentConnected exists",
        "!" * 60 + "agentConnected exists", "attribute:stack == " + "x" * 2_000,
        "attribute:stack =~ '('", "attribute:stack !=~ p",
    ],
)  # fmt: skip
def test_refused(expression: str) -> None:
    """AWS's error for all of them; none hangs or breaks."""
    with pytest.raises(Fault) as refused:
        query.compile(expression)
    assert refused.value.code == "InvalidParameterException"


WORDS = st.sampled_from(
    ["attribute:stack", "agentConnected", "==", "!=", "in", "[", "]", ",", "(", ")", "and", "or", "!", "prod"]
)


@given(st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=40))
def test_anything_is_an_expression_or_refused(text: str) -> None:
    """Untrusted text compiles to a predicate that answers, or is InvalidParameterException."""
    try:
        predicate = query.compile(text)
    except Fault as fault:
        assert fault.code == "InvalidParameterException"
    else:
        assert predicate(WEB) in (True, False)
