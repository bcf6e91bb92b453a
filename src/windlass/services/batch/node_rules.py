"""Which nodes of a multi-node parallel job have which properties: `targetNodes`. Pure.

Rules: Batch API reference, NodeProperties, NodeRangeProperty; facts/batch.md, 7. "0:3" are nodes 0 to 3,
":3" too, "4:" all from the fourth on. Ranges may nest, and the inner one wins; together they are all nodes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from windlass.services.batch import limits
from windlass.services.batch.faults import invalid

_RANGE = re.compile(r"([0-9]{0,4}):([0-9]{0,4})|([0-9]{1,4})", re.ASCII)


def check(properties: Mapping[str, Any]) -> None:
    """Raises ClientException for nodeProperties whose nodes do not add up."""
    count, groups = properties["numNodes"], properties["nodeRangeProperties"]
    if not 1 <= count <= limits.NODES_MAX:
        raise invalid(f"numNodes must be between 1 and {limits.NODES_MAX}.")
    if not 0 <= properties["mainNode"] < count:
        raise invalid("mainNode must be 0 or more, and less than numNodes.")
    if not 1 <= len(groups) <= limits.NODE_GROUPS_MAX:
        raise invalid(f"nodeRangeProperties must have 1 to {limits.NODE_GROUPS_MAX} items.")
    found = [nodes(group["targetNodes"], count) for group in groups]
    for one in found:
        for other in found:
            if one is not other and _cross(one, other):
                raise invalid("targetNodes may nest, and not cross each other.")
    covered = set().union(*found)
    if len(covered) < count:
        raise invalid(f"targetNodes must account for all nodes: node {_first_gap(covered)} has none.")


def nodes(target: str, count: int) -> range:
    """The nodes that `targetNodes` names, of so many. Raises ClientException.

    >>> nodes("1:2", 4), nodes(":1", 4), nodes("2:", 4)
    (range(1, 3), range(0, 2), range(2, 4))
    """
    read = _RANGE.fullmatch(target)
    if read is None:
        raise invalid(f"targetNodes '{target[:20]}' is not a range of nodes.")
    first, last = (read[3], read[3]) if read[3] is not None else (read[1], read[2])
    found = range(int(first or 0), int(last or count - 1) + 1)
    if not found or found[-1] >= count:
        raise invalid(f"targetNodes '{target}' is not within nodes 0 to {count - 1}.")
    return found


def _cross(one: range, other: range) -> bool:
    """Whether they share nodes and neither is within the other. Equal ones cross too: neither is inner."""
    apart = one[-1] < other[0] or other[-1] < one[0]
    within = one[0] >= other[0] and one[-1] <= other[-1]
    around = one[0] <= other[0] and one[-1] >= other[-1]
    return not apart and within == around


def _first_gap(covered: set[int]) -> int:
    return next(node for node in range(len(covered) + 1) if node not in covered)
