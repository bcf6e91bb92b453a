"""Trace headers: the caller's is handed on if it is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kernel.clock import SECOND
from windlass.services.lambda_.tracing import trace_id

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
OWN = f"Root=1-00000000-{'a' * 24};Parent={'a' * 16};Sampled=0"


@pytest.mark.parametrize("given", [ROOT, f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1", f"Self=x;{ROOT}"])
def test_the_callers_header_is_handed_on(given: str) -> None:
    """Whatever else it says."""
    assert trace_id(given, 0, "a" * 40) == given


@pytest.mark.parametrize("given", ["", "Root=1-x-y", "Sampled=1", f"{ROOT}\r\nEvil: 1", ROOT + ";x" * 400])
def test_what_is_none_is_replaced(given: str) -> None:
    """By one that is not sampled, with the time in its root."""
    assert trace_id(given, SECOND - 1, "a" * 40) == OWN


@given(st.text(max_size=600))
def test_nothing_breaks_a_header(given: str) -> None:
    """One line of plain characters, with a root, whatever the caller sends."""
    made = trace_id(given, 0, "a" * 40)
    assert made.isascii() and made.isprintable() and "Root=1-" in made
