"""Where function packages are kept."""

from __future__ import annotations

from windlass.kernel.blobs import Blobs


class CodeStore(Blobs):
    """Packages by their SHA-256, in the plane's blob directory under "lambda"."""
