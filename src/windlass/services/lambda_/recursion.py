"""Loops of invocations: how often a function has run in a chain of requests, told by the trace header. Pure.

A function's own calls carry its trace header (the SDKs see to that), queues and asynchronous events keep it,
so what comes back to the function says how often it has been there: `Lineage=2:MARK:COUNT|…`, as on AWS, but
for the marks, whose making is not published. A chain that loses the header is not noticed.
Source: Lambda developer guide, "Use Lambda recursive loop detection to prevent infinite loops".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

from windlass.kernel.faults import Fault

RUNS_MAX = 16
"""Runs of one function in one chain; "about 16", same page."""
FUNCTIONS_MAX = 20
"""Functions that a header remembers: the others of a longer chain are forgotten. Ours, for its length."""
RECURSIVE = "RecursiveInvocationException"
_LINEAGE = re.compile(r";\s*Lineage=2:([0-9a-f]{8}:\d{1,5}(?:\|[0-9a-f]{8}:\d{1,5})*)")


@lru_cache(maxsize=4_096)
def mark_of(function_arn: str) -> str:
    """How the function is called in a lineage: 8 hex digits, of all its versions together."""
    return hashlib.sha256(function_arn.encode()).hexdigest()[:8]


def runs(trace: str, mark: str) -> int:
    """How often that function has run in the chain.

    >>> runs("Root=1-0-0;Lineage=2:0a1b2c3d:5", "0a1b2c3d")
    5
    """
    return _counts(trace).get(mark, 0)


def one_more(trace: str, mark: str) -> str:
    """The header of the function's next run in the chain.

    >>> one_more("Root=1-0-0;Lineage=2:0a1b2c3d:5", "0a1b2c3d")
    'Root=1-0-0;Lineage=2:0a1b2c3d:6'
    """
    counts = _counts(trace)
    count = counts.pop(mark, 0) + 1
    latest = [*counts.items(), (mark, count)][-FUNCTIONS_MAX:]
    lineage = "|".join(f"{known}:{times}" for known, times in latest)
    return f"{_LINEAGE.sub('', trace)};Lineage=2:{lineage}"


def deepest(traces: Iterable[str]) -> str:
    """Of the headers of a batch the one in whose chain some function has run most; "" for none."""
    return max(traces, key=lambda trace: max(_counts(trace).values(), default=0), default="")


def stopped(function_arn: str) -> Fault:
    """For an invocation that would go on with a loop."""
    return Fault(
        RECURSIVE,
        f"The function {function_arn} has run {RUNS_MAX} times in one chain of requests: the loop is "
        "stopped. PutFunctionRecursionConfig allows loops",
    )


def _counts(trace: str) -> dict[str, int]:
    found = _LINEAGE.search(trace)
    if found is None:
        return {}
    pairs = (entry.split(":") for entry in found[1].split("|"))
    return {mark: int(count) for mark, count in pairs}
