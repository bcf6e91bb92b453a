"""Where function packages are kept, and how much of them an account has."""

from __future__ import annotations

from collections import Counter

from windlass.aws.quotas import Quotas, Scope
from windlass.kernel.blobs import Blobs
from windlass.kernel.faults import Fault
from windlass.kernel.store import Change, Store
from windlass.services.lambda_.limits import CODE_STORAGE_GB
from windlass.services.lambda_.model import FUNCTIONS, VERSIONS, Function, Version

GB = 1 << 30
"""As Lambda counts them."""


class CodeStore(Blobs):
    """Packages by their SHA-256, in the plane's blob directory under "lambda"."""


class CodeUsage:
    """Bytes of packages per account and Region: $LATEST and every version count, as AccountUsage does."""

    def __init__(self, store: Store, quotas: Quotas) -> None:
        self._quotas = quotas
        self._bytes: Counter[Scope] = Counter()
        rows: list[Function | Version] = [*store[FUNCTIONS].all(), *store[VERSIONS].all()]
        for row in rows:
            self._bytes[row.account, row.region] += _size(row)
        store.watch((FUNCTIONS, VERSIONS), self._on_change)

    def total(self, scope: Scope) -> int:
        return self._bytes[scope]

    def limit(self, scope: Scope) -> int:
        """Bytes; the default unless the profile has "lambda.code_storage_gb"."""
        value = self._quotas.value("lambda.code_storage_gb", scope)
        return int((CODE_STORAGE_GB if value is None else value) * GB)

    def check(self, scope: Scope, more: int) -> None:
        """Raise CodeStorageExceededException when so many bytes more do not fit."""
        if more > 0 and self._bytes[scope] + more > self.limit(scope):
            raise Fault("CodeStorageExceededException", "Code storage limit exceeded.")

    def _on_change(self, change: Change) -> None:
        for row, sign in ((change.old, -1), (change.new, 1)):
            if row is not None:
                self._bytes[row.account, row.region] += sign * _size(row)


def _size(row: Function | Version) -> int:
    return row.shown.code_size
