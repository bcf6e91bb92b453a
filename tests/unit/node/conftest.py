"""Leaves the test process as it was: it runs other tests after these."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(autouse=True)
def adopts_nobody() -> Iterator[None]:
    """Tests that play the agent adopt orphans as it does, and reap them; another would leave zombies."""
    yield
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
