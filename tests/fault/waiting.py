"""Waiting for a condition that another process brings about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
WITHIN_S = 60.0
PERIOD_S = 0.05


def until(found: Callable[[], T | None], what: str, within_s: float = WITHIN_S) -> T:
    """The first true value of `found()`; fails with `what` when there is none in time."""
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while time.monotonic() < deadline:
        if value := found():
            return value
        pause.wait(PERIOD_S)
    raise AssertionError(f"not within {within_s:g} s: {what}")
