"""Names, references and labels of parameters."""

from __future__ import annotations

import pytest

from windlass.kernel.faults import Fault
from windlass.services.ssm import parameter
from windlass.services.ssm.model import Parameter, ParameterVersion
from windlass.services.ssm.parameter import Reference

ARN = "arn:aws:ssm:us-east-1:123456789012:parameter"


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("name", Reference("name")),
        ("/a/b:stable", Reference("/a/b", "stable")),
        (f"{ARN}/a/b:2", Reference("/a/b", "2")),
        (f"{ARN}/name", Reference("name")),
    ],
)
def test_references(text: str, means: Reference) -> None:
    assert parameter.reference(text) == means


@pytest.mark.parametrize("name", ["a", "/a", "/a/b.c/d-e_f", "A1"])
def test_good_names(name: str) -> None:
    parameter.check_name(name)


@pytest.mark.parametrize("name", ["", "a/b", "//", "/a/", "a b", "AWS", "/ssm/x", "ä", "/x" * 16])
def test_bad_names(name: str) -> None:
    with pytest.raises(Fault):
        parameter.check_name(name)


def test_which_version_is_meant() -> None:
    """The latest, one by number, one by its label."""
    row = Parameter("1", "r", "p", latest=2)
    versions = [
        ParameterVersion("1", "r", "p", n, f"v{n}", "String", 0, "", labels=(f"l{n}",)) for n in (1, 2)
    ]
    for selector, value in (("", "v2"), ("1", "v1"), ("l1", "v1"), ("l2", "v2")):
        found = parameter.choose(row, versions, selector)
        assert found is not None and found.value == value
    assert parameter.choose(row, versions, "3") is None


def test_cipher_text_tells_nothing() -> None:
    """It depends on the parameter and its version alone."""
    one = ParameterVersion("1", "r", "p", 1, "hunter2", parameter.SECURE, 0, "")
    other = ParameterVersion("1", "r", "p", 1, "swordfish", parameter.SECURE, 0, "")
    assert parameter.shown_value(one, False) == parameter.shown_value(other, False) != "hunter2"
    assert parameter.shown_value(one, True) == "hunter2"


@pytest.mark.parametrize(
    ("label", "valid"), [("prod", True), ("1st", False), ("aws-x", False), ("a b", False)]
)
def test_labels(label: str, valid: bool) -> None:
    assert parameter.label_is_valid(label) == valid
