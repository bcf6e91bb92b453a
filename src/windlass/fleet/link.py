"""Sessions with nodes. Knows sessions and messages; transports carry them (design D13)."""

from __future__ import annotations

from typing import Protocol

from windlass.fleet.messages import Invoke, InvokeResult


class Links(Protocol):
    """What services may ask of node sessions: what cannot be a row."""

    async def invoke(self, node_id: str, invoke: Invoke) -> InvokeResult:
        """Hand one event to an environment and wait for its result.

        Raises Retry when the node's session is lost before the result came.
        """
