"""What a node tells of the making of a function's environment. node/ may import it."""

from __future__ import annotations

import msgspec

INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"
"""Why an environment ended that was to be initialised ahead of events, and could not be.

In AWS's words: ProvisionedConcurrencyConfig, StatusReason.
"""


class StartPhases(msgspec.Struct, frozen=True, omit_defaults=True):
    """How long a node took for each part of an environment's start: nanoseconds, in the order of their time.

    Durations and no instants: the clocks of a node and its plane need not agree.
    """

    code: int = 0
    """Fetching and unpacking the package, and finding what runs it; next to nothing when it is there."""
    network: int = 0
    """Connecting it with its VPC."""
    sandbox: int = 0
    """Making the process and what isolates it."""
    runtime: int = 0
    """From the start of the process until the runtime has called its Runtime API for the first time."""
    init: int = 0
    """The user's own initialisation: from there until the runtime asks for an event, or fails."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.code + self.network + self.sandbox + self.runtime + self.init
