"""What accounts were granted.

Read by `Quotas` with every decision, so a grant holds from its transaction on.
"""

from __future__ import annotations

from windlass.aws.quotas import Scope
from windlass.kernel.store import Store
from windlass.services.service_quotas.model import GRANTED


class Grants:
    """Reads of the table; what the log takes back is not granted."""

    def __init__(self, store: Store) -> None:
        self._rows = store[GRANTED]

    def value(self, scope: Scope, name: str) -> float | None:
        """The granted value of that quota, or None."""
        if not len(self._rows):  # as in most planes, where this is asked with every call
            return None
        found = self._rows.get((*scope, name))
        return None if found is None else found.value
