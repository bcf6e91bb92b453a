"""Where function packages are kept, and how much of them an account has."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Any

from windlass.aws.quotas import Quotas, Scope
from windlass.kernel.blobs import Blobs
from windlass.kernel.faults import Fault
from windlass.kernel.store import Change, Store, Table
from windlass.services.lambda_.layer_model import LAYER_VERSIONS, LayerVersion
from windlass.services.lambda_.limits import CODE_STORAGE_GB
from windlass.services.lambda_.model import FUNCTIONS, VERSIONS, Function, Version

_COUNTED: tuple[Table[Any], ...] = (FUNCTIONS, VERSIONS, LAYER_VERSIONS)
GB = 1 << 30
"""As Lambda counts them."""


class CodeStore(Blobs):
    """Packages by their SHA-256, in the plane's blob directory under "lambda"."""

    def file(self, sha256: str) -> str:
        """The absolute path of a package's file; empty when packages are in memory."""
        path = self.path(sha256)
        return "" if path is None else str(path.absolute())


class CodeUsage:
    """Bytes of packages per account and Region: $LATEST, every version and every layer version count."""

    def __init__(self, store: Store, quotas: Quotas) -> None:
        self._quotas = quotas
        self._bytes: Counter[Scope] = Counter()
        for row in chain(*(store[table].all() for table in _COUNTED)):
            self._bytes[row.account, row.region] += _size(row)
        store.watch(_COUNTED, self._on_change)

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


def named(store: Store) -> set[str]:
    """The SHA-256 of every package that a row names."""
    settings = [s for f in store[FUNCTIONS].all() for s in (f.wanted, f.served) if s is not None]
    settings += [version.settings for version in store[VERSIONS].all()]
    used = {one.code_sha256 for one in settings}
    used |= {layer.code_sha256 for one in settings for layer in one.layers}
    return used | {version.code_sha256 for version in store[LAYER_VERSIONS].all()}


def _size(row: Function | Version | LayerVersion) -> int:
    return row.code_size if isinstance(row, LayerVersion) else row.shown.code_size
