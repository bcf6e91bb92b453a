"""The trace header of an invocation: the caller's, or a new one that is not sampled. Pure.

X-Ray developer guide, "Tracing header". Known gap: no segments are sent anywhere; Active tracing changes
nothing.
"""

from __future__ import annotations

import re

from windlass.kernel.clock import SECOND, Instant

TRACE_BYTES_MAX = 512
"""Longest header that is handed on; AWS's own are shorter than 200."""
_ROOT = re.compile(r"(^|;)\s*Root=1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}\s*(;|$)")
_PLAIN = re.compile(r"[\x20-\x7e]*")


def trace_id(given: str, now: Instant, digits: str) -> str:
    """What the function finds in _X_AMZN_TRACE_ID. `digits` are 40 fresh hex digits for a header of our own.

    >>> trace_id("", 0, "0123456789abcdef" * 2 + "01234567")
    'Root=1-00000000-0123456789abcdef01234567;Parent=89abcdef01234567;Sampled=0'
    """
    if len(given) <= TRACE_BYTES_MAX and _PLAIN.fullmatch(given) and _ROOT.search(given):
        return given
    return f"Root=1-{now // SECOND:08x}-{digits[:24]};Parent={digits[24:]};Sampled=0"
